"""Deletes what has been kept long enough, every hour, and says how much as counts."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import aliased

from bot.conversation import erasure
from bot.conversation.card import Card
from bot.conversation.lessons import Lesson
from bot.conversation.models import Conversation, InboxMessage, OutboxMessage, Person, Tombstone
from bot.conversation.referral import FollowUp
from bot.db import Database, now

log = structlog.get_logger("farol.retention")

_EVERY = 3600.0
_TOMBSTONES = timedelta(days=8)
"""Far longer than any provider offers a message again (a day)."""


class Retention:
    """Messages live `transcript_days`, people `person_days` after their last message; what is to be learnt from goes with
    its message, or after `learning_days` if that is sooner."""

    def __init__(
        self, database: Database, transcript_days: int, person_days: int, learning_days: int | None = None
    ) -> None:
        self._lessons = timedelta(days=transcript_days if learning_days is None else learning_days)
        self._database = database
        self._transcripts = timedelta(days=transcript_days)
        self._people = timedelta(days=person_days)
        self._task: asyncio.Task | None = None

    async def start(self) -> None:
        """Begin; the first round is now."""
        self._task = asyncio.create_task(self._run(), name="retention")

    async def stop(self) -> None:
        """Stop at once; every round is one transaction."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def sweep(self) -> dict[str, int]:
        """One round; returns how many messages in, messages out, dialogue states and people were deleted."""
        old = now() - self._transcripts
        async with self._database.begin() as session:
            received = await session.execute(
                delete(InboxMessage).where(InboxMessage.received_at < old, InboxMessage.done_at.is_not(None))
            )
            sent = await session.execute(
                delete(OutboxMessage).where(
                    OutboxMessage.created_at < old, OutboxMessage.status.not_in(("queued", "sending"))
                )
            )
            quiet = await session.execute(
                update(Conversation)
                .where(
                    Conversation.state.is_not(None),
                    Conversation.due_at.is_(None),
                    Conversation.person_id.in_(_unseen_since(old)),
                    # What a question needs that they have agreed to and not answered; nothing else is in it then.
                    Conversation.id.not_in(_asked_since_seen()),
                )
                .values(state=None)
            )
            await session.execute(delete(Lesson).where(Lesson.created_at < now() - self._lessons))
            # What the console lists goes when the dialogue goes.
            await session.execute(
                update(Card).where(Card.last_in_at < old, Card.operator.is_(None)).values(sealed=None)
            )
            await erasure.forget_all_farewells(session, now() - erasure.LEAVING)
            await session.execute(delete(Tombstone).where(Tombstone.created_at < now() - _TOMBSTONES))
            people = await session.execute(delete(Person).where(Person.last_seen_at < now() - self._people))
        await self._database.scrub()
        counts = {
            "received": received.rowcount,
            "sent": sent.rowcount,
            "dialogues": quiet.rowcount,
            "people": people.rowcount,
        }
        log.info("swept", **counts)
        return counts

    async def _run(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception as error:
                log.error("sweep failed", error=type(error).__name__, exc_info=True)
            await asyncio.sleep(_EVERY)


def _unseen_since(moment: datetime) -> Select:
    return select(Person.id).where(Person.last_seen_at < moment)


def _asked_since_seen() -> Select:
    talk = aliased(Conversation)
    return (
        select(FollowUp.conversation_id)
        .join(talk, talk.id == FollowUp.conversation_id)
        .join(Person, Person.id == talk.person_id)
        .where(FollowUp.asked_at > Person.last_seen_at)
    )
