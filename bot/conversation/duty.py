"""Work that one assistant does for all: polling Telegram, fetching what was missed, sweeping.

On PostgreSQL whoever holds an advisory lock is on duty; when it ends or loses the database, another takes over within
seconds. On SQLite there is only one assistant, and it is always on duty.
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bot.db import Database

log = structlog.get_logger("farol.duty")

_EVERY = 5.0
"""Seconds between tries to be on duty, and between looks whether one still is."""


class Duty:
    """Runs `work` (for ever, until cancelled) in one assistant at a time. `name` says which duty."""

    def __init__(
        self, database: Database, name: str, work: Callable[[], Awaitable[None]], every: float = _EVERY
    ) -> None:
        self._database = database
        self._name = name
        self._number = int.from_bytes(hashlib.sha256(f"farol {name}".encode()).digest()[:7], "big")
        self._work = work
        self._every = every
        self._task: asyncio.Task | None = None
        self.held = asyncio.Event()

    async def start(self) -> None:
        """Begin to try."""
        self._task = asyncio.create_task(self._run(), name=f"duty-{self._name}")

    async def stop(self) -> None:
        """Stop at once, and let another take over."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                if self._database.sqlite:
                    await self._serve(asyncio.Event().wait)
                else:
                    await self._try()
            except (SQLAlchemyError, OSError) as error:
                log.warning("duty lost", duty=self._name, error=type(error).__name__)
            except Exception as error:
                log.error("duty failed", duty=self._name, error=type(error).__name__, exc_info=True)
            await asyncio.sleep(self._every)

    async def _try(self) -> None:
        async with self._database.engine.connect() as pooled:
            # A connection of its own: the lock belongs to it, and must end with it.
            connection = await pooled.execution_options(isolation_level="AUTOCOMMIT")
            got = await connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), {"number": self._number})
            if not got:
                return

            async def alive() -> None:
                while True:
                    await asyncio.sleep(self._every)
                    await connection.execute(text("SELECT 1"))

            try:
                await self._serve(alive)
            finally:
                await asyncio.shield(pooled.invalidate())

    async def _serve(self, alive: Callable[[], Awaitable[object]]) -> None:
        log.info("on duty", duty=self._name)
        self.held.set()
        tasks = [asyncio.ensure_future(self._work()), asyncio.ensure_future(alive())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.held.clear()
