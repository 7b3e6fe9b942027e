"""One cell of a row of HSDS: from what stands in a file to the value that its column takes.

The types, lengths and what is required come from the tables of bot.directory.hsds; the closed lists and the formats
that a column's type cannot say stand here (https://docs.openreferral.org/en/v3.0/hsds/schema_reference.html).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Column, Date, Float

from bot.db import UtcTime
from bot.directory.hsds import TABLES

ENUMS = {
    ("service", "status"): ("active", "inactive", "defunct", "temporarily closed"),
    ("location", "location_type"): ("physical", "postal", "virtual"),
    ("address", "address_type"): ("physical", "postal", "virtual"),
    ("schedule", "wkst"): ("MO", "TU", "WE", "TH", "FR", "SA", "SU"),
    ("schedule", "freq"): ("WEEKLY", "MONTHLY"),
}
"""The closed lists of the standard."""

_WEB = {"url", "website", "uri", "term_uri", "schedule_link"}
_MAIL = {"email", "assurer_email"}
_TIMES = {"opens_at", "closes_at"}
_RANGES = {("location", "latitude"): 90, ("location", "longitude"): 180}
_NEVER_GUESSED = {("service", "status")}
"""A service whose file does not say that it is active must not become so by default."""
_EMPTY_IS_A_VALUE = {("metadata", "previous_value"), ("metadata", "replacement_value")}
"""What was changed may have been nothing before."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d)(:[0-5]\d(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?")
_MAIL_FORM = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")

Warn = Callable[[str], None]


class Wrong(ValueError):
    """A cell that its column cannot take; the message is the reason."""


@dataclass(frozen=True)
class Rule:
    """How the cells of a column are read. `needed`: the row cannot be without; `fill`: what stands in for nothing."""

    name: str
    read: Callable[[Any, Warn], Any]
    needed: bool
    fill: str | None


@lru_cache(maxsize=None)
def rules(table: str) -> dict[str, Rule]:
    """The rules of a table, by column."""
    return {column.name: _rule(table, column) for column in TABLES[table].__table__.columns}


@lru_cache(maxsize=None)
def needed(table: str) -> tuple[Rule, ...]:
    """The rules of the columns that a row cannot be without."""
    return tuple(rule for rule in rules(table).values() if rule.needed)


def _rule(table: str, column: Column) -> Rule:
    key = (table, column.name)
    fill = None
    if column.default is not None and key not in _NEVER_GUESSED:
        fill = column.default.arg
    elif key in _EMPTY_IS_A_VALUE:
        fill = ""
    return Rule(column.name, _reader(key, column), not column.nullable, fill)


def _reader(key: tuple[str, str], column: Column) -> Callable[[Any, Warn], Any]:
    if key in ENUMS:
        return _one_of(ENUMS[key])
    if isinstance(column.type, UtcTime):
        return _moment
    if isinstance(column.type, Date):
        return _day
    if isinstance(column.type, Float):
        return _within(_RANGES[key]) if key in _RANGES else _number
    if column.type.length == 36:
        return _id
    if key == ("address", "country"):
        return _country
    if column.name in _TIMES:
        return _time
    if column.name in _WEB or column.name in _MAIL:
        return _formatted(_is_web_address if column.name in _WEB else _MAIL_FORM.fullmatch, column.name in _WEB)
    return _text_up_to(column.type.length)


# --- Readers ---


def _plain(cell: Any, warn: Warn) -> str:
    if isinstance(cell, str):
        text = cell
    elif isinstance(cell, int | float) and not isinstance(cell, bool):
        text = str(cell)
        warn(f"{text} is a number where the standard has text; kept as text")
    else:
        raise Wrong("is not text")
    if "\x00" in text:
        raise Wrong("has an invisible sign (NUL) in it; take it out")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Wrong("has half of a letter in it (a lone surrogate); write the text anew") from None
    return text


def _text_up_to(length: int | None) -> Callable[[Any, Warn], str]:
    def read(cell: Any, warn: Warn) -> str:
        text = _plain(cell, warn)
        if length and len(text) > length:
            raise Wrong(f"'{_short(text)}' has {len(text)} letters; at most {length}")
        return text

    return read


