"""Asks people once, as they agreed to, what became of their referral; and forgets what is too old.

Never somebody who has said STOP, has been erased or has left in a hurry (their rows are gone), never while one of the
team is answering, and never twice: the question and the note that it was asked are one transaction.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import structlog
from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.content.render import Content
from bot.conversation import register, tallies
from bot.conversation.bell import Bell
from bot.conversation.card import Card
from bot.conversation.models import Conversation, InboxMessage, OutboxMessage, Person, Recipient
from bot.conversation.outbox import Origin, to_text
from bot.conversation.referral import KEPT, FollowUp
from bot.conversation.referring import Referring, opened, question
from bot.conversation.state import State
from bot.db import Database, new_id, now
from bot.messages import ChannelTraits
from bot.vault import Vault
from nlu.contract import Response

log = structlog.get_logger("farol.following_up")

_EVERY = 60.0
_BATCH = 50
"""People asked in one round: asking must not take what answering needs."""
_LATER = timedelta(hours=1)
"""Until it is tried again with somebody whom one of the team is answering."""
_APART = timedelta(days=1)
"""Between two questions to the same person, who had two codes."""
_MARGIN = timedelta(minutes=5)
"""A provider's window this near its end counts as over."""


class FollowingUp:
    """Looks every minute. `written` is rung when there is something to send."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        content: Content,
        traits: dict[str, ChannelTraits],
        referring: Referring,
        written: Bell,
    ) -> None:
        self._database = database
        self._vault = vault
        self._content = content
        self._traits = traits
        self._referring = referring
        self._written = written

    async def run(self) -> None:
        """For ever; a duty of one assistant (bot.conversation.duty)."""
        while True:
            try:
                await self.ask()
                await self.forget()
            except Exception as error:
                log.error("following up failed", error=type(error).__name__, exc_info=True)
            await asyncio.sleep(_EVERY)

    async def ask(self) -> int:
        """One round; returns how many people were asked."""
        async with self._database.begin(read_only=True) as session:
            if (await session.execute(_due().limit(1))).first() is None:
                return 0
        asked = 0
        async with self._database.begin() as session:
            # Locked: whoever writes just now is answered first, and asked in a later round.
            query = _due().limit(_BATCH).with_for_update(skip_locked=True, of=Conversation)
            for row, *whom in (await session.execute(query)).all():
                asked += await self._ask(session, row, *whom)
        if asked:
            log.info("followed up", people=asked)
            self._written.set()
        return asked

    async def forget(self) -> int:
        """Delete what is past its time; returns how many codes were."""
        async with self._database.begin() as session:
            await session.execute(delete(FollowUp).where(FollowUp.created_at < now() - KEPT))
            return await register.forget_old(session)

    async def _ask(
        self,
        session: AsyncSession,
        row: FollowUp,
        conversation: Conversation,
        person: Person,
        recipient: Recipient,
        operator: str | None,
    ) -> bool:
        if operator is not None:
            row.due_at = now() + _LATER
            return False
        if await self._asked_lately(session, conversation.id):
            # Two questions at once, and "2" would be an answer to one of them only.
            row.due_at = now() + _APART
            return False
        row.due_at = None
        if recipient.stopped_at is not None or recipient.channel not in self._traits:
            return False
        if not self._referring.can_ask(recipient.channel):
            return False
        pledge = opened(self._vault, person.wrapped_key, person.id, row)
        state = State()
        if conversation.state is not None:
            state = State.from_text(self._vault.open(person.wrapped_key, conversation.state, _state_name(conversation)))
        # Without the thread, whose days are over: this waits for an answer longer than messages are kept.
        state = replace(State(), language=state.language or pledge.language, chosen=state.chosen, country=state.country,
                        region=state.region, greeted=True, draft_noted=state.draft_noted)  # fmt: skip
        reachable = await self._window_open(session, recipient.channel, conversation.id)
        # Outside WhatsApp's window only a template leaves now, and these words wait until the person writes; the question
        # then goes with the answer, so that its choices are the last ones offered.
        said = question(row.id, pledge) if reachable else Response("referral.hello")
        rendering = self._content.render(
            [said], language=state.language, country=state.country, traits=self._traits[recipient.channel]
        )
        if reachable:
            state = replace(state, choices=rendering.choices, asked=rendering.choices, rest=rendering.rest)
        else:
            state = replace(state, to_ask=row.id)
        for outbound in rendering.messages:
            row_id = new_id()
            text = to_text(outbound, state.language, Origin((said.key,), self._content.version))
            sealed = self._vault.seal(person.wrapped_key, text, f"{person.id}/outbox/{row_id}")
            about = {"conversation_id": conversation.id, "channel": recipient.channel}
            session.add(OutboxMessage(id=row_id, sealed=sealed, **about))
        conversation.state = self._vault.seal(person.wrapped_key, state.to_text(), _state_name(conversation))
        row.asked_at = now()
        await tallies.count_referral(session, "asked", pledge.place.country, pledge.place.kind)
        return True

    @staticmethod
    async def _asked_lately(session: AsyncSession, conversation_id: str) -> bool:
        lately = (FollowUp.conversation_id == conversation_id, FollowUp.asked_at > now() - _APART)
        return await session.scalar(select(FollowUp.id).where(*lately).limit(1)) is not None

    async def _window_open(self, session: AsyncSession, channel: str, conversation_id: str) -> bool:
        hours = self._traits[channel].window_hours
        if hours is None:
            return True
        heard = func.max(func.coalesce(InboxMessage.sent_at, InboxMessage.received_at))
        last = await session.scalar(select(heard).where(InboxMessage.conversation_id == conversation_id))
        return last is not None and last > now() - timedelta(hours=hours) + _MARGIN


def _state_name(conversation: Conversation) -> str:
    return f"{conversation.person_id}/state/{conversation.id}"


def _due() -> Select:
    """Those who may be asked now, in conversations where nothing else is going on."""
    return (
        select(FollowUp, Conversation, Person, Recipient, Card.operator)
        .join(Conversation, Conversation.id == FollowUp.conversation_id)
        .join(Person, Person.id == Conversation.person_id)
        .join(Recipient, Recipient.id == Conversation.recipient_id)
        .outerjoin(Card, Card.conversation_id == Conversation.id)
        .where(
            FollowUp.due_at <= now(),
            FollowUp.asked_at.is_(None),
            Conversation.due_at.is_(None),
            or_(Conversation.lease_until.is_(None), Conversation.lease_until < now()),
        )
        .order_by(FollowUp.due_at)
    )
