"""What every channel offers. A channel verifies, parses and sends; it does not know the server or the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from bot.messages import ChannelTraits, DeliveryStatus, Inbound, Outbound, Refused, WebhookRequest

Event = Inbound | DeliveryStatus | Refused
Accept = Callable[[Event], Awaitable[None]]


class Channel(Protocol):
    """One way people reach Farol."""

    traits: ChannelTraits

    async def start(self) -> None:
        """Open what sending needs (sessions, clients). Raises nothing for a provider that is down."""

    async def stop(self) -> None:
        """Close it again; safe to call twice."""

    async def send(self, address: str, message: Outbound) -> str:
        """Send one message and return the provider's id of it. Raises SendError."""


class WebhookChannel(Channel, Protocol):
    """A channel whose provider calls us. The gateway routes POST /webhooks/<name> to it."""

    def verify(self, request: WebhookRequest) -> None:
        """Raise Forged unless the request is from the provider."""

    def parse(self, request: WebhookRequest) -> list[Event]:
        """Read an authentic request. Raises Unreadable."""


class PollingChannel(Channel, Protocol):
    """A channel that can also be asked for messages, so that no public address is needed."""

    async def poll(self, accept: Accept) -> None:
        """Hand over messages until cancelled; the provider forgets one only after `accept` has returned."""


class RemovingChannel(Channel, Protocol):
    """A channel whose provider deletes messages when asked: `traits.removes_within` says how old they may be."""

    async def remove(self, address: str, message_ids: list[str]) -> None:
        """Delete messages of one chat, sent and received; those that are not there (any more) are passed over.

        Raises SendError; what was not deleted may be asked for again.
        """


class AcknowledgingChannel(Channel, Protocol):
    """A channel whose provider also wants to hear that a button was pressed; until then the press looks pending."""

    def acknowledge(self, event: Event) -> None:
        """Say so in the background, once `accept` has returned. Any event may be given; never raises.

        `poll` does this itself; whoever receives webhooks calls it.
        """
