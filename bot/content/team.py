"""When people of the team answer, language by language (content/team.yml), in OpenStreetMap's syntax of opening hours.

zone: Europe/Madrid
country: ES
hours:
  es: "Mo-Fr 09:00-18:00; PH off"
  other: "Mo,We 10:00-13:00"
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from opening_hours import OpeningHours, ParserError, State, UnknownCountryError, validate

OTHER = "other"
"""Hours of whoever answers in the languages that have none of their own."""

_UTC = ZoneInfo("UTC")
_AHEAD = timedelta(days=31)


@dataclass(frozen=True)
class Shift:
    """Whether somebody is there at a moment; if not, when next (in the team's zone), None when not within a month."""

    there: bool
    next: datetime | None = None


@dataclass(frozen=True)
class Team:
    """Hours by language. Without any, FAROL_OPERATORS_ON_DUTY alone says whether somebody is there."""

    zone: str = "UTC"
    country: str | None = None
    hours: dict[str, str] = field(default_factory=dict)

    def shift(self, language: str, at: datetime) -> Shift:
        """Who is there for a language at `at` (aware).

        A language without hours, where there are none for all others, waits for whoever comes first.
        """
        if not self.hours:
            return Shift(True)
        own = self.hours.get(language) or self.hours.get(OTHER)
        shifts = [self._shift(hours, at) for hours in ([own] if own else self.hours.values())]
        if any(one.there for one in shifts):
            return Shift(True)
        return Shift(False, min((one.next for one in shifts if one.next), default=None))

    def on_duty(self, languages: Collection[str], at: datetime) -> list[str]:
        """The languages somebody answers in at `at`."""
        return [code for code in languages if self.shift(code, at).there]

    def _shift(self, hours: str, at: datetime) -> Shift:
        # The library takes zones by name only. What is not surely open (a remark, an open end) is taken for closed.
        at = at.astimezone(_UTC)
        for begins, _, state, comment in _parsed(hours, self.zone, self.country).intervals(at, at + _AHEAD):
            if state == State.OPEN and not comment:
                return Shift(True) if begins <= at else Shift(False, begins)
        return Shift(False)


@lru_cache(maxsize=64)
def _parsed(hours: str, zone: str, country: str | None) -> OpeningHours:
    return OpeningHours(hours, timezone=ZoneInfo(zone), country=country)


def read_team(data: dict[str, Any], languages: Collection[str], blame: Callable[..., None]) -> Team:
    """The team of a file's `data`; what is wrong is told to `blame` with the names that lead there, and left out."""
    hours = {str(code): str(text) for code, text in (data.get("hours") or {}).items()}
    zone, country = str(data.get("zone") or "UTC"), data.get("country")
    if hours and not data.get("zone"):
        blame("zone: whose clock are the hours? Needs one, such as Europe/Madrid", "zone")
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        blame(f"zone: '{zone}' is no time zone; write it like Europe/Madrid", "zone")
        zone = "UTC"
    good = {}
    for code, text in hours.items():
        if code not in languages and code != OTHER:
            blame(f"hours: '{code}' is not one of {', '.join(languages)}, {OTHER}", "hours", code)
        elif not validate(text):
            blame(f"hours: {code}: '{text}' cannot be read; write it like Mo-Fr 09:00-18:00; PH off", "hours", code)
        else:
            good[code] = text
    try:
        for text in good.values():
            _parsed(text, zone, country)
    except (ParserError, UnknownCountryError, TypeError):
        blame(f"country: '{country}' has no calendar of public holidays; write its code, like ES", "country")
        country = None
    return Team(zone, country, good)
