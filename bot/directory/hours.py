"""Is it open now? Opening hours in OpenStreetMap's syntax, read in the place's own time zone.

A closed door costs a frightened person more than a phone call, so every doubt reads as unknown: hours that cannot be
parsed, comments such as "by appointment", open ends ("10:00+"), school holidays (nobody's calendar is complete), and
public holidays the hours say nothing about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from opening_hours import InvalidCoordinatesError, OpeningHours, ParserError, State, UnknownCountryError, validate

_UTC = ZoneInfo("UTC")
_AHEAD = timedelta(days=31)
_HALF_DAY = timedelta(hours=12)
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


def times_on(
    hours: str | None, day: date, latitude: float, longitude: float, country: str | None = None
) -> tuple[tuple[datetime, datetime], ...] | None:
    """From when to when (local time, aware) it is surely open on a day; () when it is closed; None when nobody can know.

    What begins the evening before and lasts into the day belongs to the day before.
    """
    if not hours or _SCHOOL.search(_COMMENT.sub("", hours)):
        return None
    try:
        _, careful = _parse(hours, latitude, longitude, country)
    except (ParserError, InvalidCoordinatesError):
        return None
    start = datetime.combine(day, time(), local_time(datetime.now(_UTC), latitude, longitude).tzinfo)
    end = start + timedelta(days=1)
    found = []
    # Half a day more on both sides: intervals are cut off where one stops asking.
    for begins, ends, state, comment in careful.intervals(start - _HALF_DAY, end + _HALF_DAY):
        if begins >= end or ends is not None and ends <= start or state == State.CLOSED:
            continue
        if not _surely_open((state, comment), hours):
            return None
        if begins >= start:
            found.append((begins, ends or end))
        elif ends is None or ends >= end:
            found.append((start, end))
    return tuple(found)


def local_time(moment: datetime, latitude: float, longitude: float) -> datetime:
    """The same moment on the clocks of a place; in UTC where no zone is known (at sea)."""
    # The library knows which zone a point lies in, and tells it only with an hour that changes.
    try:
        change = OpeningHours("Mo-Su 00:00-12:00", coords=(latitude, longitude)).next_change(moment.astimezone(_UTC))
    except InvalidCoordinatesError:
        change = None
    return moment.astimezone(change.tzinfo if change and change.tzinfo else _UTC)


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
