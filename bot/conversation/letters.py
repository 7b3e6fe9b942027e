"""Takes from the outbox what may be sent now: in order, within the channel's rate, by one assistant only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import aliased

from bot.conversation import pacing, receipts
from bot.conversation.models import Conversation, InboxMessage, OutboxMessage, Person, Recipient
from bot.conversation.outbox import from_text, language_of
from bot.conversation.pacing import Rate
from bot.db import Database, now
from bot.messages import ChannelTraits, Outbound
from bot.vault import Vault

TAKEN = timedelta(seconds=45)
"""How long a sender answers for a message it has taken; longer than any channel may take to send it."""


@dataclass(frozen=True)
class Letter:
    """A message on its way. `window_open` is false when its provider would now refuse anything but a template."""

    row: OutboxMessage
    person_id: str
    recipient_id: str
    address: str
    message: Outbound
    language: str
    window_open: bool = True


class Letters:
    """The outbox as a sender sees it."""

    def __init__(
        self, database: Database, vault: Vault, traits: dict[str, ChannelTraits], rates: dict[str, Rate]
    ) -> None:
        self._database = database
        self._vault = vault
        self._traits = traits
        self._rates = rates

    def rate(self, channel: str) -> Rate:
        """How fast a channel may send."""
        return self._rates.get(channel, Rate())

    async def take(self, channel: str, limit: int) -> tuple[list[Letter], datetime | None]:
        """The oldest due message of up to `limit` conversations, marked 'sending' before anybody sends it.

        Also says when there may be more: None when nothing waits that could be sent later.
        """
        async with self._database.begin(read_only=True) as session:
            if (await session.execute(_due(channel).limit(1))).first() is None:
                return [], await session.scalar(_next(channel))
        rate = self.rate(channel)
        async with self._database.begin() as session:
            leave = await pacing.look(session, channel, rate, limit)
            if not leave.count:
                return [], leave.again_at
            query = _due(channel).limit(leave.count).with_for_update(skip_locked=True, of=OutboxMessage)
            letters, stopped = [], False
            for row, person, recipient, heard_at in (await session.execute(query)).all():
                if recipient.stopped_at is not None and not row.despite_stop:
                    # Whoever queued it, and whenever: somebody who said STOP is not written to.
                    row.status, row.error_code, stopped = "failed", "stopped", True
                    continue
                row.status = "sending"
                row.attempts += 1
                row.taken_until = now() + TAKEN
                if rate.each:
                    recipient.send_after = now() + timedelta(seconds=1 / rate.each)
                letters.append(self.open(row, person, recipient, heard_at))
            await pacing.spend(session, channel, rate, len(letters))
        # What was held back may have stood before messages that may go.
        return (letters, leave.again_at) if letters or not stopped else await self.take(channel, limit)

    def open(self, row: OutboxMessage, person: Person, recipient: Recipient, heard_at: datetime | None) -> Letter:
        """Address and words of a message. `heard_at`: when the person last wrote."""
        address = self._vault.open(person.wrapped_key, recipient.sealed, f"{person.id}/recipient/{recipient.id}")
        body = self._vault.open(person.wrapped_key, row.sealed, f"{person.id}/outbox/{row.id}")
        return Letter(
            row,
            person.id,
            recipient.id,
            address,
            replace(from_text(body), reference=receipts.reference(row)),
            language_of(body),
            self._window_open(row, heard_at),
        )

    def _window_open(self, row: OutboxMessage, heard_at: datetime | None) -> bool:
        traits = self._traits.get(row.channel)
        hours = traits.window_hours if traits else None
        if hours is None:
            return True
        if row.error_code == receipts.OUTSIDE_WINDOW:
            return False
        # Nothing known of the person's last message (a last word to somebody erased): the provider decides.
        return heard_at is None or heard_at > now() - timedelta(hours=hours)


def opened(*conditions: ColumnElement[bool]) -> Select:
    """Messages with what is needed to open them: row, person, recipient, when the person last wrote."""
    heard = (
        select(func.max(func.coalesce(InboxMessage.sent_at, InboxMessage.received_at)))
        .where(InboxMessage.conversation_id == OutboxMessage.conversation_id)
        .correlate(OutboxMessage)
        .scalar_subquery()
    )
    return (
        select(OutboxMessage, Person, Recipient, heard)
        .join(Conversation, Conversation.id == OutboxMessage.conversation_id)
        .join(Person, Person.id == Conversation.person_id)
        .join(Recipient, Recipient.id == Conversation.recipient_id)
        .where(*conditions)
        .order_by(OutboxMessage.position)
    )


def _due(channel: str) -> Select:
    earlier = aliased(OutboxMessage)
    first = ~exists().where(
        and_(
            earlier.conversation_id == OutboxMessage.conversation_id,
            earlier.position < OutboxMessage.position,
            # 'uncertain' with a date: the provider's log will be asked, and it may have to be sent again, first.
            or_(
                earlier.status.in_(("queued", "sending")),
                and_(earlier.status == "uncertain", earlier.taken_until.is_not(None)),
            ),
        )
    )
    rested = or_(Recipient.send_after.is_(None), Recipient.send_after <= now())
    queued = (OutboxMessage.status == "queued", OutboxMessage.next_at <= now(), OutboxMessage.channel == channel)
    return opened(*queued, rested, first)


def _next(channel: str) -> Select:
    ready = case((Recipient.send_after > OutboxMessage.next_at, Recipient.send_after), else_=OutboxMessage.next_at)
    return (
        select(func.min(ready))
        .select_from(OutboxMessage)
        .join(Conversation, Conversation.id == OutboxMessage.conversation_id)
        .join(Recipient, Recipient.id == Conversation.recipient_id)
        .where(OutboxMessage.status == "queued", OutboxMessage.channel == channel)
    )
