"""A channel for this terminal: shaped like any other, delivered to whoever waits for it here."""

from __future__ import annotations

import asyncio

from bot.channels.telegram import TelegramChannel
from bot.channels.twilio import traits_of
from bot.channels.web import WebChat
from bot.db import new_id
from bot.messages import ChannelTraits, Outbound

TRAITS: dict[str, ChannelTraits] = {
    "sms": traits_of("sms"),
    "whatsapp": traits_of("whatsapp"),
    "telegram": TelegramChannel.traits,
    "web": WebChat.traits,
}
"""The channels whose shape can be tried here."""


class LocalChannel:
    """Collects what would be sent. It claims the traits, and so the rendering, of a real channel."""

    def __init__(self, traits: ChannelTraits) -> None:
        self.traits = traits
        self._sent: dict[str, asyncio.Queue[Outbound]] = {}

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def send(self, address: str, message: Outbound) -> str:
        """Keep the message for `received`."""
        self._queue(address).put_nowait(message)
        return new_id()

    def received(self, address: str) -> list[Outbound]:
        """What has been sent to an address since the last call."""
        queue, messages = self._queue(address), []
        while not queue.empty():
            messages.append(queue.get_nowait())
        return messages

    def _queue(self, address: str) -> asyncio.Queue[Outbound]:
        return self._sent.setdefault(address, asyncio.Queue())
