"""What travels between rooms: messages in, messages out, what became of them.

Frozen values; a dict never crosses a room's border.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum


@dataclass(frozen=True)
class Location:
    """A point on earth in degrees (WGS 84), with the name the person or provider gave it."""

    latitude: float
    longitude: float
    label: str | None = None

    def __post_init__(self) -> None:
        if not (-90 <= self.latitude <= 90 and -180 <= self.longitude <= 180):
            raise ValueError(f"not a place on earth: {self.latitude}, {self.longitude}")


@dataclass(frozen=True)
class Button:
    """A choice offered to the person. `payload` is ours (at most 64 bytes: Telegram's callback_data)."""

    title: str
    payload: str


@dataclass(frozen=True)
class Inbound:
    """One message from a person, as every channel hands it over.

    `provider_id` is unique within the channel: it is what duplicates are recognised by.
    `payload` is set only when one of our own buttons was pressed; `text` is then its title.
    `media` names what cannot be read yet ("audio", "image", "file"...), the media itself is never fetched.
    `language_hint` is what the provider says of the person's device ("es", "pt-BR"), a hint and no more.
    `message_id` is what the message can be deleted by at the provider, where that can be done.
    """

    channel: str
    provider_id: str
    sender: str
    text: str = ""
    payload: str | None = None
    location: Location | None = None
    media: str | None = None
    language_hint: str | None = None
    sent_at: datetime | None = None
    message_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Outbound:
    """One message to a person, ready for its channel: the text already fits, the buttons are allowed there.

    `ask_location` asks for the channel's own "share my location" button where there is one.
    `list_title` is the label of the button that opens a list, for channels that show more choices as a list.
    `reference` is our own random name for the message; a provider that can repeats it in its later words about it.
    """

    text: str
    buttons: tuple[Button, ...] = ()
    location: Location | None = None
    ask_location: str | None = None
    list_title: str | None = None
    reference: str | None = None


class Delivery(Enum):
    """What a provider says became of a message."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True)
class DeliveryStatus:
    """A provider's later word about a message it had accepted; `error_code` is the provider's own.

    `consequence` says what a failure means, as in a SendError; it is None unless the delivery failed.
    `reference` is the message's, when the provider repeats it: so a message is found whose id we never learnt.
    """

    channel: str
    provider_id: str
    delivery: Delivery
    error_code: str | None = None
    consequence: Consequence | None = None
    reference: str | None = None


@dataclass(frozen=True)
class Refused:
    """Something a channel received and will not treat as a question (a group chat, an edited message).

    `reply_to` is set when the sender should be told why, with `key` naming the words in content/interface.
    """

    channel: str
    provider_id: str
    reason: str
    reply_to: str | None = None
    key: str | None = None


class Consequence(Enum):
    """What a failed send means for this message and this person."""

    RETRY = "retry"
    RETRY_FEW = "retry a few times"
    OUTSIDE_WINDOW = "only a template is allowed now"
    GIVE_UP = "give up"
    STOP_WRITING = "stop writing to this person"


class SendError(Exception):
    """A channel could not send; `consequence` says what the sender must do, `retry_after` (s) when.

    `uncertain` is true when the provider may have sent it all the same (a time-out after the request left).
    The message holds the provider's code and never an address, a text or a token.
    """

    def __init__(
        self,
        message: str,
        consequence: Consequence,
        *,
        code: str | None = None,
        retry_after: float | None = None,
        uncertain: bool = False,
    ) -> None:
        super().__init__(message)
        self.consequence = consequence
        self.code = code
        self.retry_after = retry_after
        self.uncertain = uncertain


class Forged(Exception):
    """A webhook request whose signature or secret is missing or wrong: answered 403, nothing is written."""


class Unreadable(Exception):
    """An authentic webhook request whose body is not what the provider documents: answered 400."""


@dataclass(frozen=True)
class ChannelTraits:
    """What a channel can show, from its provider's documents; rendering honours these figures.

    text_limit: characters in one message. button_limit: choices shown as buttons (0: they are numbered).
    title_limit: characters of a button's title. list_limit: choices when shown as a list (0: no lists).
    removes_within: how long after it was sent a message can be deleted at the provider; None where none can.
    window_hours: how long after a person's last message they may be written to freely; None: always.
    """

    name: str
    text_limit: int
    button_limit: int = 0
    title_limit: int = 20
    list_limit: int = 0
    segments: bool = False
    can_ask_location: bool = False
    can_send_location: bool = False
    removes_within: timedelta | None = None
    window_hours: int | None = None


@dataclass(frozen=True)
class WebhookRequest:
    """A provider's HTTP request as received: `url` is built from the configured public address, never from Host.

    `headers` has lower-case names.
    """

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
