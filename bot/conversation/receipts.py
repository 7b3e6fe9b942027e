"""What a provider says later about a message it had accepted, and what follows from that."""

from __future__ import annotations

import random
from datetime import timedelta

import structlog
from sqlalchemy import Select, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.conversation.models import Conversation, OutboxMessage, Recipient
from bot.db import now
from bot.messages import Consequence, Delivery, DeliveryStatus

log = structlog.get_logger("farol.receipts")

MAX_ATTEMPTS = 8
FEW_ATTEMPTS = 3
"""For failures that another try may mend, but not eight (a phone that is switched off)."""

OUTSIDE_WINDOW = "outside_window"
"""The error code of a message that its provider would only take as a template now."""

_RANK = {"queued": 0, "held": 0, "sending": 1, "uncertain": 1, "sent": 2, "delivered": 3, "read": 4, "failed": 5}
_FIRST_DELAY = 2.0
_LATER_DELAY = 60.0
"""Seconds until the second try of a message that the carrier could not deliver: phones come back slowly."""


def attempts_allowed(consequence: Consequence) -> int:
    """How often a message is tried in all when it fails with this consequence."""
    return {Consequence.RETRY: MAX_ATTEMPTS, Consequence.RETRY_FEW: FEW_ATTEMPTS}.get(consequence, 0)


def pause(attempts: int, first: float = _FIRST_DELAY) -> timedelta:
    """How long to wait after this many attempts: doubling, and never the same for everybody."""
    return timedelta(seconds=first * 2 ** (attempts - 1) * random.uniform(0.8, 1.2))


async def note(session: AsyncSession, status: DeliveryStatus) -> None:
    """Note it; later words never overwrite a more final one. A failure that may pass puts the message back."""
    row = await session.scalar(_named_by(status).with_for_update())
    if row is None:
        return
    if status.consequence is Consequence.STOP_WRITING:
        await stop_writing(session, row.conversation_id)
    if _RANK[status.delivery.value] <= _RANK[row.status]:
        return
    row.provider_id, row.taken_until = status.provider_id, None
    if status.delivery is not Delivery.FAILED:
        row.status = status.delivery.value
        return
    row.error_code = status.error_code
    row.status = "failed"
    if status.consequence is Consequence.OUTSIDE_WINDOW:
        # The sender decides what the person is sent instead; it knows by this code.
        row.status, row.next_at, row.provider_id, row.error_code = "queued", now(), None, OUTSIDE_WINDOW
    elif status.consequence and row.attempts < attempts_allowed(status.consequence):
        row.status, row.next_at, row.provider_id = "queued", now() + pause(row.attempts, _LATER_DELAY), None
    log.warning("not delivered", channel=row.channel, code=row.error_code, again=row.status == "queued")


async def stop_writing(session: AsyncSession, conversation_id: str) -> None:
    """Never write to the conversation's person again, unless they say so; what waits for them is given up."""
    recipient = select(Conversation.recipient_id).where(Conversation.id == conversation_id).scalar_subquery()
    await session.execute(update(Recipient).where(Recipient.id == recipient).values(stopped_at=now()))
    await session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.conversation_id == conversation_id, OutboxMessage.status.in_(("queued", "held")))
        .values(status="failed", error_code="stopped")
    )


def reference(row: OutboxMessage) -> str:
    """What a provider is asked to repeat about this attempt to send this message."""
    return f"{row.id}.{row.attempts}"


def _named_by(status: DeliveryStatus) -> Select:
    named = OutboxMessage.provider_id == status.provider_id
    row_id, _, attempt = (status.reference or "").partition(".")
    if attempt.isdecimal():
        # The provider's word may come before its answer to our request, or instead of it.
        ours = and_(
            OutboxMessage.id == row_id,
            OutboxMessage.attempts == int(attempt[:6]),
            OutboxMessage.status.in_(("sending", "uncertain")),
        )
        named = or_(named, ours)
    return select(OutboxMessage).where(OutboxMessage.channel == status.channel, named).limit(1)
