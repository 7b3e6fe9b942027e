"""How fast a channel may send: a token bucket in the database, so that several assistants together keep to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.conversation.models import Pace, Recipient
from bot.db import Database, now

_LONGEST_PAUSE = timedelta(hours=1)
"""No provider asks for more. A bucket that is emptier than this was written by a clock that was wrong."""


@dataclass(frozen=True)
class Rate:
    """Messages a second: `all` through the channel, `each` to one person; None: as fast as they come."""

    all: float | None = None
    each: float | None = None

    @property
    def burst(self) -> int:
        """How many may leave at once after a pause."""
        return max(1, int((self.all or 0) / 10))

    @property
    def interval(self) -> timedelta:
        """Between two messages in the long run; burst and refill of any one second together stay within `all`."""
        refill = self.all - self.burst if self.burst > 1 else self.all
        return timedelta(seconds=1 / refill)


@dataclass(frozen=True)
class Leave:
    """How many messages may go now, and when it is worth asking again if that is not enough."""

    count: int
    again_at: datetime


async def prepare(database: Database, channels: dict[str, Rate]) -> None:
    """Make the buckets that are not there yet."""
    insert = sqlite.insert if database.sqlite else postgresql.insert
    async with database.begin() as session:
        for channel in sorted(name for name, rate in channels.items() if rate.all):
            await session.execute(insert(Pace).values(channel=channel, next_at=now()).on_conflict_do_nothing())


async def look(session: AsyncSession, channel: str, rate: Rate, wanted: int) -> Leave:
    """Lock the bucket for this transaction and say how many of `wanted` it allows."""
    if not rate.all:
        return Leave(wanted, now())
    moment = now()
    pace = await session.scalar(select(Pace).where(Pace.channel == channel).with_for_update(skip_locked=True))
    if pace is None:
        # Another assistant is taking for this channel at this moment.
        return Leave(0, moment + timedelta(milliseconds=20))
    begun = _begun(pace.next_at, rate, moment)
    if begun > moment:
        return Leave(0, begun)
    count = int((moment - begun) / rate.interval) + 1
    return Leave(min(count, wanted), moment + rate.interval)


async def spend(session: AsyncSession, channel: str, rate: Rate, count: int) -> None:
    """Take `count` messages out of the bucket that `look` has locked."""
    if not (rate.all and count):
        return
    pace = await session.get(Pace, channel)
    pace.next_at = _begun(pace.next_at, rate, now()) + count * rate.interval


async def pause_channel(session: AsyncSession, channel: str, seconds: float) -> None:
    """Nothing of this channel leaves for that long."""
    until = now() + min(timedelta(seconds=seconds), _LONGEST_PAUSE)
    await session.execute(update(Pace).where(Pace.channel == channel, Pace.next_at < until).values(next_at=until))


async def pause_person(session: AsyncSession, recipient_id: str, seconds: float) -> None:
    """Nothing goes to this person for that long."""
    until = now() + min(timedelta(seconds=seconds), _LONGEST_PAUSE)
    await session.execute(update(Recipient).where(Recipient.id == recipient_id).values(send_after=until))


def _begun(next_at: datetime, rate: Rate, moment: datetime) -> datetime:
    if next_at > moment + _LONGEST_PAUSE:
        next_at = moment
    return max(next_at, moment - (rate.burst - 1) * rate.interval)
