"""farol chat: talk to Farol in this terminal."""

from __future__ import annotations

import asyncio
import sys

import click

from bot.cli.ask import show_reply
from bot.cli.console import err, out, quiet_logs, read_settings, run
from bot.cli.journey import journey
from bot.cli.local import TRAITS
from bot.settings import Settings


@click.command()
@click.option("--channel", type=click.Choice(sorted(TRAITS)), default="web", show_default=True)
def chat(channel: str) -> None:
    """Talk to Farol here. A button is pressed by its number; an empty line or Ctrl-D ends."""
    quiet_logs()
    run(_chat(read_settings(), channel))


async def _chat(settings: Settings, channel: str) -> int:
    err.print("Farol is getting ready (the engine takes some seconds)...")
    async with journey(settings, channel) as person:
        err.print("Write in your language. An empty line ends.")
        while True:
            text = await asyncio.to_thread(_read)
            if not text:
                return 0
            for reply in (await person.say(text)).replies:
                show_reply(reply)
            out.print()


def _read() -> str:
    sys.stdout.write("> ")
    sys.stdout.flush()
    return sys.stdin.readline().strip()
