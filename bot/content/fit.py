"""Fits what is to be said to what a channel can show: length, buttons or numbers, price."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from bot.content import sms
from bot.messages import Button, ChannelTraits, Outbound

_NUMBERED = 24
"""Choices that are offered by number at most, where a channel has no buttons or too few."""

_HEADING = re.compile(r"(:)\n")  # stays with the line it announces
_SENTENCE = re.compile(r"(?<=[.!?؟])\s+")

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
    note: str = ""
    """Said after everything else; on SMS only where there is room."""
    aside: tuple[Button, ...] = ()
    """Offered after the choices where a channel shows all of them as buttons; nowhere else."""
    choices_give_way: bool = False
    """On SMS there are fewer choices rather than less of the text: they only say more of the same."""
    whole: bool = False
    """On SMS all of it is sent at once, whatever it costs: nobody in danger is asked to send 'MORE'."""
    call: str = ""
    """Numbers to call, in few words: on SMS they stand in the first segment. Elsewhere the lines below say as much."""


@dataclass(frozen=True)
class OwnWords:
    """The words fitting adds of its own, in the language of the message."""

    reply_number: str
    choose: str
    read_on: str


@dataclass(frozen=True)
class Fitted:
    """Messages a channel accepts, the choices in the order of their numbers, then those there was no room for, which can
    still be typed, and what is left to be read when it is asked for."""

    messages: list[Outbound]
    choices: tuple[Button, ...]
    rest: str = ""


def fit(block: Block, traits: ChannelTraits, own: OwnWords) -> Fitted:
    """A block as one or more messages. Only SMS, where each is paid for, leaves a rest."""
    if traits.segments:
        return _fit_sms(block, traits, own)
    text = "\n\n".join(part for part in (block.text, *block.extras, block.note) if part)
    offered = block.buttons
    if len(offered) + len(block.aside) <= traits.button_limit:
        offered = (*offered, *block.aside)
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
    return Fitted(messages, _typed(block, offered))


def _fit_sms(block: Block, traits: ChannelTraits, own: OwnWords) -> Fitted:
    """At most SEGMENTS segments: the answer first, then what fits of the rest, always with a way on. Danger is whole."""
    if block.whole:
        return _fit_whole(block, traits)
    lines = _HEADING.sub(r"\1\v", "\n".join(block.extras)).split("\n")
    lines = [line.replace("\v", "\n") for line in lines if line]
    offered = _fewer(block.buttons, _NUMBERED if not lines and len(block.text) < 120 else _NUMBERED_SMS)
    offered, tail = _ways_on("\n".join([block.text, *lines]) if block.choices_give_way else block.text, offered, "")
    text, rest = _as_much([block.text], lines, tail)
    if rest:
        first, *others = sentences(block.text)
        offered, tail = _ways_on(first, offered, "\n" + own.read_on)
        text, rest = _as_much([first, *others], lines, tail)
    elif block.note:
        text, _ = _as_much([text], [block.note], tail)
    messages = [Outbound(part) for part in _split(sms.economical(text + tail), traits.text_limit)]
    return Fitted(messages, _typed(block, offered), rest)


def _fit_whole(block: Block, traits: ChannelTraits) -> Fitted:
    """All of it, as many segments as it takes. The numbers to call follow the first sentence, or, where that leaves them
    no room in the first segment, go before it."""
    offered = _fewer(block.buttons, _NUMBERED_SMS)
    tail = "\n" + _numbered(offered) if offered else ""
    first, *others = sentences(block.text)
    orders = [[block.text]]
    if block.call:
        orders = [[first, block.call, " ".join(others)], [block.call, block.text]]
    for order in orders:
        text = sms.economical("\n".join(part for part in (*order, *block.extras) if part) + tail)
        opening = sms.opening(text)
        if block.call in opening or sms.economical(block.call) in opening:
            break
    return Fitted([Outbound(part) for part in _split(text, traits.text_limit)], _typed(block, offered))


def sentences(text: str) -> list[str]:
    """The sentences of a text."""
    return _SENTENCE.split(text)


def _typed(block: Block, offered: tuple[Button, ...]) -> tuple[Button, ...]:
    return (*offered, *(button for button in block.buttons if button not in offered))


def _ways_on(text: str, buttons: tuple[Button, ...], closing: str) -> tuple[tuple[Button, ...], str]:
    """As many of the choices as the price allows after `text` and `closing`, and both as the end of the message."""
    while True:
        tail = closing + ("\n" + _numbered(buttons) if buttons else "")
        if not buttons or sms.segments(sms.economical(text + tail)) <= sms.SEGMENTS:
            return buttons, tail
        buttons = _fewer(buttons, len(buttons) - 1)


def _as_much(sentences: list[str], lines: list[str], tail: str) -> tuple[str, str]:
    """The first sentence and as much after it as the price allows before `tail`, and what is left."""
    text = sentences[0]
    following = [(" ", sentence) for sentence in sentences[1:]] + [("\n", line) for line in lines]
    for position, (apart, piece) in enumerate(following):
        longer = text + apart + piece
        if sms.segments(sms.economical(longer + tail)) > sms.SEGMENTS:
            return text, "".join(apart + piece for apart, piece in following[position:]).lstrip()
        text = longer
    return text, ""


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
