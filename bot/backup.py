"""Backups that forget: the data in one file, the personal keys in another that is replaced every time.

Whoever is erased loses their key in the next file of keys, and from then on every older backup of the data holds only
bytes about them that nobody can open. A copy of the database file itself has no such property: it carries the wrapped
keys, and can be read with it and the master key.

Both are SQLite files, whatever database they come from. The directory and the towns are not in them: `farol migrate`
makes those anew from content/.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, LargeBinary, MetaData, String, Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import migrations
from bot.conversation.models import Person
from bot.db import Base, Database

_BATCH = 500
_KEYS = Table(
    "personal_key", MetaData(), Column("person_id", String(32), primary_key=True), Column("wrapped", LargeBinary)
)


class BackupError(ValueError):
    """A backup that cannot be made or read; the message says which file and what to do."""


@dataclass(frozen=True)
class Copied:
    """How many people, and rows in all, were written; `lost` people had no key any more and were left out."""

    people: int
    rows: int
    lost: int = 0


async def make(database: Database, data: Path, keys: Path) -> Copied:
    """Write both files, each in one piece or not at all. Raises BackupError for a `data` that exists already."""
    if data.exists():
        raise BackupError(f"{data}: exists already; every backup of the data is a file of its own")
    fresh_data, fresh_keys = _empty(data), _empty(keys)
    target, keeper = Database(_url(fresh_data)), Database(_url(fresh_keys))
    try:
        await migrations.upgrade(target)
        people = rows = 0
        reading = database.engine.execution_options(farol_read_only=True)
        async with reading.connect() as source, target.engine.begin() as sink, keeper.engine.begin() as ring:
            await ring.run_sync(_KEYS.metadata.create_all)
            await _hold_still(database, source)
            for table in _tables():
                async for batch in _batches(source, table):
                    if table is Person.__table__:
                        await ring.execute(
                            insert(_KEYS), [{"person_id": row["id"], "wrapped": row["wrapped_key"]} for row in batch]
                        )
                        batch = [{**row, "wrapped_key": b""} for row in batch]
                        people += len(batch)
                    await sink.execute(insert(table), batch)
                    rows += len(batch)
        await _one_file(target)
        await _one_file(keeper)
    except BaseException:  # Ctrl-C too: half a backup must not stand there looking like one
        fresh_data.unlink(missing_ok=True)
        fresh_keys.unlink(missing_ok=True)
        raise
    finally:
        await target.close()
        await keeper.close()
    os.replace(fresh_data, data)
    os.replace(fresh_keys, keys)
    return Copied(people, rows)


async def restore(database: Database, data: Path, keys: Path) -> Copied:
    """Fill a database in which nobody is yet. People without a key in `keys` were erased, and stay so."""
    for path in (data, keys):
        if not path.is_file():
            raise BackupError(f"{path}: no such file")
    source, keeper = Database(_url(data)), Database(_url(keys))
    try:
        await migrations.upgrade(source)
        async with keeper.begin(read_only=True) as session:
            wrapped = {row.person_id: row.wrapped for row in (await session.execute(select(_KEYS))).all()}
        people = rows = 0
        async with source.engine.connect() as connection, database.engine.begin() as sink:
            if await sink.scalar(select(func.count()).select_from(Person)):
                raise BackupError("there are people in this database already: restore into an empty one")
            lost = set(await connection.scalars(select(Person.id))) - wrapped.keys()
            for table in _tables():
                async for batch in _batches(connection, table):
                    if table is Person.__table__:
                        batch = [{**row, "wrapped_key": wrapped.get(row["id"], b"")} for row in batch]
                        people += len(batch)
                    await sink.execute(insert(table), batch)
                    rows += len(batch)
            # With everything that hangs on them.
            await sink.execute(Person.__table__.delete().where(Person.wrapped_key == b""))
            if not database.sqlite:
                await _continue_counting(sink)
    finally:
        await source.close()
        await keeper.close()
    await database.scrub()
    return Copied(people - len(lost), rows, len(lost))


def _tables() -> list[Table]:
    """All but the directory's and the towns', parents first."""
    left_out = {
        mapper.local_table.name
        for mapper in Base.registry.mappers
        if mapper.class_.__module__.startswith("bot.directory")
    }
    return [table for table in Base.metadata.sorted_tables if table.name not in left_out]


async def _batches(connection: AsyncConnection, table: Table):
    result = await connection.stream(select(table))
    async for rows in result.mappings().partitions(_BATCH):
        yield [dict(row) for row in rows]


async def _hold_still(database: Database, connection: AsyncConnection) -> None:
    """Everything is read as of one moment. (SQLite: our transaction already is.)"""
    if not database.sqlite:
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


async def _continue_counting(connection: AsyncConnection) -> None:
    for table in _tables():
        column = table.autoincrement_column
        if column is not None:
            highest = await connection.scalar(select(func.max(column)))
            if highest:
                await connection.execute(
                    text("SELECT setval(pg_get_serial_sequence(:table, :column), :highest)"),
                    {"table": table.name, "column": column.name, "highest": highest},
                )


async def _one_file(database: Database) -> None:
    await database.scrub()
    async with database.engine.connect() as connection:
        await connection.execute(text("COMMIT"))
        await connection.execute(text("PRAGMA journal_mode = DELETE"))
    await database.close()


def _empty(path: Path) -> Path:
    """A file beside `path` that is its owner's only, before anything is in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    return fresh


def _url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path.resolve()}"
