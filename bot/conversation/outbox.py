"""The form in which a message waits to be sent."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from bot.messages import Button, Location, Outbound


@dataclass(frozen=True)
class Origin:
    """Where a message's words come from: `keys` of content/ and the `edition` they were read in, or the name of the
    `operator` who wrote them. Shown in the console, never to the person."""

    keys: tuple[str, ...] = ()
    edition: str | None = None
    operator: str | None = None


def to_text(message: Outbound, language: str, origin: Origin = Origin()) -> str:
    """A message as JSON text, to be sealed, with the language it is in and where its words come from."""
    return json.dumps({**asdict(message), "language": language, "origin": asdict(origin)}, ensure_ascii=False)


def origin_of(text: str) -> Origin:
    """Where the words of a message kept as text come from; messages of before this was kept have an empty one."""
    data = json.loads(text).get("origin") or {}
    return Origin(**{**data, "keys": tuple(data.get("keys") or ())})


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
