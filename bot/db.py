"""The database: one engine, one way to open a transaction, the same code on SQLite and PostgreSQL.

SQLite runs in WAL mode and every writing transaction begins IMMEDIATE, so that a reader never turns writer too late;
PostgreSQL runs at its default isolation and workers skip each other's locks.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import DateTime, MetaData, TypeDecorator, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase

_BUSY_MS = 15_000
_SCRUB_MS = 250
_POOL = {
    "pool_pre_ping": True,
    "pool_size": 20,
    "max_overflow": 0,
    # Shorter than a provider waits for our answer: it should hear a 503, not nothing.
    "pool_timeout": 8,
    "connect_args": {"connect_timeout": 5},
}
"""For each process on PostgreSQL: four of them stay below its default of 100 connections."""


class UtcTime(TypeDecorator):
    """A moment, always aware and in UTC; SQLite keeps no time zone of its own."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: object) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables; constraint names are fixed so that migrations can name them on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def new_id() -> str:
    """A random identifier that says nothing about whom or what it names: 32 hexadecimal digits."""
    return secrets.token_hex(16)


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


class Database:
    """Opens transactions. `async with database.begin() as session:` commits at the end or rolls back on any error."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sqlite = url.startswith("sqlite")
        if self.sqlite and ":memory:" not in url:
            Path(url.split("///", 1)[1]).parent.mkdir(parents=True, exist_ok=True)
        # echo stays off and parameters hidden: they hold what people wrote.
        options = {"connect_args": {"timeout": _BUSY_MS / 1000}} if self.sqlite else _POOL
        self.engine: AsyncEngine = create_async_engine(url, hide_parameters=True, **options)
        if self.sqlite:
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_sqlite)

    @asynccontextmanager
    async def begin(self, *, read_only: bool = False) -> AsyncIterator[AsyncSession]:
        """One transaction. `read_only` lets SQLite readers run beside a writer."""
        engine = self.engine.execution_options(farol_read_only=True) if read_only else self.engine
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            yield session

    async def scrub(self) -> bool:
        """Leave nothing of what was deleted in SQLite's files: secure_delete zeroes the pages, but copies of them stay
        in the write-ahead log until it is truncated. False when a reader was in the way and it has to be tried again.

        On PostgreSQL there is nothing to do from here: docs/privacy.md says what stays on its disk, and for how long.
        """
        if not self.sqlite:
            return True
        async with self.engine.connect() as connection:
            raw = await connection.execution_options(isolation_level="AUTOCOMMIT", farol_read_only=True)
            # Our listener has begun a transaction, in which there is no checkpoint.
            await raw.execute(text("COMMIT"))
            # While it waits for readers it keeps all writers out: so not for long, and rather another time.
            await raw.execute(text(f"PRAGMA busy_timeout = {_SCRUB_MS}"))
            try:
                busy = (await raw.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))).scalar()
            finally:
                await raw.execute(text(f"PRAGMA busy_timeout = {_BUSY_MS}"))
        return not busy

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[None]:
        """Be the only process on this database to do what `name` says; others wait. SQLite has one process anyway."""
        if self.sqlite:
            yield
            return
        number = int.from_bytes(hashlib.sha256(f"farol alone {name}".encode()).digest()[:7], "big")
        async with self.engine.connect() as pooled:
            connection = await pooled.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": number})
            try:
                yield
            finally:
                await connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": number})

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def _prepare_sqlite(connection: object, record: object) -> None:
    # The driver's own BEGIN comes too late and is never IMMEDIATE; ours replaces it.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
        "temp_store = MEMORY",  # a sort that spills to a file would leave rows there
        f"busy_timeout = {_BUSY_MS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: object) -> None:
    read_only = connection.get_execution_options().get("farol_read_only")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
