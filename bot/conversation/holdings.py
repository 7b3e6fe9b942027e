"""All that is held about one address: for a person who asks, and for whoever must answer an authority."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.conversation.card import Card, Note
from bot.conversation.lessons import Lesson
from bot.conversation.models import Conversation, Handoff, InboxMessage, OutboxMessage, Person, Recipient
from bot.conversation.outbox import from_text
from bot.conversation.referral import FollowUp
from bot.conversation.state import State
from bot.conversation.understanding import Understood
from bot.db import Database
from bot.vault import Vault


@dataclass(frozen=True)
class Said:
    """One message. `ours` tells who wrote it; `what` is its text, or what it was instead of one."""

    at: datetime
    ours: bool
    what: str
    status: str | None = None


@dataclass(frozen=True)
class Holding:
    """What is held about a person on one channel, in clear."""

    channel: str
    address: str
    first_seen: datetime
    last_seen: datetime
    stopped_at: datetime | None
    language: str | None
    country: str | None
    remembered: dict[str, Any]
    messages: list[Said]
    handoffs: list[dict[str, Any]]
    understood: list[dict[str, Any]]
    """What the program made of each message that is still here."""
    notes: list[str]
    """What the team has written down about the conversation."""
    referrals: list[dict[str, Any]]
    """The codes they hold, for which places, and when they agreed to be asked about them."""
    may_teach: bool
    lessons: list[dict[str, Any]]
    """What waits, masked, for those who teach the program."""

    def to_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(asdict(self), default=lambda moment: moment.isoformat()))


class Holdings:
    """Finds by address; reads nothing of anybody else."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def find(self, address: str, channels: list[str]) -> list[Holding]:
        """What is held about an address, as the channel writes it (+33612345678, a Telegram chat id, a web session)."""
        found = []
        async with self._database.begin(read_only=True) as session:
            for channel in channels:
                row = await self._row(session, channel, address)
                if row is not None:
                    found.append(await self._read(session, *row))
        return found

    async def person_ids(self, address: str, channels: list[str]) -> set[str]:
        """Who that is."""
        async with self._database.begin(read_only=True) as session:
            rows = [await self._row(session, channel, address) for channel in channels]
        return {row[1].id for row in rows if row is not None}

    async def _row(self, session: AsyncSession, channel: str, address: str) -> Any:
        query = (
            select(Recipient, Person, Conversation)
            .join(Person, Person.id == Recipient.person_id)
            .outerjoin(Conversation, Conversation.recipient_id == Recipient.id)
            .where(Recipient.channel == channel, Recipient.lookup == self._vault.lookup(channel, address))
        )
        return (await session.execute(query)).first()

    async def _read(
        self, session: AsyncSession, recipient: Recipient, person: Person, conversation: Conversation | None
    ) -> Holding:
        def opened(sealed: bytes, row: str) -> str:
            return self._vault.open(person.wrapped_key, sealed, f"{person.id}/{row}")

        state, messages, handoffs, understood, notes, referrals = State(), [], [], [], [], []
        if conversation is not None:
            if conversation.state is not None:
                state = State.from_text(opened(conversation.state, f"state/{conversation.id}"))
            mine = {"conversation_id": conversation.id}
            for row in await session.scalars(select(InboxMessage).filter_by(**mine)):
                body = json.loads(opened(row.sealed, f"inbox/{row.id}"))
                said = body["text"] or json.dumps({name: value for name, value in body.items() if value})
                messages.append(Said(row.received_at, False, said))
            for row in await session.scalars(select(OutboxMessage).filter_by(**mine)):
                said = from_text(opened(row.sealed, f"outbox/{row.id}")).text
                messages.append(Said(row.created_at, True, said, row.status))
            for row in await session.scalars(select(Understood).join(InboxMessage).filter_by(**mine)):
                understood.append(json.loads(opened(row.sealed, f"understood/{row.inbox_id}")))
            for row in await session.scalars(select(Note).filter_by(**mine).order_by(Note.created_at)):
                notes.append(opened(row.sealed, f"note/{row.id}"))
            for row in await session.scalars(select(FollowUp).filter_by(**mine).order_by(FollowUp.created_at)):
                pledge = json.loads(opened(row.sealed, f"follow_up/{row.id}"))
                referrals.append({**pledge, "ask_at": row.due_at, "asked_at": row.asked_at})
            card = await session.get(Card, conversation.id)
            if card is not None and card.sealed is not None:
                understood.append(json.loads(opened(card.sealed, f"card/{conversation.id}")))
            handoffs = [
                {"at": row.created_at, "reason": row.reason, "urgent": row.urgent, "closed_at": row.closed_at}
                for row in await session.scalars(select(Handoff).filter_by(**mine))
            ]
        remembered = {name: value for name, value in json.loads(state.to_text()).items() if value}
        return Holding(
            channel=recipient.channel,
            address=opened(recipient.sealed, f"recipient/{recipient.id}"),
            first_seen=person.created_at,
            last_seen=person.last_seen_at,
            stopped_at=recipient.stopped_at,
            language=state.language,
            country=state.country,
            remembered=remembered,
            messages=sorted(messages, key=lambda said: said.at),
            handoffs=handoffs,
            understood=understood,
            notes=notes,
            referrals=referrals,
            may_teach=person.teaches,
            lessons=[
                {**json.loads(opened(row.sealed, f"lesson/{row.id}")), "label": row.label}
                for row in await session.scalars(select(Lesson).filter_by(person_id=person.id))
            ],
        )
