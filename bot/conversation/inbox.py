"""Takes messages in: stored, sealed and de-duplicated in one transaction, before anybody is told 'received'."""

from __future__ import annotations

import json
from dataclasses import asdict

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.conversation import receipts
from bot.conversation.bell import Bell
from bot.conversation.erasure import tombstone
from bot.conversation.figures import Figures
from bot.conversation.models import Conversation, InboxMessage, OutboxMessage, Person, Recipient, Tombstone
from bot.db import Database, new_id, now
from bot.messages import DeliveryStatus, Inbound, Location
from bot.safety.whereabouts import country_of
from bot.vault import Vault

log = structlog.get_logger("farol.inbox")


class Inbox:
    """Where every channel's messages arrive. `arrived` is set whenever there is work for the workers."""

    def __init__(self, database: Database, vault: Vault, text_limit: int, figures: Figures | None = None) -> None:
        self._database = database
        self._figures = figures or Figures()
        self._vault = vault
        self._text_limit = text_limit
        self.arrived = Bell()

    async def accept(self, message: Inbound) -> bool:
        """Store a message; returns False for one that was stored before. When this returns, it is on disk."""
        for attempt in (1, 2):
            try:
                async with self._database.begin() as session:
                    stored = await self._store(session, message)
                break
            except IntegrityError:
                # Two first messages of the same person at once: the second try finds the person.
                if attempt == 2:
                    raise
        self._figures.received(message.channel, stored)
        if stored:
            self.arrived.set()
        else:
            log.info("duplicate", channel=message.channel)
        return stored

    async def delivered(self, status: DeliveryStatus) -> None:
        """Note what a provider says became of a message, and what follows from it (bot.conversation.receipts)."""
        async with self._database.begin() as session:
            await receipts.note(session, status)

    async def _store(self, session: AsyncSession, message: Inbound) -> bool:
        digest = tombstone(self._vault, message.channel, message.provider_id)
        if await session.get(Tombstone, digest) is not None:
            return False
        lookup = self._vault.lookup(message.channel, message.sender)
        found = (
            await session.execute(
                select(Conversation.id, Person.id, Person.wrapped_key)
                .join(Recipient, Recipient.id == Conversation.recipient_id)
                .join(Person, Person.id == Recipient.person_id)
                .where(Recipient.channel == message.channel, Recipient.lookup == lookup)
                # PostgreSQL: positions are given in the order in which the lock is, and no worker lets the
                # conversation go between our insert and our commit.
                .with_for_update(of=Conversation)
            )
        ).first()
        conversation_id, person_id, wrapped = found or await self._new(session, message, lookup)
        row_id = new_id()
        insert = sqlite.insert if self._database.sqlite else postgresql.insert
        result = await session.execute(
            insert(InboxMessage)
            .values(
                id=row_id,
                conversation_id=conversation_id,
                channel=message.channel,
                provider_id=message.provider_id,
                sealed=self._vault.seal(wrapped, self._body(message), f"{person_id}/inbox/{row_id}"),
                received_at=now(),
                sent_at=message.sent_at,
                attempts=0,
            )
            .on_conflict_do_nothing(index_elements=["channel", "provider_id"])
            .returning(InboxMessage.position)
        )
        if result.scalar() is None:
            return False
        self._figures.mark(request=row_id)
        await session.execute(
            update(Conversation)
            .where(Conversation.id == conversation_id, Conversation.due_at.is_(None))
            .values(due_at=now())
        )
        await session.execute(update(Person).where(Person.id == person_id).values(last_seen_at=now()))
        # Whoever writes has opened the provider's window again.
        await session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.conversation_id == conversation_id, OutboxMessage.status == "held")
            .values(status="queued", next_at=now(), error_code=None)
        )
        return True

    async def _new(self, session: AsyncSession, message: Inbound, lookup: str) -> tuple[str, str, bytes]:
        person_id, recipient_id, conversation_id = new_id(), new_id(), new_id()
        wrapped = self._vault.new_key(person_id)
        sealed = self._vault.seal(wrapped, message.sender, f"{person_id}/recipient/{recipient_id}")
        session.add(Person(id=person_id, wrapped_key=wrapped))
        await session.flush()
        session.add(
            Recipient(id=recipient_id, person_id=person_id, channel=message.channel, lookup=lookup, sealed=sealed)
        )
        await session.flush()
        session.add(Conversation(id=conversation_id, person_id=person_id, recipient_id=recipient_id))
        await session.flush()
        return conversation_id, person_id, wrapped

    def _body(self, message: Inbound) -> str:
        return (
            json.dumps(
                {
                    "text": message.text[: self._text_limit],
                    "cut": len(message.text) > self._text_limit,
                    "payload": message.payload,
                    "location": asdict(message.location) if message.location else None,
                    "media": message.media,
                    "language_hint": message.language_hint,
                    "message_id": message.message_id,
                    "calling": country_of(message.channel, message.sender),
                },
                ensure_ascii=False,
            )
            .encode("utf-8", "replace")
            .decode("utf-8")
        )


def read_location(body: dict) -> Location | None:
    """The location of a stored message, if it has one."""
    return Location(**body["location"]) if body.get("location") else None
