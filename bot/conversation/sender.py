"""Delivers what the workers wrote, in order within a conversation, and decides once what a failure means."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import and_, exists, select, update
from sqlalchemy.orm import aliased

from bot.channels.base import Channel
from bot.conversation.models import Conversation, OutboxMessage, Person, Recipient
from bot.conversation.outbox import from_text
from bot.db import Database, now
from bot.messages import Consequence, SendError
from bot.vault import Vault

log = structlog.get_logger("farol.sender")

MAX_ATTEMPTS = 8
_FIRST_DELAY = 2.0
_IDLE = 1.0
_WIDTH = 8
"""Messages on their way at once; with more of them a crash leaves more of them uncertain."""


@dataclass(frozen=True)
class _Letter:
    row: OutboxMessage
    recipient_id: str
    address: str
    message: object


class Sender:
    """Sends queued messages through their channels. `written` is set when there may be new ones."""

    def __init__(self, database: Database, vault: Vault, channels: dict[str, Channel], written: asyncio.Event) -> None:
        self._database = database
        self._vault = vault
        self._channels = channels
        self._written = written
        self._task: asyncio.Task | None = None

    async def start(self) -> None:
        """Flag what an earlier crash left uncertain, then begin to send."""
        async with self._database.begin() as session:
            # These were handed to a provider when we stopped: it may have sent them. Never repeated blindly.
            await session.execute(
                update(OutboxMessage).where(OutboxMessage.status == "sending").values(status="uncertain")
            )
        self._task = asyncio.create_task(self._run(), name="sender")

    async def stop(self) -> None:
        """Finish what is on its way, for at most five seconds."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def drain(self) -> None:
        """Send everything that is due now, and return; for the command line."""
        while await self._round():
            pass

    async def _run(self) -> None:
        while True:
            self._written.clear()
            try:
                if await self._round():
                    continue
            except Exception as error:
                log.error("round failed", error=type(error).__name__, exc_info=True)
                await asyncio.sleep(_IDLE)
            try:
                await asyncio.wait_for(self._written.wait(), _IDLE)
            except TimeoutError:
                pass

    async def _round(self) -> int:
        """Send the oldest due message of up to _WIDTH conversations; returns how many were tried."""
        letters = await self._take()
        # Shielded: stopping must not leave a message half-sent and unmarked.
        await asyncio.shield(asyncio.gather(*(self._deliver(letter) for letter in letters)))
        return len(letters)

    async def _take(self) -> list[_Letter]:
        earlier = aliased(OutboxMessage)
        first = ~exists().where(
            and_(
                earlier.conversation_id == OutboxMessage.conversation_id,
                earlier.position < OutboxMessage.position,
                earlier.status.in_(("queued", "sending")),
            )
        )
        query = (
            select(OutboxMessage, Person, Recipient)
            .join(Conversation, Conversation.id == OutboxMessage.conversation_id)
            .join(Person, Person.id == Conversation.person_id)
            .join(Recipient, Recipient.id == Conversation.recipient_id)
            .where(
                OutboxMessage.status == "queued",
                OutboxMessage.next_at <= now(),
                OutboxMessage.channel.in_(list(self._channels)),
                first,
            )
            .order_by(OutboxMessage.position)
            .limit(_WIDTH)
        )
        async with self._database.begin(read_only=True) as session:
            if (await session.execute(query)).first() is None:
                return []
        letters, refused = [], 0
        async with self._database.begin() as session:
            rows = await session.execute(query.with_for_update(skip_locked=True, of=OutboxMessage))
            for row, person, address in rows.all():
                if address.stopped_at is not None and not row.despite_stop:
                    # Whoever queued it, and whenever: somebody who said STOP is not written to.
                    row.status, row.error_code = "failed", "stopped"
                    refused += 1
                    continue
                row.status = "sending"
                row.attempts += 1
                plain = self._vault.open(person.wrapped_key, address.sealed, f"{person.id}/recipient/{address.id}")
                body = self._vault.open(person.wrapped_key, row.sealed, f"{person.id}/outbox/{row.id}")
                letters.append(_Letter(row, address.id, plain, from_text(body)))
        return letters if letters or not refused else await self._take()

    async def _deliver(self, letter: _Letter) -> None:
        row = letter.row
        try:
            provider_id = await self._channels[row.channel].send(letter.address, letter.message)
        except SendError as error:
            await self._failed(letter, error)
            return
        except Exception as error:
            log.error("channel broke", channel=row.channel, error=type(error).__name__, exc_info=True)
            await self._failed(letter, SendError(type(error).__name__, Consequence.GIVE_UP, code="internal"))
            return
        async with self._database.begin() as session:
            await session.execute(
                update(OutboxMessage)
                .where(OutboxMessage.id == row.id, OutboxMessage.status == "sending")
                .values(status="sent", provider_id=provider_id)
            )

    async def _failed(self, letter: _Letter, error: SendError) -> None:
        row = letter.row
        retry = error.consequence is Consequence.RETRY and row.attempts < MAX_ATTEMPTS
        log.warning(
            "send failed", channel=row.channel, code=error.code, consequence=error.consequence.value, retry=retry
        )
        values: dict = {"error_code": error.code}
        if error.uncertain and not (retry and row.channel == "telegram"):
            # Twilio has a log to look in before anything is said twice; Telegram has none, so there it is repeated.
            values["status"] = "uncertain"
        elif retry:
            delay = error.retry_after or _FIRST_DELAY * 2 ** (row.attempts - 1) * random.uniform(0.8, 1.2)
            values |= {"status": "queued", "next_at": now() + timedelta(seconds=delay)}
        else:
            values["status"] = "failed"
        async with self._database.begin() as session:
            await session.execute(update(OutboxMessage).where(OutboxMessage.id == row.id).values(**values))
            if error.consequence is Consequence.STOP_WRITING:
                await session.execute(
                    update(Recipient).where(Recipient.id == letter.recipient_id).values(stopped_at=now())
                )
                await session.execute(
                    update(OutboxMessage)
                    .where(OutboxMessage.conversation_id == row.conversation_id, OutboxMessage.status == "queued")
                    .values(status="failed", error_code="stopped")
                )
