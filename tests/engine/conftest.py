"""The trained engine, loaded once for all engine tests; the engine's Python only."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

if sys.version_info >= (3, 11):
    # Rasa runs on 3.10; `make test` runs this folder with the engine's own Python.
    collect_ignore_glob = ["*.py"]
else:
    from nlu.quiet import quiet

    quiet()


class RecordedActions:
    """Answers the action protocol from a table and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list = []
        self.answers: dict = {}
        self.url = ""

    async def serve(self) -> None:
        from aiohttp import web

        async def run(request: web.Request) -> web.Response:
            data = await request.json()
            self.asked.append(data)
            return web.json_response(self.answers.get(data["next_action"], {"events": [], "responses": []}))

        app = web.Application()
        app.router.add_post("/actions", run)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/actions"


@pytest.fixture(scope="session")
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


@pytest.fixture(scope="session")
def actions(loop):
    served = RecordedActions()
    loop.run_until_complete(served.serve())
    return served


@pytest.fixture(scope="session")
def engine(actions):
    from nlu.service import load

    return load(ROOT / "models", actions.url)


@pytest.fixture()
def say(engine, actions, loop):
    """say('text', events=..., hints=...) -> TurnReply; events travel as JSON between turns, as they do in life."""
    import json

    from nlu.contract import TurnRequest

    actions.asked.clear()
    actions.answers.clear()

    def turn(text, reply=None, **fields):
        events = json.loads(json.dumps(reply.events)) if reply else []
        return loop.run_until_complete(engine.turn(TurnRequest(sender="test", text=text, events=events, **fields)))

    return turn
