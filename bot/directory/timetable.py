"""From HSDS schedules to opening hours in OpenStreetMap's syntax, which bot.directory.hours can evaluate.

Ours carry that syntax in `description`. Those of others carry RFC 5545 rules ("FREQ=WEEKLY;BYDAY=MO,TU") in columns
(https://docs.openreferral.org/en/v3.0/hsds/schema_reference.html#schedule): the plain ones are translated. What cannot
be translated without loss stays as words, which are shown and never evaluated: rather "ask them" than a closed door.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from bot.directory import hours
from bot.directory.hsds import Schedule

_DAYS = {"MO": "Mo", "TU": "Tu", "WE": "We", "TH": "Th", "FR": "Fr", "SA": "Sa", "SU": "Su"}
_DAY = re.compile(r"([+-]?\d)?(MO|TU|WE|TH|FR|SA|SU)")
_TIME = re.compile(r"(\d{2}):(\d{2})(:00)?")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_LAST_YEAR = 2199


def opening_hours(schedules: Iterable[Schedule]) -> str | None:
    """All schedules of one place as one text; None when none says anything.

    Several are additive: two rows for Monday mean both times. If any part is only words, the whole is only words.
    """
    parts = [part for part in (_hours_of(one) for one in schedules) if part]
    if len(parts) < 2:
        return parts[0] if parts else None
    if all(hours.is_readable(part) and ";" not in part for part in parts):
        return ", ".join(parts)
    return "; ".join(dict.fromkeys(parts))


def _hours_of(one: Schedule) -> str | None:
    words = (one.description or "").strip()
    if words and hours.is_readable(words):
        return _between(words, one.valid_from, one.valid_to)
    # Words beside a rule may say what the rule does not ("not on public holidays"), so they win.
    return words or _from_rule(one)


def _between(text: str, start: date | None, end: date | None) -> str:
    """The same hours on the days from `start` to `end` only."""
    if not start and not end or text == "24/7" and not start:
        return text
    first = _day(start) if start else "1970 Jan 01"
    last = _day(end) if end else f"{_LAST_YEAR} Dec 31"
    days = first if first == last else f"{first}-{last}"
    rules = [f"{days} {rule.strip()}" for rule in text.split(";") if rule.strip()]
    dated = "; ".join(rules)
    # A remark with a semicolon in it, or days the rule names itself: then it cannot be said so.
    return dated if hours.is_readable(dated) else f"{text} ({start or ''}/{end or ''})"


def _day(one: date) -> str:
    return f"{one.year} {_MONTHS[one.month - 1]} {one.day:02d}"


def _from_rule(one: Schedule) -> str | None:
    """A weekly rule, or a monthly one by the day of the week; None for any other."""
    if one.count or one.byweekno or one.bymonthday or one.byyearday or (one.interval or 1) != 1:
        return None
    opens, closes = _time(one.opens_at), _time(one.closes_at)
    days = [_DAY.fullmatch(day.strip()) for day in (one.byday or "").split(",")]
    if not opens or not closes or not all(days):
        return None
    if one.freq == "WEEKLY" and not any(day[1] for day in days):
        which = ",".join(_DAYS[day[2]] for day in days)
    elif one.freq == "MONTHLY" and all(day[1] for day in days):
        which = ",".join(f"{_DAYS[day[2]]}[{int(day[1])}]" for day in days)
    else:
        return None
    return _between(f"{which} {opens}-{closes}", one.valid_from or one.dtstart, one.valid_to or one.until)


def _time(text: str | None) -> str | None:
    """ "09:00" of "09:00:00"; a time with a zone of its own is nobody's clock on the wall: None."""
    found = _TIME.fullmatch((text or "").strip())
    return f"{found[1]}:{found[2]}" if found else None
