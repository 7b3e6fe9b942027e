"""Whether an answer helped: thumbs under it where there is room for them, and the words people say anyway.

A person rates an answer once. Nothing but counts is kept of it: by topic, language and version of the content.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bot.conversation.state import State
from nlu.contract import Response

_PAYLOAD = re.compile(r"rate:(up|down):([a-z_0-9]{1,40}):([0-9a-f]{12})")
_REMEMBERED = 8
"""Answers that can still be rated; their buttons stay in the chat."""

_BY_INTENT = {"thank": True, "not_helpful": False}


@dataclass(frozen=True)
class Rating:
    """A word on an answer: `topic` as it was said in a `version` of the content."""

    topic: str
    version: str
    up: bool

    @property
    def answer(self) -> str:
        """The answer as a state remembers it."""
        return f"{self.topic}:{self.version}"


def pressed(payload: str | None) -> Rating | None:
    """What a thumb that was pressed says."""
    found = _PAYLOAD.fullmatch(payload or "")
    return Rating(found[2], found[3], found[1] == "up") if found else None


def said(state: State, parse: dict | None) -> Rating | None:
    """What thanks or a complaint say of the answer they follow at once."""
    parse = parse or {}
    up = _BY_INTENT.get((parse.get("intent") or {}).get("name"))
    if up is None or parse.get("decision") != "answer" or not state.just_answered:
        return None
    topic, _, version = state.just_answered.partition(":")
    return Rating(topic, version, up)


def counts(state: State, rating: Rating) -> bool:
    """Whether this answer was given here and not rated yet."""
    return rating.answer in state.unrated


def remember(state: State, responses: list[Response], version: str, rated: Rating | None) -> State:
    """The state after an answer: what can be rated, and what was said last."""
    unrated = tuple(one for one in state.unrated if rated is None or one != rated.answer)
    topics = [f"{one.args.get('topic')}:{version}" for one in responses if one.key == "topic"]
    unrated = (*(one for one in unrated if one not in topics), *topics)[-_REMEMBERED:]
    return replace(state, unrated=unrated, just_answered=topics[-1] if topics else "")
