"""What waits, for whoever watches the machine: read when somebody asks, as counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import func, select

from bot.conversation.models import InboxMessage, OutboxMessage
from bot.db import Database, now

_STATES = ("queued", "sending", "uncertain", "held")


class Backlog:
    """Gauges over the database, refreshed by `read`."""

    def __init__(self, database: Database, registry: CollectorRegistry) -> None:
        self._database = database
        self._waiting = Gauge("farol_waiting", "Messages that are not answered yet", registry=registry)
        self._oldest = Gauge(
            "farol_oldest_waiting_seconds", "How long the oldest unanswered message has waited", registry=registry
        )
        self._outbox = Gauge("farol_outbox", "Messages not sent yet", ["channel", "state"], registry=registry)

    async def read(self) -> None:
        """Count anew."""
        async with self._database.begin(read_only=True) as session:
            open_ = InboxMessage.done_at.is_(None)
            count, oldest = (
                await session.execute(select(func.count(), func.min(InboxMessage.received_at)).where(open_))
            ).one()
            states = await session.execute(
                select(OutboxMessage.channel, OutboxMessage.status, func.count())
                .where(OutboxMessage.status.in_(_STATES))
                .group_by(OutboxMessage.channel, OutboxMessage.status)
            )
            found = {(channel, state): number for channel, state, number in states.all()}
        self._waiting.set(count)
        self._oldest.set((now() - oldest).total_seconds() if oldest else 0)
        self._outbox.clear()
        for (channel, state), number in found.items():
            self._outbox.labels(channel, state).set(number)