def _formatted(is_right: Callable[[str], Any], web: bool) -> Callable[[Any, Warn], str]:
    kind = "web address such as https://example.org" if web else "address such as help@example.org"

    def read(cell: Any, warn: Warn) -> str:
        text = _plain(cell, warn)
        if not is_right(text):
            warn(f"'{_short(text)}' is no {kind}; kept as it is")
        return text

    return read


def _id(cell: Any, warn: Warn) -> str:
    if isinstance(cell, str) and _UUID.fullmatch(cell):
        return cell
    text = _plain(cell, warn).strip()
    if not _UUID.fullmatch(text):
        lower = text.lower()
        if not _UUID.fullmatch(lower):
            raise Wrong(f"'{_short(text)}' is no UUID; ids look like 3a19ff88-4620-4d17-9830-ac1d859eb5d5")
        return lower
    return text


def _one_of(allowed: tuple[str, ...]) -> Callable[[Any, Warn], str]:
    by_fold = {word.casefold(): word for word in allowed}

    def read(cell: Any, warn: Warn) -> str:
        text = _plain(cell, warn)
        if text in allowed:
            return text
        if right := by_fold.get(text.strip().casefold()):
            warn(f"'{text}' was read as '{right}'")
            return right
        raise Wrong(f"'{_short(text)}' is not one of: {', '.join(allowed)}")

    return read


def _country(cell: Any, warn: Warn) -> str:
    text = _plain(cell, warn).strip().upper()
    if not (len(text) == 2 and text.isascii() and text.isalpha()):
        raise Wrong(f"'{_short(text)}' should be two letters such as FR (ISO 3166)")
    return text


def _number(cell: Any, warn: Warn) -> float:
    if isinstance(cell, str):
        if not _NUMBER.fullmatch(cell.strip()):
            raise Wrong(f"'{_short(cell)}' is not a number; write it like 38.72509")
    elif not isinstance(cell, int | float) or isinstance(cell, bool):
        raise Wrong("is not a number")
    try:
        value = float(cell)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise Wrong(f"'{_short(str(cell))}' is too large a number")
    return value


def _within(limit: int) -> Callable[[Any, Warn], float]:
    def read(cell: Any, warn: Warn) -> float:
        value = _number(cell, warn)
        if not -limit <= value <= limit:
            warn(f"{value:g} does not lie between -{limit} and {limit}; kept, but the search cannot find it")
        return value

    return read


def _day(cell: Any, warn: Warn) -> date:
    text = _plain(cell, warn).strip()
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        if _DAY.match(text) and text[10:11] in ("T", " "):
            day = datetime.fromisoformat(text).date()
            warn(f"'{_short(text)}' is a moment where the standard has a day; its time was left out")
            return day
    except ValueError:
        pass
    raise Wrong(f"'{_short(text)}' is not a day; write year-month-day, such as 2026-05-31")


def _moment(cell: Any, warn: Warn) -> datetime:
    text = _plain(cell, warn).strip()
    try:
        value = datetime.fromisoformat(text)
        # The first and the last day of all have no moment in UTC in every zone.
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Wrong(f"'{_short(text)}' is not a moment; write it like 2023-03-15T10:30:45Z") from None


def _time(cell: Any, warn: Warn) -> str:
    text = _plain(cell, warn).strip()
    found = _CLOCK.fullmatch(text)
    # 24:00 is how many write midnight at the end of a day.
    if not found or int(found[1]) > 24 or (int(found[1]) == 24 and found[2] != "00") or len(text) > 20:
        raise Wrong(f"'{_short(text)}' is not a time of day; write it like 09:00:00")
    return text if len(found[1]) == 2 else f"0{text}"


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", text)


def _short(text: str) -> str:
    """What can be shown of a cell in a line of a report."""
    text = " ".join(text.split())
    return (text if len(text) <= 60 else f"{text[:57]}...").encode("utf-8", "replace").decode()
