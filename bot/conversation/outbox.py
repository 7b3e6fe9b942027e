"""The form in which a message waits to be sent."""

from __future__ import annotations

import json
from dataclasses import asdict

from bot.messages import Button, Location, Outbound


def to_text(message: Outbound, language: str) -> str:
    """A message as JSON text, to be sealed, with the language it is in."""
    return json.dumps({**asdict(message), "language": language}, ensure_ascii=False)


def language_of(text: str) -> str:
    """The language of a message kept as text."""
    return json.loads(text)["language"]


def from_text(text: str) -> Outbound:
    """The message again."""
    data = json.loads(text)
    return Outbound(
        text=data["text"],
        buttons=tuple(Button(**button) for button in data["buttons"]),
        location=Location(**data["location"]) if data["location"] else None,
        ask_location=data["ask_location"],
        list_title=data["list_title"],
    )
