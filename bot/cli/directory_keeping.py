"""farol directory verify and close: what our own people found out about a place, noted with day and name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import click

from bot.cli.console import fail, out, quiet_logs, read_settings, run
from bot.cli.prepare import prepare
from bot.db import Database, now
from bot.directory.exchange import notes
from bot.directory.exchange.notes import NoPlace
from bot.settings import Settings

_Change = Callable[[Database, Path], Awaitable[Path | None]]
_DAY = click.DateTime(["%Y-%m-%d"])
_BY = click.option("--by", required=True, metavar="WHO", help="Who found it out; kept with the place.")


@click.command()
@click.argument("id_", metavar="ID")
@_BY
@click.option("--on", "day", type=_DAY, help="The day of the call or visit; today when left out.")
def verify(id_: str, by: str, day: datetime | None) -> None:
    """Note that somebody called or visited the place ID and all of it is as written.

    A place of content/directory is noted in its file, every other in the database.
    """
    quiet_logs()
    on = day.date() if day else now().date()
    if on > now().date():
        fail(f"--on {on}: lies in the future")
    name = _name(by)
    run(_note(read_settings(), id_, lambda database, folder: notes.verify(database, folder, id_, name, on)))


@click.command()
@click.argument("id_", metavar="ID")
@_BY
@click.option("--until", type=_DAY, metavar="DAY", help="The last day on which it is closed.")
@click.option("--for-good", is_flag=True, help="It will not open again.")
def close(id_: str, by: str, until: datetime | None, for_good: bool) -> None:
    """Note that the place ID is closed, so that nobody is sent there.

    For good, a place of content/directory leaves its file; every other stays in the database and is not shown.
    """
    quiet_logs()
    if for_good == (until is not None):
        fail("say either --until DAY or --for-good")
    day = until.date() if until else None
    if day and day < now().date():
        fail(f"--until {day}: is over; then the place is open again")
    name = _name(by)
    run(_note(read_settings(), id_, lambda database, folder: notes.close(database, folder, id_, name, day)))


def _name(by: str) -> str:
    name = " ".join(by.split())
    if not name:
        fail("--by: is empty; write who found it out")
    return name


async def _note(settings: Settings, id_: str, change: _Change) -> int:
    database = Database(settings.database)
    try:
        await prepare(database, settings)
        path = await change(database, settings.content_dir / "directory")
    except NoPlace:
        fail(f"{id_}: no place in the directory has this id; 'farol directory stale' lists them", 1)
    finally:
        await database.close()
    out.print(f"{id_}: noted in {path or 'the database'}", markup=False)
    return 0
