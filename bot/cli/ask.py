"""farol ask: the whole journey for a few texts, printed."""

from __future__ import annotations

import json

import click

from bot.cli.console import fail, language_option, out, quiet_logs, read_settings, run
from bot.cli.journey import Turn, journey
from bot.cli.local import TRAITS
from bot.content.countries import is_country
from bot.messages import Outbound
from bot.settings import Settings
from nlu.languages import load_languages


@click.command()
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
@click.option("--channel", type=click.Choice(sorted(TRAITS)), default="web", show_default=True)
@language_option(help="Language of the conversation; auto identifies each text.")
@click.option("--country", metavar="CC", help="ISO 3166 code of the country the person is in (FR, CL...).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a turn, a line each.")
def ask(texts: tuple[str, ...], channel: str, language: str, country: str | None, as_json: bool) -> None:
    """Run each TEXT as one turn of one fresh conversation and print the replies as CHANNEL would show them."""
    known = load_languages().shipped
    if language != "auto" and language not in known:
        fail(f"--language {language}: not one of auto, {', '.join(known)}")
    if country and not is_country(country.upper()):
        fail(f"--country {country}: not an ISO 3166 code (two letters, like FR)")
    quiet_logs()
    chosen = None if language == "auto" else language
    run(_ask(read_settings(), texts, channel, chosen, country.upper() if country else None, as_json))


async def _ask(
    settings: Settings, texts: tuple[str, ...], channel: str, language: str | None, country: str | None, as_json: bool
) -> int:
    async with journey(settings, channel, language, country) as person:
        for text in texts:
            turn = await person.say(text)
            if as_json:
                print(json.dumps(turn.to_json(), ensure_ascii=False), flush=True)
            else:
                show(turn)
    return 0


def show(turn: Turn) -> None:
    """A turn for people: what was said, and what came back."""
    out.print(f"> {turn.text}", style="bold", markup=False)
    for reply in turn.replies:
        show_reply(reply)
    out.print()


def show_reply(reply: Outbound) -> None:
    """A reply with its buttons."""
    out.print(reply.text, markup=False)
    for number, button in enumerate(reply.buttons, 1):
        out.print(f"  [{number}] {button.title}", style="cyan", markup=False)
    if reply.ask_location:
        out.print(f"  [{reply.ask_location}]", style="cyan", markup=False)
    if reply.location:
        out.print(f"  ({reply.location.latitude}, {reply.location.longitude})", style="cyan", markup=False)
