"""farol directory verify and close: what our own people found out about a place, noted with day and name."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy.ext.asyncio import AsyncSession

from bot.cli.console import fail, out, quiet_logs, read_settings, run
from bot.cli.prepare import prepare
from bot.db import Database, now
from bot.directory import listing
from bot.directory.exchange import byhand, staff_file
from bot.settings import Settings

_Change = Callable[[AsyncSession, byhand.Noted], Awaitable[None]]
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
    cells = {"last_verified": on.isoformat(), "verified_by": _name(by)}
    run(_note(read_settings(), id_, cells, lambda session, place: byhand.verify(session, place, _name(by), on)))


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
    cells = {"closed_until": day.isoformat()} if day else None
    run(_note(read_settings(), id_, cells, lambda session, place: byhand.close(session, place, _name(by), day)))


def _name(by: str) -> str:
    name = " ".join(by.split())
    if not name:
        fail("--by: is empty; write who found it out")
    return name


async def _note(settings: Settings, id_: str, cells: dict[str, str] | None, in_database: _Change) -> int:
    database = Database(settings.database)
    try:
        await prepare(database, settings)
        async with database.begin() as session:
            place = await byhand.find(session, id_)
            if place is None:
                fail(f"{id_}: no place in the directory has this id; 'farol directory stale' lists them", 1)
            if place.dataset != listing.DATASET:
                await in_database(session, place)
        if place.dataset == listing.DATASET:
            path = await _in_file(database, settings.content_dir / "directory", place.listing, cells)
            out.print(f"{place.listing}: noted in {path}", markup=False)
        else:
            out.print(f"{place.listing} ({place.dataset}): noted in the database", markup=False)
    finally:
        await database.close()
    return 0


async def _in_file(database: Database, folder: Path, id_: str, cells: dict[str, str] | None) -> Path:
    """Change the staff's file and bring the directory in step; a change that the checks refuse is taken back."""
    with tempfile.TemporaryDirectory() as kept:
        before = shutil.copytree(folder, Path(kept) / "directory")
        path = staff_file.set_cells(folder, id_, cells) if cells else staff_file.remove(folder, id_)
        try:
            await listing.load(database, folder)
        except listing.Faulty as error:
            shutil.copy2(before / path.name, path)
            raise ValueError(f"{path} was left as it is: {error}") from error
    return path
