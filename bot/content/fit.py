"""Fits what is to be said to what a channel can show: length, buttons or numbers, price."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from bot.content import sms
from bot.messages import Button, ChannelTraits, Outbound

_NUMBERED = 24
"""Choices that are offered by number at most, where a channel has no buttons or too few."""

_NUMBERED_SMS = 4
"""The same under an answer on SMS, where every line is paid for."""


@dataclass(frozen=True)
class Block:
    """One thing to say, before it is fitted to a channel."""

    text: str
    buttons: tuple[Button, ...] = ()
    ask_location: str | None = None
    location: Any = None
    draft: bool = False
    extras: tuple[str, ...] = ()


@dataclass(frozen=True)
class OwnWords:
    """The words fitting adds of its own, in the language of the message."""

    reply_number: str
    choose: str


def fit(block: Block, traits: ChannelTraits, own: OwnWords) -> tuple[list[Outbound], tuple[Button, ...]]:
    """A block as one or more messages its channel accepts, and the choices offered with it."""
    if traits.segments:
        return _fit_sms(block, traits)
    text = "\n\n".join([block.text, *block.extras])
    offered = block.buttons
    if offered and len(offered) > traits.button_limit:
        offered = _fewer(offered, max(_NUMBERED, traits.button_limit))
        text += "\n\n" + _numbered(offered) + "\n" + own.reply_number
        shown: tuple[Button, ...] = ()
    else:
        shown = tuple(Button(_cut(b.title, traits.title_limit), b.payload) for b in offered)
    parts = _split(text, traits.text_limit)
    messages = [Outbound(part) for part in parts]
    ask = block.ask_location if traits.can_ask_location else None
    pin = block.location if traits.can_send_location else None
    title = own.choose if shown else None
    messages[-1] = replace(messages[-1], buttons=shown, ask_location=ask, location=pin, list_title=title)
    return messages, offered


def _fit_sms(block: Block, traits: ChannelTraits) -> tuple[list[Outbound], tuple[Button, ...]]:
    """At most SEGMENTS segments: the answer first, then what fits of the rest, always with a way on."""
    offered = _fewer(block.buttons, _NUMBERED if not block.extras and len(block.text) < 120 else _NUMBERED_SMS)
    tail = ""
    while True:
        tail = "\n" + _numbered(offered) if offered else ""
        if sms.segments(sms.economical(block.text + tail)) <= sms.SEGMENTS or not offered:
            break
        offered = _fewer(offered, len(offered) - 1)
    text = block.text
    for extra in block.extras:
        for line in extra.split("\n"):
            longer = f"{text}\n{line}"
            if sms.segments(sms.economical(longer + tail)) <= sms.SEGMENTS:
                text = longer
    return [Outbound(part) for part in _split(sms.economical(text + tail), traits.text_limit)], offered


def _fewer(buttons: tuple[Button, ...], most: int) -> tuple[Button, ...]:
    """The first ones and, if there is room for two, the last: it is the way out, 'I would rather not say'."""
    if len(buttons) <= most or most < 2:
        return buttons[: max(0, most)]
    return (*buttons[: most - 1], buttons[-1])


def _numbered(buttons: tuple[Button, ...]) -> str:
    return "\n".join(f"{number} {button.title}" for number, button in enumerate(buttons, 1))


def _cut(title: str, limit: int) -> str:
    return title if len(title) <= limit else title[: limit - 1] + "…"


def _split(text: str, limit: int) -> list[str]:
    """`text` in parts of at most `limit` characters, between paragraphs, lines or words."""
    parts = []
    while len(text) > limit:
        cut = max(text.rfind(mark, 1, limit) for mark in ("\n\n", "\n", " "))
        cut = cut if cut > limit // 2 else limit
        parts.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*parts, text]
