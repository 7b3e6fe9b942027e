"""An engine for load and chaos: the real /turn over real HTTP, and an answer that names the message it answers.

It stands where the engine itself is not what is measured; a turn costs it next to nothing.

    python -m benchmarks.fake_engine --port 5005
"""

from __future__ import annotations

import argparse
import json

from aiohttp import web

from nlu.contract import Response, TurnReply, TurnRequest


async def turn(request: web.Request) -> web.Response:
    """Answer "<text>" with "answer to <text>"."""
    asked = TurnRequest.from_json(await request.json())
    said = TurnReply(
        language="en",
        language_confidence=1.0,
        detected="en",
        parse={"text": asked.text, "intent": {"name": "greet", "confidence": 1.0}, "decision": "answer"},
        decision="answer",
        events=[{"event": "action", "name": "action_listen"}],
        responses=[Response("rest", {"text": f"answer to {asked.text}"})],
    )
    return web.json_response(said.to_json())


async def health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok", "languages": ["en"]})


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--port", type=int, default=5005)
    port = options.parse_args().port
    app = web.Application()
    app.add_routes([web.post("/turn", turn), web.get("/health", health)])

    async def ready(app: web.Application) -> None:
        print(json.dumps({"ready": True}), flush=True)

    app.on_startup.append(ready)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main()
