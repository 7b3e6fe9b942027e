"""farol what-we-hold, farol erase: one person's data, by the address they write from."""

from __future__ import annotations

import json
import sys

import click

from bot import migrations
from bot.cli.console import fail, out, quiet_logs, read_settings, run
from bot.cli.local import TRAITS
from bot.conversation import erasure
from bot.conversation.holdings import Holding, Holdings
from bot.db import Database
from bot.settings import Settings
from bot.vault import open_vault

channel_option = click.option(
    "--channel", type=click.Choice(sorted(TRAITS)), help="On this channel only; default: wherever it is found."
)
address_argument = click.argument("address", metavar="ADDRESS")


@click.command()
@address_argument
@channel_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def what_we_hold(address: str, channel: str | None, as_json: bool) -> None:
    """Print all that is held about ADDRESS, in clear: a phone number as +33612345678, or a Telegram chat id.

    ADDRESS may be - to be read from standard input, where no shell keeps a history of it.
    """
    settings = read_settings()
    quiet_logs()
    run(_what_we_hold(settings, _given(address), channel, as_json))


@click.command()
@address_argument
@channel_option
@click.confirmation_option(prompt="Everything about this person is deleted for good. Go on?")
def erase(address: str, channel: str | None) -> None:
    """Delete the person at ADDRESS: key, address, messages, and what Telegram and Twilio still show of them.

    ADDRESS may be - to be read from standard input. A running Farol asks the providers within seconds.
    """
    settings = read_settings()
    quiet_logs()
    run(_erase(settings, _given(address), channel))


async def _what_we_hold(settings: Settings, address: str, channel: str | None, as_json: bool) -> int:
    database = Database(settings.database)
    try:
        await migrations.upgrade(database)
        found = await Holdings(database, open_vault(settings)).find(address, [channel] if channel else list(TRAITS))
    finally:
        await database.close()
    if as_json:
        print(json.dumps([holding.to_json() for holding in found], ensure_ascii=False, indent=2))
    else:
        for holding in found:
            _show(holding)
        if not found:
            out.print("Nothing is held about this address.")
    return 0


async def _erase(settings: Settings, address: str, channel: str | None) -> int:
    database = Database(settings.database)
    vault = open_vault(settings)
    reach = {name: traits.removes_within for name, traits in TRAITS.items() if traits.removes_within}
    try:
        await migrations.upgrade(database)
        people = await Holdings(database, vault).person_ids(address, [channel] if channel else list(TRAITS))
        for person_id in people:
            async with database.begin() as session:
                await erasure.forget(session, vault, person_id, reach)
        scrubbed = await database.scrub()
    finally:
        await database.close()
    if not people:
        fail("nothing is held about this address", 1)
    out.print("Erased.")
    if not scrubbed:
        out.print("The running Farol will clear the rest of the database's log within a minute.")
    return 0


def _given(address: str) -> str:
    return sys.stdin.readline().strip() if address == "-" else address.strip()


def _show(holding: Holding) -> None:
    out.print(f"{holding.channel}  {holding.address}", style="bold", markup=False)
    out.print(f"  first seen {holding.first_seen:%Y-%m-%d %H:%M}, last seen {holding.last_seen:%Y-%m-%d %H:%M} UTC")
    out.print(
        f"  wants no messages since {holding.stopped_at:%Y-%m-%d %H:%M}"
        if holding.stopped_at
        else "  may be written to"
    )
    if not holding.may_teach:
        out.print("  does not want to be learnt from")
    for lesson in holding.lessons:
        out.print(f"  kept to learn from, masked: {lesson['text']}", markup=False)
    out.print("  remembered for the conversation:")
    for name, value in holding.remembered.items():
        out.print(f"    {name}: {json.dumps(value, ensure_ascii=False)}", markup=False)
    for handoff in holding.handoffs:
        out.print(f"  handed over to a person {handoff['at']:%Y-%m-%d %H:%M}, reason {handoff['reason']}", markup=False)
    out.print(f"  {len(holding.messages)} messages:")
    for said in holding.messages:
        who = "Farol" if said.ours else "they "
        out.print(f"    {said.at:%Y-%m-%d %H:%M} {who}: {said.what}", markup=False)
