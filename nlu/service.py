"""The engine's door: POST /turn, POST /parse, GET /health, on loopback or a private network only.

python -m nlu.service --port 5005 --actions http://127.0.0.1:5055/actions
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import gc
import ipaddress
import json
import logging
import os
import re
import signal
import sys
import time
import warnings
from pathlib import Path

from aiohttp import web

from nlu.quiet import quiet

BODY_LIMIT = 2 * 1024 * 1024
"""Bytes of a request: 500 texts of 4,096 characters for /parse, far more than any /turn."""

_PARSE_BATCH = 500
_SECRETS = ("FAROL_MASTER_KEY", "FAROL_DATABASE_URL", "TWILIO_", "TELEGRAM_")
"""What the names of variables begin with that the engine must not be given: whoever breaks into it finds nothing."""
_ENGINE = web.AppKey("engine", object)
_STARTED = web.AppKey("started", float)

log = logging.getLogger("farol.engine")


def build(engine: object) -> web.Application:
    """The web application around a loaded `nlu.turn.Engine`."""
    app = web.Application(client_max_size=BODY_LIMIT, middlewares=[_errors])
    app[_ENGINE] = engine
    app[_STARTED] = time.monotonic()
    app.add_routes([web.post("/turn", turn), web.post("/parse", parse), web.get("/health", health)])
    return app


async def turn(request: web.Request) -> web.Response:
    """One message of one conversation (nlu.contract)."""
    from nlu.contract import TurnRequest

    engine = request.app[_ENGINE]
    reply = await engine.turn(TurnRequest.from_json(await _json(request)))
    return web.json_response(reply.to_json())


async def parse(request: web.Request) -> web.Response:
    """Language, intent and entities of up to 500 texts."""
    from nlu.contract import ContractError

    engine = request.app[_ENGINE]
    data = await _json(request)
    texts = data.get("texts") if isinstance(data, dict) else None
    if not isinstance(texts, list) or len(texts) > _PARSE_BATCH or not all(isinstance(text, str) for text in texts):
        raise ContractError(f"texts: expected a list of at most {_PARSE_BATCH} strings")
    language = data.get("language") or "auto"
    if language != "auto" and language not in engine.languages.shipped:
        raise ContractError(f"language: '{language}' is not one of auto, {', '.join(engine.languages.shipped)}")
    parses = []
    for text in texts:
        parses.append(engine.parse(text, None if language == "auto" else language))
        # A long batch must not hold up the conversations that share this engine.
        await asyncio.sleep(0)
    return web.json_response({"parses": parses})


async def health(request: web.Request) -> web.Response:
    """Which languages are loaded and for how long."""
    engine = request.app[_ENGINE]
    uptime = round(time.monotonic() - request.app[_STARTED], 1)
    return web.json_response({"status": "ok", "languages": list(engine.languages.shipped), "uptime_s": uptime})


async def _json(request: web.Request) -> object:
    from nlu.contract import ContractError

    try:
        return await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ContractError("body: not JSON") from error


def _request_id(request: web.Request) -> str:
    """The assistant's name for the message, by which its log and ours can be laid side by side; '-' without one."""
    given = request.headers.get("X-Request-Id", "")
    return given if re.fullmatch("[0-9a-f]{8,64}", given) else "-"


@web.middleware
async def _errors(request: web.Request, handler: object) -> web.StreamResponse:
    from nlu.contract import ContractError

    try:
        return await handler(request)
    except ContractError as error:
        log.warning("request refused request=%s", _request_id(request))
        return web.json_response({"error": str(error)}, status=400)
    except web.HTTPException:
        raise
    except Exception as error:
        # The type alone: a message may quote what a person wrote.
        with_trace = os.environ.get("FAROL_DEBUG") == "1"
        log.error("turn failed: %s request=%s", type(error).__name__, _request_id(request), exc_info=with_trace)
        return web.json_response({"error": f"internal: {type(error).__name__}"}, status=500)


def load(models: Path, actions_url: str) -> object:
    """Load every model. Raises ModelRefused naming the one that is missing or was changed, and what to do."""
    from nlu.dialogue import Dialogue
    from nlu.encoder import ENCODER
    from nlu.language import LanguageIdentifier
    from nlu.languages import load_languages
    from nlu.manifest import DIALOGUE, LANGUAGE, POOLED, Manifest, model_of
    from nlu.parsers import Parser
    from nlu.turn import Engine
    from nlu.zero_shot import ZeroShotParser

    languages = load_languages()
    manifest = Manifest(models)
    parsers = {code: Parser(manifest.verified(model_of(code))) for code in languages.shipped}
    identifier = LanguageIdentifier(manifest.verified(LANGUAGE), languages)
    dialogue = Dialogue(manifest.verified(DIALOGUE), actions_url)
    ENCODER.load()
    return Engine(languages, identifier, parsers, ZeroShotParser(manifest.verified(POOLED)), dialogue)


def _give_back() -> None:
    """Hand the memory that only loading needed back to the system, where the C library can (glibc): 100 MB and more."""
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


async def _serve(engine: object, host: str, port: int) -> None:
    runner = web.AppRunner(build(engine), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    # The starter reads this line to learn the port when it asked for any (port 0).
    print(json.dumps({"ready": True, "port": site._server.sockets[0].getsockname()[1]}), flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    parent = os.getppid()
    while not stop.is_set():
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), 2)
        # Started by an assistant that was killed: do not stay behind.
        if "FAROL_ENGINE_CHILD" in os.environ and os.getppid() != parent:
            break
    await runner.cleanup()


def _is_private(host: str) -> bool:
    """Loopback, a private network, or every address of a container (docker/compose.yml puts it on an internal one)."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_private or address.is_unspecified


def main(arguments: list[str] | None = None) -> int:
    """Load and serve until told to stop."""
    options = argparse.ArgumentParser(prog="python -m nlu.service", description=__doc__.split("\n")[0])
    options.add_argument("--host", default=os.environ.get("FAROL_ENGINE_HOST", "127.0.0.1"))
    options.add_argument("--port", type=int, default=int(os.environ.get("FAROL_ENGINE_PORT", "5005")))
    options.add_argument("--models", type=Path, default=Path(os.environ.get("FAROL_MODELS", "models")))
    options.add_argument("--actions", default=os.environ.get("FAROL_ACTIONS_URL", "http://127.0.0.1:5055/actions"))
    chosen = options.parse_args(arguments)
    held = sorted(name for name, value in os.environ.items() if value and name.startswith(_SECRETS))
    if held:
        print(f"engine: refuses to start with secrets in its environment: {', '.join(held)}", file=sys.stderr)
        return 2
    if not _is_private(chosen.host):
        print(
            f"engine: {chosen.host} is not on loopback or a private network; nobody else may reach it", file=sys.stderr
        )
        return 2
    # Before numpy: its second thread, waiting for the next small sum, spins on the core that the assistant needs.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    quiet()
    try:
        engine = load(chosen.models, chosen.actions)
        _give_back()
    except ValueError as error:
        print(f"engine: {error}", file=sys.stderr)
        return 2
    asyncio.run(_serve(engine, chosen.host, chosen.port))
    return 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
