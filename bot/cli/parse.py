"""farol parse: what the engine understands, one text a line in, one JSON object a line out."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import click

from bot.cli.console import fail, language_option, quiet_logs, read_settings, run
from bot.conversation.engine import EngineClient, EngineDown
from bot.conversation.engine_process import EngineProcess
from bot.safety.screen import load_screen
from bot.settings import ROOT, Settings
from nlu.languages import load_languages

_BATCH = 200
_DEFAULT_ENGINE = "http://127.0.0.1:5005"


@click.command()
@language_option(help="Language of all texts; auto identifies each.")
def parse(language: str) -> None:
    """Read texts from standard input, a line each, and print what is understood: language, intent, entities, danger.

    Uses a running engine (FAROL_ENGINE_URL) or starts one for the occasion.
    """
    known = load_languages().shipped
    if language != "auto" and language not in known:
        fail(f"--language {language}: not one of auto, {', '.join(known)}")
    quiet_logs()
    run(_parse(read_settings(), language))


async def _parse(settings: Settings, language: str) -> int:
    screen = load_screen(settings.content_dir / "safety", load_languages().shipped)
    async with an_engine(settings) as engine:
        for texts in _batches(sys.stdin.buffer):
            for text, parsed in zip(texts, await engine.parse(texts, language), strict=True):
                sign = screen.crisis(text, first=parsed["language"])
                print(json.dumps(_line(parsed, sign and sign.name), ensure_ascii=False), flush=False)
            sys.stdout.flush()
    return 0


def _line(parsed: dict, sign: str | None) -> dict:
    """`danger` is what the rules of the safety screen found or, failing that, the model."""
    return {
        "text": parsed["text"],
        "language": parsed["language"],
        "language_confidence": parsed["language_confidence"],
        "detected": parsed["detected"],
        "intent": parsed["intent"]["name"],
        "confidence": round(parsed["intent"]["confidence"], 4),
        "decision": "danger" if sign else parsed["decision"],
        "danger": sign or parsed["danger"],
        "ranking": [{"intent": r["name"], "confidence": round(r["confidence"], 4)} for r in parsed["intent_ranking"]],
        "entities": [
            {key: entity[key] for key in ("entity", "value", "start", "end") if key in entity}
            for entity in parsed["entities"]
        ],
    }


def _batches(stream: object) -> Iterator[list[str]]:
    texts = []
    for line in stream:
        texts.append(line.decode("utf-8", "replace").rstrip("\r\n"))
        if len(texts) == _BATCH:
            yield texts
            texts = []
    if texts:
        yield texts


@asynccontextmanager
async def an_engine(settings: Settings) -> AsyncIterator[EngineClient]:
    """A running engine, or one started here and stopped again. It needs no assistant: parsing runs no actions."""
    for url in (*settings.engine_urls, _DEFAULT_ENGINE):
        client = EngineClient(lambda url=url: url, settings.engine_timeout)
        await client.start()
        try:
            await asyncio.wait_for(client.health(), 3)
        except (EngineDown, TimeoutError):
            await client.stop()
            if settings.engine_urls and url == settings.engine_urls[-1]:
                fail(f"FAROL_ENGINE_URL: no engine answers at {settings.engine_url}", 1)
            continue
        try:
            yield client
        finally:
            await client.stop()
        return
    process = EngineProcess(settings.engine_python, ROOT, settings.models_dir, "http://127.0.0.1:9/actions")
    client = EngineClient(lambda: process.url, settings.engine_timeout)
    try:
        await process.start()
        await client.start()
        yield client
    finally:
        await client.stop()
        await process.stop()
