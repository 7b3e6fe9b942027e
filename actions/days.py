"""Which day somebody asks about: 'now', 'tomorrow', 'on Saturday', in any language's words (content/interface, day.*)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from bot.directory.spelling import fold

_WEEK = ("mo", "tu", "we", "th", "fr", "sa", "su")
_SHORT = 4
"""Words of fewer letters must stand as they are: 'mon' is Monday, and 'money' is not."""


@dataclass(frozen=True)
class AskedDay:
    """`now`: this very moment; `days_ahead`: 0 is today; `weekday`: 0 is Monday. One of them is set."""

    now: bool = False
    days_ahead: int | None = None
    weekday: int | None = None

    def after(self, today: date) -> date:
        """The day meant, from `today` on. A weekday that is today means today."""
        if self.weekday is None:
            return today + timedelta(days=self.days_ahead or 0)
        return today + timedelta(days=(self.weekday - today.weekday()) % 7)


def asked_day(text: str, words: Iterable[Mapping[str, str]]) -> AskedDay | None:
    """What a text says about when; of several words that fit the longest, of several languages the first that has one.

    words: for each language its `day.*` keys, each a list of words separated by commas. An ending may follow a word of
    four letters or more (субботу, sabtida).
    """
    tokens = re.findall(r"\w+", fold(text))
    for language in words:
        best = max(
            ((length, key) for key, spellings in language.items() for length in _lengths(tokens, spellings)),
            default=None,
        )
        if best:
            return _meaning(best[1].removeprefix("day."))
    return None


def _lengths(tokens: list[str], spellings: str) -> Iterable[int]:
    for spelling in spellings.split(","):
        wanted = re.findall(r"\w+", fold(spelling))
        for start in range(len(tokens) - len(wanted) + 1):
            *whole, last = tokens[start : start + len(wanted)]
            fits = last == wanted[-1] or len(wanted[-1]) >= _SHORT and last.startswith(wanted[-1])
            if fits and whole == wanted[:-1]:
                yield sum(map(len, wanted))


def _meaning(name: str) -> AskedDay:
    if name == "now":
        return AskedDay(now=True)
    if name in _WEEK:
        return AskedDay(weekday=_WEEK.index(name))
    return AskedDay(days_ahead=1 if name == "tomorrow" else 0)
