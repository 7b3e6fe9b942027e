"""Finds out what became of messages that were on their way when something broke: nothing is said twice blindly.

A provider with a log of what it sent is asked (Twilio). Where there is none the message is sent again: somebody in need
is better told twice than not at all (Telegram).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import structlog
from sqlalchemy import or_, select, update

from bot.channels.base import Channel
from bot.conversation import receipts
from bot.conversation.bell import Bell
from bot.conversation.letters import TAKEN, Letters, opened
from bot.conversation.models import Handoff, OutboxMessage
from bot.db import Database, now
from bot.messages import DeliveryStatus, SendError

log = structlog.get_logger("farol.enquiry")

UNKNOWABLE = "unknowable"
"""The error code of a message that no log can tell about: a person decides."""

_EVERY = 2.0
_PATIENCE = timedelta(minutes=10)
"""How long a log that cannot be read keeps later messages to the same person waiting."""
_SLACK = timedelta(seconds=10)
"""How far a provider's clock may be behind ours."""
_BATCH = 20


class Enquiry:
    """Looks after messages in 'sending' whose sender is gone, and after 'uncertain' ones."""

    def __init__(
        self,
        database: Database,
        letters: Letters,
        channels: dict[str, Channel],
        written: Bell,
        log_behind: timedelta = timedelta(seconds=10),
    ) -> None:
        self._database = database
        self._letters = letters
        self._channels = channels
        self._written = written
        self._log_behind = log_behind
        self._task: asyncio.Task | None = None

    async def start(self) -> None:
        """Begin. On SQLite there is no other assistant: what is in 'sending' now was ours, and it crashed."""
        await self.expire(everything=self._database.sqlite)
        self._task = asyncio.create_task(self._run(), name="enquiry")

    async def stop(self) -> None:
        """Stop at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def expire(self, *, everything: bool = False) -> None:
        """Take messages away from senders that have answered for them too long."""
        with_log = [name for name, channel in self._channels.items() if hasattr(channel, "find_sent")]
        gone = OutboxMessage.status == "sending"
        if not everything:
            gone &= or_(OutboxMessage.taken_until.is_(None), OutboxMessage.taken_until < now())
        async with self._database.begin(read_only=True) as session:
            if await session.scalar(select(OutboxMessage.id).where(gone).limit(1)) is None:
                return
        asked = OutboxMessage.channel.in_(with_log)
        tried = OutboxMessage.attempts >= receipts.MAX_ATTEMPTS
        async with self._database.begin() as session:
            await session.execute(update(OutboxMessage).where(gone).values(error_code="uncertain"))
            later = now() + self._log_behind
            uncertain = await session.execute(
                update(OutboxMessage).where(gone, asked).values(status="uncertain", next_at=later)
            )
            await session.execute(update(OutboxMessage).where(gone, tried).values(status="uncertain", taken_until=None))
            again = await session.execute(
                update(OutboxMessage).where(gone).values(status="queued", next_at=now(), taken_until=None)
            )
        log.warning("left on their way", uncertain=uncertain.rowcount, sent_again=again.rowcount)
        self._written.set()

    async def look(self) -> int:
        """Ask the providers' logs about uncertain messages; returns how many are settled."""
        with_log = [name for name, channel in self._channels.items() if hasattr(channel, "find_sent")]
        unsettled = (
            OutboxMessage.status == "uncertain",
            OutboxMessage.channel.in_(with_log),
            OutboxMessage.next_at <= now(),
            or_(OutboxMessage.error_code.is_(None), OutboxMessage.error_code != UNKNOWABLE),
        )
        async with self._database.begin(read_only=True) as session:
            rows = (await session.execute(opened(*unsettled).limit(_BATCH))).all()
        settled = 0
        for row, person, recipient, heard_at in rows:
            letter = self._letters.open(row, person, recipient, heard_at)
            taken_at = (row.taken_until or row.next_at) - TAKEN - _SLACK
            try:
                found = await self._channels[row.channel].find_sent(letter.address, letter.message, taken_at)
            except SendError as error:
                log.warning("provider's log not read", channel=row.channel, code=error.code)
                if taken_at > now() - _PATIENCE:
                    continue
                found = None
            settled += await self._settle(row, letter.language, found)
        if settled:
            self._written.set()
        return settled

    async def _settle(self, row: OutboxMessage, language: str, found: list[DeliveryStatus] | None) -> int:
        async with self._database.begin() as session:
            still = await session.scalar(
                select(OutboxMessage).where(OutboxMessage.id == row.id, OutboxMessage.status == "uncertain")
            )
            if still is None:
                return 0
            if found is None:
                still.error_code, still.taken_until = UNKNOWABLE, None
                session.add(Handoff(conversation_id=row.conversation_id, reason="uncertain", language=language))
                log.warning("uncertain for good", channel=row.channel, request=row.cause)
                return 0
            ids = [status.provider_id for status in found]
            # The same words may have been said to the same person before: those messages are known by their ids.
            known = set(
                await session.scalars(
                    select(OutboxMessage.provider_id).where(
                        OutboxMessage.channel == row.channel, OutboxMessage.provider_id.in_(ids)
                    )
                )
            )
            status = next((one for one in found if one.provider_id not in known), None)
            if status is not None:
                await receipts.note(session, replace(status, reference=receipts.reference(still)))
            elif still.attempts < receipts.MAX_ATTEMPTS:
                still.status, still.next_at, still.taken_until = "queued", now(), None
            else:
                still.status, still.taken_until = "failed", None
            log.info("uncertain no more", channel=row.channel, was_sent=status is not None, request=row.cause)
            return 1

    async def _run(self) -> None:
        while True:
            try:
                await self.expire()
                await self.look()
            except Exception as error:
                log.error("enquiry failed", error=type(error).__name__, exc_info=True)
            await asyncio.sleep(_EVERY)
