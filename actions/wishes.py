"""What somebody wants of a place besides its kind: no papers asked for, a language spoken, open now."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from actions.base import Told
from actions.days import AskedDay, asked_day
from bot.content.render import Content

_WITHOUT_PAPERS = ("right_without_papers", "fear_of_authorities")
"""Subjects after which a place that asks for no papers matters more than one that is near."""


@dataclass(frozen=True)
class Wishes:
    """`language`: an ISO 639 code. The search puts what is wished for first; `open_now` leaves out the rest."""

    language: str | None = None
    no_papers: bool = False
    open_now: bool = False

    @classmethod
    def of(cls, kept: Any) -> Wishes:
        """From a slot; anything else than what `kept` wrote means no wishes."""
        known = kept if isinstance(kept, dict) else {}
        language = known.get("language")
        return cls(
            language if isinstance(language, str) else None, bool(known.get("no_papers")), bool(known.get("open_now"))
        )

    def kept(self) -> dict[str, Any]:
        """As a slot holds it."""
        return asdict(self)

    def and_those_of(self, told: Told, content: Content) -> Wishes:
        """With what the last message adds."""
        asked = when(told, content)
        return Wishes(
            _language(told) or self.language,
            self.no_papers or "undocumented" in told.values("population") or told.slots.get("topic") in _WITHOUT_PAPERS,
            self.open_now or bool(asked and asked.now),
        )


def when(told: Told, content: Content) -> AskedDay | None:
    """The day or moment the last message asks about."""
    said = " ".join(told.values("time"))
    words = [_day_words(content, language) for language in content.languages.shipped]
    return asked_day(said, words) if said else None


def _day_words(content: Content, language: str) -> dict[str, str]:
    return {key: text for key, text in content.words(language).words.items() if key.startswith("day.")}


def _language(told: Told) -> str | None:
    return next((value for value in told.values("language") if re.fullmatch("[a-z]{2,3}", value)), None)
