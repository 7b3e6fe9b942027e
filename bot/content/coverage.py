"""How much of content/ is filled in, checked and still fresh: for the people who keep it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from bot.content.country_file import LINES
from bot.content.texts import Edition


@dataclass(frozen=True)
class CountryCoverage:
    """`known` of `asked` questions have an answer; `unopened` of the known say where it stands but nobody has read it
    there; `oldest` is the longest ago that one of the others was read. `lines` are the help lines it has."""

    code: str
    reviewed: bool
    known: int
    asked: int
    unopened: int
    oldest: date | None
    lines: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class LanguageCoverage:
    """`reviewed` of `answers` have been read by somebody who knows the subject; the rest are drafts."""

    code: str
    answers: int
    reviewed: int


def of_countries(edition: Edition) -> list[CountryCoverage]:
    """One for each country, by code."""
    # Every language has a phrase for each value of each question: the checker sees to it.
    asked = next(iter(edition.words.values())).facts
    found = []
    for code, country in sorted(edition.countries.items()):
        answered = {name: fact for name, fact in country.facts.items() if fact.value != "unknown"}
        read = [(fact.source or {}).get("read") for fact in answered.values()]
        found.append(
            CountryCoverage(
                code,
                not country.draft,
                len(answered),
                len(asked),
                sum(day is None for day in read),
                min((day for day in read if isinstance(day, date)), default=None),
                tuple(kind for kind in LINES if kind in country.lines),
                tuple(name for name in asked if name not in answered),
            )
        )
    return found


def of_languages(edition: Edition) -> list[LanguageCoverage]:
    """One for each language, in the order they are offered."""
    return [
        LanguageCoverage(code, len(words.topics), sum(not text.draft for text in words.topics.values()))
        for code, words in edition.words.items()
    ]


def to_read_again(edition: Edition, until: date) -> list[tuple[str, date]]:
    """The topics whose day to be read again comes by then, the soonest first."""
    due = [(topic.name, topic.review_by) for topic in edition.topics.values() if topic.review_by]
    return sorted(((name, day) for name, day in due if day <= until), key=lambda one: one[1])
