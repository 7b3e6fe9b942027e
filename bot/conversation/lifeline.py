"""Danger is answered although nothing can be stored: the way in that every channel's messages take.

A message is stored first and answered from the store. When the database does not take it in time, an explicit sign of
danger is answered from here, through the channel itself, with what is in memory: the rules, the words, the help lines of
the country. The door still says 'not stored', so that the provider brings the message again; it is then stored, and not
answered a second time if this process still knows that it has been. (After a restart it is: a person in need is better
told twice than not at all.)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable

import structlog

from bot.channels.base import Channel
from bot.content.render import Content
from bot.conversation.inbox import Inbox
from bot.messages import DeliveryStatus, Inbound, SendError
from bot.safety.screen import Screen
from nlu.contract import Response

log = structlog.get_logger("farol.lifeline")

_REMEMBERED = 10_000


class NotStored(Exception):
    """A message could not be stored in time. The provider must be told so, and will bring it again."""


class Told:
    """Which messages were answered directly, by channel and the provider's id; the last ten thousand."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def __contains__(self, message: tuple[str, str]) -> bool:
        return message in self._known

    def add(self, channel: str, provider_id: str) -> None:
        """Remember one."""
        self._known[channel, provider_id] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


class Lifeline:
    """Takes what the inbox takes. `country_of(channel, address)` is the country that a number belongs to, or None.

    patience (s): how long the database may take to store; a provider waits 15 s for our answer.
    """

    def __init__(
        self,
        inbox: Inbox,
        screen: Screen,
        content: Content,
        channels: dict[str, Channel],
        told: Told,
        country_of: Callable[[str, str], str | None],
        patience: float = 4.0,
    ) -> None:
        self._inbox = inbox
        self._screen = screen
        self._content = content
        self._channels = channels
        self._told = told
        self._country_of = country_of
        self._patience = patience

    async def accept(self, message: Inbound) -> bool:
        """Store a message, or answer danger without. Raises NotStored; returns False for one that was stored before."""
        storing = asyncio.ensure_future(self._inbox.accept(message))
        try:
            # Shielded: broken off half-way, the database would be left in the middle of a transaction.
            return await asyncio.wait_for(asyncio.shield(storing), self._patience)
        except TimeoutError:
            storing.add_done_callback(_swallow)
            log.error("message not stored", channel=message.channel, error="timeout")
        except Exception as error:
            log.error("message not stored", channel=message.channel, error=type(error).__name__)
        await self._answer(message)
        raise NotStored(message.channel)

    async def delivered(self, status: DeliveryStatus) -> None:
        """Note what became of a message of ours. Raises NotStored."""
        noting = asyncio.ensure_future(self._inbox.delivered(status))
        try:
            # Shielded for the same reason.
            await asyncio.wait_for(asyncio.shield(noting), self._patience)
        except Exception as error:
            noting.add_done_callback(_swallow)
            log.error("status not stored", channel=status.channel, error=type(error).__name__)
            raise NotStored(status.channel) from None

    async def _answer(self, message: Inbound) -> None:
        channel = self._channels.get(message.channel)
        hint = self._content.language_for(message.language_hint) if message.language_hint else None
        sign = self._screen.crisis(message.text, first=hint) if message.text else None
        if sign is None or channel is None or (message.channel, message.provider_id) in self._told:
            return
        # Before it is sent: two copies of a webhook at once must not both be answered.
        self._told.add(message.channel, message.provider_id)
        rendering = self._content.render(
            [Response("topic", {"topic": sign.name})],
            language=sign.language,
            country=None,
            guess=self._country_of(message.channel, message.sender),
            traits=channel.traits,
        )
        tell = getattr(channel, "tell", None)
        for outbound in rendering.messages:
            try:
                if tell is not None:  # a page, which otherwise reads what it shows from the database
                    await tell(message.sender, outbound, sign.language, self._content.direction(sign.language))
                else:
                    await channel.send(message.sender, outbound)
            except SendError as error:
                log.error("danger not answered", channel=message.channel, crisis=sign.name, code=error.code)
                return
        log.error("danger answered without the database", channel=message.channel, crisis=sign.name)


def _swallow(task: asyncio.Future) -> None:
    with contextlib.suppress(Exception, asyncio.CancelledError):
        task.result()
