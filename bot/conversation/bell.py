"""Tells other assistants on the same PostgreSQL that there is work, so that nobody has to look every moment.

A bell says "look now" and nothing else. One that is missed costs a second: everybody also looks now and then.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

import psycopg
import structlog
from sqlalchemy import make_url

from bot.db import Database

log = structlog.get_logger("farol.bell")

_CHANNEL = "farol"
_RETRY = 1.0
_SILENCE = 15.0
"""Seconds after which a quiet line is tried: a database that vanished says nothing."""


class Bell:
    """An asyncio.Event whose `set` is also heard by the other assistants, once a Switchboard carries it."""

    def __init__(self) -> None:
        self._events = [asyncio.Event()]
        self.carry: Callable[[], None] = lambda: None

    def set(self) -> None:
        """Wake whoever waits, here and elsewhere."""
        self.hear()
        self.carry()

    def hear(self) -> None:
        """Wake whoever waits here: it was rung elsewhere."""
        for event in self._events:
            event.set()

    def own_event(self) -> asyncio.Event:
        """An event of one's own that this bell sets: what somebody else clears is then not missed."""
        event = asyncio.Event()
        self._events.append(event)
        return event

    def clear(self) -> None:
        self._events[0].clear()

    def is_set(self) -> bool:
        return self._events[0].is_set()

    async def wait(self) -> None:
        await self._events[0].wait()


class Switchboard:
    """Carries bells between assistants by LISTEN/NOTIFY; on SQLite there is only one, and nothing is carried.

    The word goes out on a connection of its own and after the commit: NOTIFY inside a transaction makes all commits of
    the database queue behind each other. Bells rung while one is on its way become one.
    https://www.postgresql.org/docs/current/sql-notify.html
    """

    def __init__(self, database: Database, bells: dict[str, Bell]) -> None:
        self._database = database
        self._bells = bells
        self._own = secrets.token_hex(4)
        self._rung: set[str] = set()
        self._to_tell = asyncio.Event()
        self._tasks: list[asyncio.Task] = []
        self.connected = asyncio.Event()

    async def start(self) -> None:
        """Begin to listen and to tell; a database that is away is waited for."""
        if self._database.sqlite:
            return
        for name, bell in self._bells.items():
            bell.carry = lambda name=name: self._ring(name)
        self._tasks = [
            asyncio.create_task(self._keep(self._listen), name="bell-listen"),
            asyncio.create_task(self._keep(self._tell), name="bell-tell"),
        ]

    async def stop(self) -> None:
        """Stop at once."""
        for bell in self._bells.values():
            bell.carry = lambda: None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ring(self, name: str) -> None:
        self._rung.add(name)
        self._to_tell.set()

    async def _keep(self, work: Callable) -> None:
        while True:
            try:
                await work()
            except psycopg.Error as error:
                log.warning("bell line broke", error=type(error).__name__)
                self.connected.clear()
                await asyncio.sleep(_RETRY)

    async def _connect(self) -> psycopg.AsyncConnection:
        address = make_url(self._database.url).set(drivername="postgresql")
        return await psycopg.AsyncConnection.connect(
            address.render_as_string(hide_password=False),
            autocommit=True,
            # A line that only listens would not notice that the other end is gone.
            connect_timeout=5,
            keepalives_idle=15,
            keepalives_interval=5,
            keepalives_count=3,
        )

    async def _listen(self) -> None:
        async with await self._connect() as connection:
            await connection.execute(f"LISTEN {_CHANNEL}")
            self.connected.set()
            # Whatever was rung while the line was down.
            for bell in self._bells.values():
                bell.hear()
            while True:
                async for word in connection.notifies(timeout=_SILENCE):
                    ringer, _, names = word.payload.partition(":")
                    if ringer != self._own:
                        for name in set(names.split(",")) & set(self._bells):
                            self._bells[name].hear()
                await connection.execute("SELECT 1")

    async def _tell(self) -> None:
        async with await self._connect() as connection:
            while True:
                await self._to_tell.wait()
                self._to_tell.clear()
                names, self._rung = self._rung, set()
                await connection.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, f"{self._own}:{','.join(names)}"))
