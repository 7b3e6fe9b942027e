"""What was understood of a message, kept beside it for the people who watch; sealed like the message itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from bot.db import Base

LOW = 0.6
"""Confidence under which an answer that was given is worth a look; asked back is below it by the engine's own choice."""

_RANKED = 3
_ENTITIES = 8


class Understood(Base):
    """One for each message of a person that was answered; gone with the message.

    `review` says why somebody should look at it (asked_back, low_confidence, not_helpful), and
    nothing about the person.
    """

    __tablename__ = "understood"

    inbox_id: Mapped[str] = mapped_column(ForeignKey("inbox.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    review: Mapped[str | None] = mapped_column(String(16), index=True)


@dataclass(frozen=True)
class Understanding:
    """`language` answered in and `detected`; `ranking` the likeliest intents with their confidence; `entities` as
    (name, value); `keys` what was said in reply; `crisis` when the rules of danger spoke before the engine."""

    language: str
    detected: str | None = None
    intent: str | None = None
    confidence: float | None = None
    decision: str | None = None
    crisis: str | None = None
    ranking: tuple[tuple[str, float], ...] = ()
    entities: tuple[tuple[str, str], ...] = ()
    keys: tuple[str, ...] = ()

    @classmethod
    def of(cls, language: str, parse: dict[str, Any] | None, crisis: str | None, keys: list[str]) -> Understanding:
        """From what the engine returned; `parse` is None when it was not asked."""
        parse = parse or {}
        intent = parse.get("intent") or {}
        return cls(
            language,
            parse.get("detected"),
            intent.get("name"),
            intent.get("confidence"),
            "danger" if crisis else parse.get("decision"),
            crisis,
            tuple((one["name"], float(one["confidence"])) for one in (parse.get("intent_ranking") or [])[:_RANKED]),
            tuple((str(one["entity"]), str(one["value"])) for one in (parse.get("entities") or [])[:_ENTITIES]),
            tuple(keys),
        )

    @property
    def review(self) -> str | None:
        """Why staff should look at it, if they should."""
        if self.intent == "not_helpful" and self.decision == "answer":
            return "not_helpful"
        if self.decision == "ask_back":
            return "asked_back"
        if self.decision == "answer" and self.confidence is not None and self.confidence < LOW:
            return "low_confidence"
        return None

    def to_text(self) -> str:
        """As JSON, to be sealed."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> Understanding:
        """Read back what `to_text` wrote."""
        data = json.loads(text)
        pairs = {name: tuple(map(tuple, data[name])) for name in ("ranking", "entities")}
        return cls(**{**data, **pairs, "keys": tuple(data["keys"])})


def row_name(person_id: str, inbox_id: str) -> str:
    """The place a sealed understanding is bound to (bot.vault)."""
    return f"{person_id}/understood/{inbox_id}"
