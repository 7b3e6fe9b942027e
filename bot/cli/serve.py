"""farol serve, farol migrate."""

from __future__ import annotations

import asyncio
import logging
import signal

import click

from bot.app import load_content, serving
from bot.cli.console import err, out, quiet_logs, read_settings, run
from bot.cli.prepare import prepare
from bot.db import Database
from bot.settings import Settings


@click.command()
@click.option("--host", help="Address to listen on (FAROL_HOST).")
@click.option("--port", type=int, help="Port to listen on (FAROL_PORT); 0 takes any free one.")
def serve(host: str | None, port: int | None) -> None:
    """Answer on every channel whose credentials are set, and on the web page."""
    settings = read_settings()
    settings = settings.model_copy(update={k: v for k, v in {"host": host, "port": port}.items() if v is not None})
    quiet_logs(logging.INFO, settings.log_json)
    run(_serve(settings))


@click.command()
def migrate() -> None:
    """Bring the database up to date: its tables, the directory, the gazetteer of towns."""
    settings = read_settings()
    quiet_logs()
    run(_migrate(settings))


async def _serve(settings: Settings) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    err.print("Farol is getting ready (the engine takes some seconds)...")
    await _migrate(settings)
    async with serving(settings) as address:
        out.print(f"Farol is at {address}   (stop with Ctrl-C)")
        await stop.wait()
    return 0


async def _migrate(settings: Settings) -> int:
    load_content(settings)
    database = Database(settings.database)
    try:
        await prepare(database, settings)
    finally:
        await database.close()
    return 0
