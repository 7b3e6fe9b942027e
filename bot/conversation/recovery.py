"""Fetches what people wrote while nobody listened: at the start, and now and then, because webhooks get lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from bot.channels.base import Channel, Event
from bot.conversation.figures import Figures
from bot.conversation.inbox import Inbox
from bot.db import now
from bot.messages import Inbound, SendError

log = structlog.get_logger("farol.recovery")

FIRST = timedelta(hours=23)
"""How far back the first look goes: less than the shortest time that messages and tombstones are kept."""
LATER = timedelta(minutes=30)
"""How far back every further one goes."""
SETTLED = timedelta(seconds=30)
"""Younger messages are left to their webhooks, which may be on their way."""
EVERY = 120.0
_RETRY = 15.0
_PATIENCE = 15.0
"""Seconds that the start waits for the providers' logs."""


class Recovery:
    """Asks channels that have a log (`missed`) for what should have come; the inbox knows what has."""

    def __init__(self, inbox: Inbox, channels: dict[str, Channel], figures: Figures | None = None) -> None:
        self._inbox = inbox
        self._channels = {name: channel for name, channel in channels.items() if hasattr(channel, "missed")}
        self._figures = figures or Figures()
        self._fetched: set[str] = set()

    async def start(self) -> None:
        """Look back before anybody is answered, so that older messages come first; for a short while at most."""
        try:
            async with asyncio.timeout(_PATIENCE):
                for name in list(self._channels):
                    if await self.fetch(name, FIRST):
                        self._fetched.add(name)
        except TimeoutError:
            log.warning("providers' logs are slow, going on without")

    async def stop(self) -> None:
        """Nothing to stop: `run` is somebody's duty."""

    async def run(self) -> None:
        """Look back far where that is not done, then a little every two minutes; one that is away is asked soon."""
        waiting = {name: LATER if name in self._fetched else FIRST for name in self._channels}
        while True:
            for name, back in list(waiting.items()):
                if await self.fetch(name, back):
                    del waiting[name]
            if waiting:
                await asyncio.sleep(_RETRY)
                continue
            await asyncio.sleep(EVERY)
            waiting = {name: LATER for name in self._channels}

    async def fetch(self, name: str, back: timedelta) -> bool:
        """Accept what a channel's log has and the inbox has not, oldest first. False: the log could not be read."""
        begun = now()
        try:
            events = await self._channels[name].missed(begun - back)
        except SendError as error:
            log.warning("provider's log not read", channel=name, code=error.code)
            return False
        found = 0
        for event in events:
            if _is_settled(event, begun):
                found += await self._inbox.accept(event)
        if found:
            log.warning("missed messages fetched", channel=name, count=found)
            self._figures.recovered(name, found)
        unreadable = sum(not isinstance(event, Inbound) for event in events)
        if unreadable:
            log.warning("messages in the log that cannot be answered", channel=name, count=unreadable)
        return True


def _is_settled(event: Event, begun: object) -> bool:
    return isinstance(event, Inbound) and (event.sent_at is None or event.sent_at < begun - SETTLED)
