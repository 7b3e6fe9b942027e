"""HSDS schedules as opening hours: rules are translated when that loses nothing, else they stay words."""

from __future__ import annotations

from datetime import date

import pytest

from bot.directory.hours import is_readable
from bot.directory.hsds import Schedule
from bot.directory.timetable import opening_hours

WEEK = {"freq": "WEEKLY", "byday": "MO,TU,FR", "opens_at": "09:00:00", "closes_at": "17:00:00"}

CASES = [
    ({"description": "Mo-Fr 09:00-17:00"}, "Mo-Fr 09:00-17:00"),
    (WEEK, "Mo,Tu,Fr 09:00-17:00"),
    (WEEK | {"opens_at": "21:00", "closes_at": "03:00"}, "Mo,Tu,Fr 21:00-03:00"),
    ({"freq": "MONTHLY", "byday": "1MO,-1TH", "opens_at": "09:00", "closes_at": "12:00"}, "Mo[1],Th[-1] 09:00-12:00"),
    (WEEK | {"valid_to": date(2026, 12, 31)}, "1970 Jan 01-2026 Dec 31 Mo,Tu,Fr 09:00-17:00"),
    (
        {"description": "Mo 09:00-12:00; PH off", "valid_from": date(2026, 6, 1), "valid_to": date(2026, 8, 31)},
        "2026 Jun 01-2026 Aug 31 Mo 09:00-12:00; 2026 Jun 01-2026 Aug 31 PH off",
    ),
    (
        {"description": "10:00-14:00", "valid_from": date(2026, 12, 1), "valid_to": date(2026, 12, 1)},
        "2026 Dec 01 10:00-14:00",
    ),
    # Words are kept, and rules are not read behind their back.
    (WEEK | {"description": "weekdays, not on public holidays"}, "weekdays, not on public holidays"),
    # Nothing that would lose something.
    (WEEK | {"interval": 2}, None),
    (WEEK | {"count": 3}, None),
    (WEEK | {"bymonthday": "1,15"}, None),
    (WEEK | {"byday": "1MO"}, None),
    (WEEK | {"opens_at": "09:00:00+02:00"}, None),
    (WEEK | {"closes_at": None}, None),
    ({"freq": "MONTHLY", "byday": "MO", "opens_at": "09:00", "closes_at": "12:00"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("columns", "hours"), CASES)
def test_one_schedule(columns, hours):
    found = opening_hours([Schedule(id="s", **columns)])
    assert found == hours
    assert hours is None or hours.startswith("weekdays") or is_readable(hours)


def test_several_add_up():
    rows = [Schedule(id=str(n), **WEEK | {"byday": "MO", "opens_at": f"{n}:00", "closes_at": f"{n + 2}:00"})
            for n in (10, 14)]  # fmt: skip
    assert opening_hours(rows) == "Mo 10:00-12:00, Mo 14:00-16:00"


def test_one_that_is_only_words_makes_all_words():
    rows = [Schedule(id="a", **WEEK), Schedule(id="b", description="and by appointment")]
    hours = opening_hours(rows)
    assert hours == "Mo,Tu,Fr 09:00-17:00; and by appointment" and not is_readable(hours)
