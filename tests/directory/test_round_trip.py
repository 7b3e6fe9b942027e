"""What goes out comes in again: every row of every table, through real files, into an empty directory."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.db import Database
from bot.directory.exchange import export_csv, export_json
from bot.directory.exchange.importer import bring_in
from bot.directory.exchange.scope import Scope
from bot.directory.hsds import TABLES
from bot.directory.listing import load
from tests.directory.conftest import SHIPPED
from tests.directory.everything import fill

EVERYTHING = Scope(confidential=True, samples=True)


async def rows(database: Database) -> dict[str, dict[str, tuple]]:
    """Every row of every table by its id; an empty text, where the column may be empty, is nothing in CSV."""
    found: dict[str, dict[str, tuple]] = {}
    async with database.begin(read_only=True) as session:
        for name, model in TABLES.items():
            columns = model.__table__.columns
            found[name] = {
                row.id: tuple(None if value == "" and columns[i].nullable else value for i, value in enumerate(row))
                for row in await session.execute(select(model.__table__))
            }
    return found


async def written(database: Database, form: str, path: Path) -> Path:
    async with database.begin(read_only=True) as session:
        if form == "csv":
            await export_csv.write(session, EVERYTHING, path)
        else:
            with path.open("w", encoding="utf-8") as file:
                await export_json.write(session, EVERYTHING, file)
    return path


@pytest.mark.parametrize("form", ["json", "csv"])
@pytest.mark.parametrize("what", ["one row of everything", "the shipped places"])
async def test_out_and_in_again(database, empty, tmp_path, form, what):
    await (fill(database) if what == "one row of everything" else load(database, SHIPPED))
    there = await rows(database)
    path = await written(database, form, tmp_path / f"all.{'zip' if form == 'csv' else form}")
    other = Database(f"sqlite+aiosqlite:///{shutil.copy(empty, tmp_path / 'other.db')}")
    try:
        outcome = await bring_in(other, path, "partner")
        # Rows of everything hold one that says something of a row nobody has.
        assert [str(one) for one in outcome.report.faults if one.refused or "leads nowhere" not in one.reason] == []
        here = await rows(other)
        for table in TABLES:
            missing = there[table].keys() - here[table].keys()
            assert not missing, f"{table}: {missing}"
            # A service that does not say when it was changed was changed when it came in.
            given = list(range(len(TABLES[table].__table__.columns)))
            if table == "service":
                given.remove(list(TABLES[table].__table__.columns.keys()).index("last_modified"))
            differing = [
                (row, here[table][id_]) for id_, row in there[table].items()
                if [row[i] for i in given] != [here[table][id_][i] for i in given]
            ]  # fmt: skip
            assert not differing, f"{table}: {differing}"
        again = await bring_in(other, path, "partner")
        assert not (again.report.added or again.report.changed or again.report.missing)
        assert all(counts[0] == counts[1] == counts[3] == 0 for counts in again.report.tables.values())
    finally:
        await other.close()
