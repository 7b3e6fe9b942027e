"""Which day is asked about, in every language as people write it."""

from __future__ import annotations

from datetime import date

import pytest

from actions.days import AskedDay, asked_day
from tests.conftest import SHIPPED

SATURDAY, SUNDAY, NOW, TOMORROW = AskedDay(weekday=5), AskedDay(weekday=6), AskedDay(now=True), AskedDay(days_ahead=1)
TODAY = AskedDay(days_ahead=0)

CASES = {
    "en": [("on Saturday", SATURDAY), ("sat", SATURDAY), ("right now", NOW), ("tonight", TODAY), ("tomorrow", TOMORROW)],
    "es": [("el sabado", SATURDAY), ("ahorita", NOW), ("mañana", TOMORROW), ("los domingos", SUNDAY)],
    "fr": [("samedi", SATURDAY), ("demain matin", TOMORROW), ("aujourd'hui", TODAY), ("maintenant", NOW)],
    "pt": [("no sabado", SATURDAY), ("amanha", TOMORROW), ("segunda-feira", AskedDay(weekday=0))],
    "ht": [("samdi", SATURDAY), ("demen", TOMORROW), ("kounye a", NOW), ("jodi a", TODAY)],
    "ru": [("в субботу", SATURDAY), ("сейчас", NOW), ("завтра", TOMORROW), ("в воскресенье", SUNDAY)],
    "uk": [("у суботу", SATURDAY), ("в неділю", SUNDAY), ("зараз", NOW), ("п'ятницю", AskedDay(weekday=4))],
    "ar": [("يوم السبت", SATURDAY), ("غداً", TOMORROW), ("الآن", NOW), ("الاحد", SUNDAY)],
    "fa": [("شنبه", SATURDAY), ("یکشنبه", SUNDAY), ("دوشنبه", AskedDay(weekday=0)), ("فردا", TOMORROW), ("الان", NOW)],
    "tr": [("cumartesi günü", SATURDAY), ("pazar günü", SUNDAY), ("pazartesi", AskedDay(weekday=0)), ("cuma", AskedDay(weekday=4))],
    "sw": [("jumamosi", SATURDAY), ("kesho", TOMORROW), ("sasa hivi", NOW), ("leo", TODAY)],
    "so": [("sabtida", SATURDAY), ("berri", TOMORROW), ("hadda", NOW), ("maanta", TODAY)],
}  # fmt: skip


def words(content, language):
    return {key: text for key, text in content.words(language).words.items() if key.startswith("day.")}


def test_every_language_has_cases():
    assert set(CASES) == set(SHIPPED)


@pytest.mark.parametrize(("code", "said", "meant"), [(code, *case) for code, cases in CASES.items() for case in cases])
def test_a_day_in_its_language_and_among_all(content, code, said, meant):
    assert asked_day(said, [words(content, code)]) == meant
    assert asked_day(said, [words(content, language) for language in SHIPPED]) == meant


@pytest.mark.parametrize("said", ["", "money", "the second one", "?", "12"])
def test_what_is_no_day(content, said):
    assert asked_day(said, [words(content, language) for language in SHIPPED]) is None


def test_the_date_meant():
    sunday = date(2026, 11, 22)
    assert SATURDAY.after(sunday) == date(2026, 11, 28)
    assert SUNDAY.after(sunday) == sunday, "asked on a Sunday, Sunday is today"
    assert TOMORROW.after(sunday) == date(2026, 11, 23) and NOW.after(sunday) == sunday
