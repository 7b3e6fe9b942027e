"""Conversations and parses, said to each contender in turn and timed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Protocol


@dataclass(frozen=True)
class Turn:
    """One message answered: milliseconds over HTTP, and whether there was anything to say."""

    ms: float
    answered: bool


class Conversation(Protocol):
    """One person with one contender, over one connection."""

    def say(self, text: str) -> Turn:
        """Send a message and wait for its answer."""

    def close(self) -> None:
        """The person leaves."""


Contenders = dict[str, Callable[[], Conversation]]
"""Name -> begins a new conversation."""


def play(contenders: Contenders, conversations: list[list[str]], at: Callable[[str], None]) -> dict[str, list[Turn]]:
    """Every conversation with every contender, one message at a time.

    Contenders alternate conversation by conversation, and who is first changes: what else the machine is doing
    then falls on all alike.
    """
    turns: dict[str, list[Turn]] = {name: [] for name in contenders}
    for number, texts in enumerate(conversations):
        for name in _alternating(contenders, number):
            turns[name] += _hold(contenders[name], texts)
        at(f"conversation {number + 1} of {len(conversations)}")
    return turns


def grow(
    contenders: Contenders, texts: list[str], length: int, rounds: int, at: Callable[[str], None]
) -> dict[str, list[list[Turn]]]:
    """`rounds` conversations of `length` turns with each contender, the same `texts` over and over."""
    said = [texts[turn % len(texts)] for turn in range(length)]
    found: dict[str, list[list[Turn]]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in _alternating(contenders, number):
            at(f"{name}, conversation {number + 1} of {rounds}")
            found[name].append(_hold(contenders[name], said))
    return found


def _hold(begin: Callable[[], Conversation], texts: list[str]) -> list[Turn]:
    conversation = begin()
    try:
        return [conversation.say(text) for text in texts]
    finally:
        conversation.close()


def _alternating(contenders: Contenders, number: int) -> list[str]:
    names = list(contenders)
    return names if number % 2 == 0 else names[::-1]
