"""Opening hours: right where they are plain, unknown where anything is in doubt, never open when closed."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.directory.hours import UNKNOWN, Opening, is_readable, opening

PARIS = (48.85, 2.35)
LONDON = (51.5, -0.12)
SEA = (0.01, 0.01)
DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")


def at(text: str, zone: str = "Europe/Paris") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


# 2026-11-23 is a Monday; 2026-12-25, a Friday, is a holiday in France.
CASES = [
    ("Mo-Fr 09:00-17:00", "2026-11-23 10:00", True, "2026-11-23 17:00"),
    ("Mo-Fr 09:00-17:00", "2026-11-23 09:00", True, "2026-11-23 17:00"),
    ("Mo-Fr 09:00-17:00", "2026-11-23 17:00", False, "2026-11-24 09:00"),
    ("Mo-Fr 09:00-17:00", "2026-11-28 10:00", False, "2026-11-30 09:00"),
    ("Mo-Fr 10:00-12:00,14:00-18:00", "2026-11-23 13:00", False, "2026-11-23 14:00"),
    ("Mo-Su 20:00-06:00", "2026-11-24 03:00", True, "2026-11-24 06:00"),
    ("Fr 21:00-03:00", "2026-11-28 02:59", True, "2026-11-28 03:00"),
    ("Fr 21:00-03:00", "2026-11-27 02:00", False, "2026-11-27 21:00"),
    ("24/7", "2026-12-25 03:00", True, None),
    ("off", "2026-11-23 10:00", False, None),
    ("Mo-Fr 09:00-17:00; PH off", "2026-12-25 10:00", False, "2026-12-28 09:00"),
    ("Mo-Fr 09:00-17:00; PH 10:00-12:00", "2026-12-25 11:00", True, "2026-12-25 12:00"),
    # The clocks go back in the night to 2026-10-25 and forth in the night to 2026-03-29.
    ("Mo-Su 08:00-20:00", "2026-10-25 07:59", False, "2026-10-25 08:00"),
    ("Mo-Su 08:00-20:00", "2026-03-29 08:00", True, "2026-03-29 20:00"),
    # Holidays the hours do not speak of: closed at night all the same, at noon nobody knows.
    ("Mo-Fr 09:00-17:00", "2026-12-25 10:00", None, None),
    ("Mo-Fr 09:00-17:00", "2026-12-25 03:00", False, "2026-12-28 09:00"),
    ("Mo-Fr 09:00-17:00", "2026-12-24 18:00", False, "2026-12-28 09:00"),
    # Doubt.
    ('Mo-Fr 09:00-17:00 "by appointment"', "2026-11-23 10:00", None, None),
    ('Mo-Fr 09:00-17:00 "by appointment"', "2026-11-23 18:00", False, None),
    ("Mo-Fr 09:00-17:00 unknown", "2026-11-23 10:00", None, None),
    ("Mo-Fr 09:00+", "2026-11-23 10:00", None, None),
    ("Mo-Fr 10:00-16:00+", "2026-11-23 11:00", None, None),
    ("Mo-Fr 09:00-17:00; SH off", "2026-11-23 10:00", None, None),
    ("SH Mo-Fr 09:00-17:00", "2026-11-23 18:00", None, None),
    ("weekdays nine to five", "2026-11-23 10:00", None, None),
    ("Mo-Fr 9-17h", "2026-11-23 10:00", None, None),
    ("", "2026-11-23 10:00", None, None),
    (None, "2026-11-23 10:00", None, None),
]


@pytest.mark.parametrize(("hours", "moment", "is_open", "change"), CASES)
def test_cases_in_paris(hours, moment, is_open, change):
    expected = Opening(is_open, at(change) if change else None)
    assert opening(hours, at(moment), *PARIS, "FR") == expected


def test_the_place_s_own_time_zone_counts():
    nine_in_paris = at("2026-11-23 09:00")
    assert opening("Mo-Fr 09:00-17:00", nine_in_paris, *PARIS).open_now is True
    assert opening("Mo-Fr 09:00-17:00", nine_in_paris, *LONDON).open_now is False
    change = opening("Mo-Fr 09:00-17:00", nine_in_paris, *LONDON).next_change
    assert change == at("2026-11-23 09:00", "Europe/London") and change.utcoffset() == timedelta(0)


@pytest.mark.parametrize("country", [None, "XX", "fr", "GB"])
def test_an_odd_country_does_no_harm(country):
    assert opening("Mo-Fr 09:00-17:00", at("2026-11-23 10:00", "UTC"), *SEA, country).open_now is True


@pytest.mark.parametrize("point", [(91, 0), (0, 181), (float("nan"), 0)])
def test_a_point_that_is_none_is_unknown(point):
    assert opening("24/7", at("2026-11-23 10:00"), *point) == UNKNOWN


def test_readable():
    assert is_readable("Mo-Fr 09:00-17:00; PH off") and is_readable("24/7")
    assert not is_readable("9-17") and not is_readable("")


minutes = st.integers(0, 24 * 60 - 1)


@given(
    days=st.sets(st.integers(0, 6), min_size=1),
    start=minutes,
    length=st.integers(1, 24 * 60 - 1),
    day=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    minute=minutes,
)
def test_never_wrong_on_plain_hours(days, start, length, day, minute):
    """Against our own arithmetic, past midnight included, at sea: no holidays and no summer time."""
    end = (start + length) % (24 * 60)
    hours = f"{','.join(DAYS[d] for d in sorted(days))} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    moment = datetime.combine(day, time(minute // 60, minute % 60), ZoneInfo("UTC"))

    def covered(shift: int) -> bool:
        return (day - timedelta(shift)).weekday() in days and start <= minute + shift * 24 * 60 < start + length

    state = opening(hours, moment, *SEA)
    assert state.open_now is (covered(0) or covered(1)), hours
    if state.next_change:
        assert state.next_change > moment
        assert opening(hours, state.next_change, *SEA).open_now is not state.open_now


@given(st.text(max_size=40))
def test_nothing_anybody_types_breaks_it(text):
    assert opening(text, at("2026-11-23 10:00"), *PARIS).open_now in (True, False, None)
    if not is_readable(text):
        assert opening(text, at("2026-11-23 10:00"), *PARIS) == UNKNOWN
