"""Who works on which conversation: leases that expire, each with a fence that counts up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.conversation.card import Card
from bot.conversation.models import Conversation, InboxMessage, Person, Recipient
from bot.conversation.state import State
from bot.db import Database, now
from bot.vault import Vault

LEASE = timedelta(seconds=30)
"""How long a dead worker keeps a conversation from the others: more than the slowest turn, less than patience."""


@dataclass(frozen=True)
class Held:
    """A leased conversation and what is needed to read and write for its person; `paused` while one of the team answers."""

    conversation_id: str
    person_id: str
    recipient_id: str
    channel: str
    wrapped_key: bytes
    fence: int
    state: State
    stopped: bool
    paused: bool = False


class LeaseLost(Exception):
    """Another worker holds the conversation now; nothing of this one's work is written."""


class Leases:
    """Takes, keeps and gives back conversations. One at a time has a conversation, or nobody."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def take(self) -> Held | None:
        """Lease the conversation that has waited longest, or None when none is due and free."""
        async with self._database.begin(read_only=True) as session:
            if await session.scalar(_due().limit(1)) is None:
                return None
        async with self._database.begin() as session:
            row = (await session.execute(_due().limit(1).with_for_update(skip_locked=True))).scalar()
            if row is None:
                return None
            await session.execute(
                update(Conversation)
                .where(Conversation.id == row)
                .values(fence=Conversation.fence + 1, lease_until=now() + LEASE)
            )
            found = (
                await session.execute(
                    select(Conversation, Person.wrapped_key, Recipient.channel, Recipient.stopped_at, Card.operator)
                    .join(Person, Person.id == Conversation.person_id)
                    .join(Recipient, Recipient.id == Conversation.recipient_id)
                    .outerjoin(Card, Card.conversation_id == Conversation.id)
                    .where(Conversation.id == row)
                )
            ).one()
            conversation, wrapped, channel, stopped_at, operator = found
            state = State()
            if conversation.state is not None:
                name = f"{conversation.person_id}/state/{conversation.id}"
                state = State.from_text(self._vault.open(wrapped, conversation.state, name))
            return Held(
                conversation.id,
                conversation.person_id,
                conversation.recipient_id,
                channel,
                wrapped,
                conversation.fence,
                state,
                stopped_at is not None,
                operator is not None,
            )

    async def release(self, held: Held) -> bool:
        """Let the conversation go; returns False, and keeps it, when a message came in meanwhile."""
        async with self._database.begin() as session:
            # PostgreSQL: whoever is storing a message just now has this lock, or waits for ours; it is not overlooked.
            await session.execute(
                select(Conversation.id).where(Conversation.id == held.conversation_id).with_for_update()
            )
            waiting = await session.scalar(
                select(func.count())
                .select_from(InboxMessage)
                .where(InboxMessage.conversation_id == held.conversation_id, InboxMessage.done_at.is_(None))
            )
            if waiting:
                return False
            await session.execute(
                update(Conversation)
                .where(Conversation.id == held.conversation_id, Conversation.fence == held.fence)
                .values(due_at=None, lease_until=None, told_at=None)
            )
            return True

    async def hand_back(self, held: Held, wait: timedelta = timedelta()) -> None:
        """Let others go on with it, after `wait`: what is not answered stays due."""
        async with self._database.begin() as session:
            await session.execute(
                update(Conversation)
                .where(Conversation.id == held.conversation_id, Conversation.fence == held.fence)
                .values(due_at=now() + wait, lease_until=None)
            )

    @staticmethod
    async def hold(session: AsyncSession, held: Held) -> None:
        """Make sure the lease is still ours, in the transaction that writes. Raises LeaseLost."""
        result = await session.execute(
            update(Conversation)
            .where(Conversation.id == held.conversation_id, Conversation.fence == held.fence)
            .values(lease_until=now() + LEASE)
        )
        if result.rowcount == 0:
            raise LeaseLost(held.conversation_id)


def _due() -> Select:
    free = or_(Conversation.lease_until.is_(None), Conversation.lease_until < now())
    return (
        select(Conversation.id)
        .where(Conversation.due_at.is_not(None), Conversation.due_at <= now(), free)
        .order_by(Conversation.due_at)
    )
