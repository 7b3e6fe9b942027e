"""What must still happen after somebody was erased or left in a hurry: the providers' copies deleted, the last trace of
an erased person forgotten, and nothing of either left in the database's files."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import delete, func, select

from bot.channels.base import Channel
from bot.conversation import erasure
from bot.conversation.models import Person, Removal
from bot.db import Database, now
from bot.messages import Consequence, SendError
from bot.vault import Vault

log = structlog.get_logger("farol.clearing")

_EVERY = 5.0
_AGAIN = timedelta(seconds=8)
_TRIES = 4
"""Tries, _AGAIN apart: an erased person has LEAVING, after which nothing is known any more that could be tried."""


@dataclass(frozen=True)
class _Order:
    row_id: str
    channel: str
    address: str
    message_ids: list[str]
    last: bool


class Clearing:
    """Looks every five seconds; every round finds in the database what is due, so that a restart loses nothing."""

    def __init__(self, database: Database, vault: Vault, channels: dict[str, Channel]) -> None:
        self._database = database
        self._vault = vault
        self._channels = channels
        self._tasks: list[asyncio.Task] = []
        self._scrubbed: set[str] = set()

    async def start(self) -> None:
        """Begin. Two rounds side by side: a provider that does not answer must not keep anything from being forgotten."""
        self._tasks = [
            asyncio.create_task(self._repeat(self.forget), name="clearing"),
            asyncio.create_task(self._repeat(self.remove), name="removals"),
        ]

    async def stop(self) -> None:
        """Stop at once; what is left is found again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def forget(self) -> int:
        """One round: those whose time is over are erased, then the files are scrubbed; returns how many were erased."""
        async with self._database.begin(read_only=True) as session:
            leaving = set(await session.scalars(select(Person.id).where(Person.leaving_at.is_not(None))))
        if not leaving:
            self._scrubbed.clear()
            return 0
        async with self._database.begin() as session:
            gone = await erasure.forget_all_farewells(session, now() - erasure.LEAVING)
        # Once for everybody who is new here (their former rows have just been deleted), once when they go themselves.
        if (gone or leaving - self._scrubbed) and await self._database.scrub():
            self._scrubbed |= leaving
        if gone:
            log.info("forgotten", people=gone)
        return gone

    async def remove(self) -> int:
        """One round of asking the providers; returns how many conversations were tried."""
        orders = await self._take()
        results = await asyncio.gather(*(self._carry_out(order) for order in orders), return_exceptions=True)
        for error in results:
            if isinstance(error, BaseException):
                log.error("removal broke", error=type(error).__name__, exc_info=error)
        return len(orders)

    async def _take(self) -> list[_Order]:
        due = (
            select(Removal, Person.wrapped_key)
            .join(Person, Person.id == Removal.person_id)
            .where(Removal.next_at <= now())
            .order_by(Removal.next_at)
            .limit(8)
        )
        async with self._database.begin(read_only=True) as session:
            if not await session.scalar(select(func.count()).select_from(Removal).where(Removal.next_at <= now())):
                return []
        orders = []
        async with self._database.begin() as session:
            for row, wrapped in (await session.execute(due.with_for_update(skip_locked=True, of=Removal))).all():
                order = json.loads(self._vault.open(wrapped, row.sealed, f"{row.person_id}/removal/{row.id}"))
                row.attempts += 1
                row.next_at = now() + _AGAIN
                orders.append(_Order(row.id, row.channel, **order, last=row.attempts >= _TRIES))
        return orders

    async def _carry_out(self, order: _Order) -> None:
        channel = self._channels.get(order.channel)
        remove = getattr(channel, "remove", None)
        again = False
        try:
            if remove is not None:
                await remove(order.address, order.message_ids)
                log.info("removed", channel=order.channel, messages=len(order.message_ids))
        except SendError as error:
            again = error.consequence is Consequence.RETRY and not order.last
            log.warning("not removed", channel=order.channel, code=error.code, retry=again)
        if not again:
            async with self._database.begin() as session:
                await session.execute(delete(Removal).where(Removal.id == order.row_id))

    async def _repeat(self, work: object) -> None:
        while True:
            try:
                await work()
            except Exception as error:
                log.error("clearing failed", error=type(error).__name__, exc_info=True)
            await asyncio.sleep(_EVERY)
