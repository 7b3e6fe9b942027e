"""What somebody of the team found out about a place, noted where the place is kept: in the staff's file, or the database."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date
from pathlib import Path

from bot.db import Database
from bot.directory import listing
from bot.directory.exchange import byhand, staff_file


class NoPlace(LookupError):
    """No place in the directory has this id."""


async def verify(database: Database, folder: Path, id_: str, by: str, day: date) -> Path | None:
    """Somebody called or went there on `day` and all of it is as written. Returns the file, None for the database.

    Raises NoPlace, OSError, and ValueError for a note that the checks of the file refuse: nothing is then changed.
    """
    cells = {"last_verified": day.isoformat(), "verified_by": by}
    place = await _find(database, id_)
    if place.dataset == listing.DATASET:
        return await _in_file(database, folder, place.listing, cells)
    async with database.begin() as session:
        await byhand.verify(session, place, by, day)
    return None


async def close(database: Database, folder: Path, id_: str, by: str, until: date | None) -> Path | None:
    """Closed until a day (the last on which it is closed), or for good (None). As `verify`."""
    place = await _find(database, id_)
    if place.dataset == listing.DATASET:
        return await _in_file(database, folder, place.listing, {"closed_until": until.isoformat()} if until else None)
    async with database.begin() as session:
        await byhand.close(session, place, by, until)
    return None


async def _find(database: Database, id_: str) -> byhand.Noted:
    async with database.begin(read_only=True) as session:
        place = await byhand.find(session, id_)
    if place is None:
        raise NoPlace(id_)
    return place


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
