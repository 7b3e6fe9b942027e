"""Is it open now? Opening hours in OpenStreetMap's syntax, read in the place's own time zone.

A closed door costs a frightened person more than a phone call, so every doubt reads as unknown: hours that cannot be
parsed, comments such as "by appointment", open ends ("10:00+"), school holidays (nobody's calendar is complete), and
public holidays the hours say nothing about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from opening_hours import InvalidCoordinatesError, OpeningHours, ParserError, State, UnknownCountryError, validate

_UTC = ZoneInfo("UTC")
_AHEAD = timedelta(days=31)
_HOLIDAYS = re.compile(r"\bPH\b")
_SCHOOL = re.compile(r"\bSH\b")
_OPEN_END = re.compile(r"\d\+|(sunrise|sunset|dawn|dusk)\s*\+")
_COMMENT = re.compile(r'"[^"]*"')
_ALWAYS = "24/7"


@dataclass(frozen=True)
class Opening:
    """`open_now` is None when nobody can know; `next_change` (local time, aware) is then None too.

    Open: `next_change` is when it may close. Closed: when it next surely opens. None: not within a month, or never.
    """

    open_now: bool | None = None
    next_change: datetime | None = None


UNKNOWN = Opening()


def is_readable(hours: str) -> bool:
    """Whether `hours` follows the syntax; what does not is shown to people as it stands and never evaluated."""
    return validate(hours)


def opening(hours: str | None, at: datetime, latitude: float, longitude: float, country: str | None = None) -> Opening:
    """Whether a place with these hours is open at the moment `at` (aware).

    The time zone and, unless `country` is given, the public holidays come from the coordinates, without any network.
    """
    if not hours or _SCHOOL.search(_COMMENT.sub("", hours)):
        return UNKNOWN
    try:
        plain, careful = _parse(hours, latitude, longitude, country)
    except (ParserError, InvalidCoordinatesError):
        return UNKNOWN
    at = at.astimezone(_UTC)  # the library takes zones by name only
    if plain.is_closed(at):
        return Opening(False, _next_opening(careful, at))
    if not _surely_open(careful.state(at), hours):
        return UNKNOWN
    return Opening(True, _closing(careful, at))


@lru_cache(maxsize=512)
def _parse(hours: str, latitude: float, longitude: float, country: str | None) -> tuple[OpeningHours, OpeningHours]:
    """The hours as written, and once more with public holidays unknown where the hours do not mention them."""
    careful = hours
    if hours.strip() != _ALWAYS and not _HOLIDAYS.search(_COMMENT.sub("", hours)):
        careful = f"{hours.rstrip().rstrip(';')}; PH unknown"
    coords = (latitude, longitude)
    try:
        return tuple(OpeningHours(text, country=country, coords=coords) for text in (hours, careful))
    except UnknownCountryError:  # no holiday calendar for it: the one of the coordinates, if any
        return tuple(OpeningHours(text, coords=coords) for text in (hours, careful))


def _surely_open(state: tuple[State, str], hours: str) -> bool:
    return state[0] == State.OPEN and not state[1] and not _OPEN_END.search(_COMMENT.sub("", hours))


def _next_opening(hours: OpeningHours, at: datetime) -> datetime | None:
    for start, _, state, comment in hours.intervals(at, at + _AHEAD):
        if _surely_open((state, comment), str(hours)):
            return start
    return None


def _closing(hours: OpeningHours, at: datetime) -> datetime | None:
    for start, _, state, comment in hours.intervals(at, at + _AHEAD):
        if not _surely_open((state, comment), str(hours)):
            return start
    return None
