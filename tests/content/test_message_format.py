"""Sentences with gaps."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.content.message_format import FormatFault, fill, gaps, plural_forms

DAYS = {
    "en": "{days, plural, one {# day} other {# days}}",
    "ru": "{days, plural, one {# день} few {# дня} many {# дней} other {# дня}}",
    "ar": "{days, plural, one {يوم واحد} two {يومين} few {# أيام} many {# يوما} other {# يوم}}",
}


@pytest.mark.parametrize(
    "code, days, said",
    [
        ("en", 1, "1 day"), ("en", 7, "7 days"),
        ("ru", 1, "1 день"), ("ru", 3, "3 дня"), ("ru", 7, "7 дней"), ("ru", 21, "21 день"),
        ("ar", 1, "يوم واحد"), ("ar", 2, "يومين"), ("ar", 7, "7 أيام"), ("ar", 14, "14 يوما"),
    ],
)  # fmt: skip
def test_numbers_choose_the_form(code, days, said):
    assert fill(DAYS[code], code, {"days": days}) == said


def test_values_are_never_read_as_gaps_and_apostrophes_are_apostrophes():
    said = fill("d'{place} à l'{what}, aujourd'hui", "fr", {"place": "{what}", "what": "hôpital #1"})
    assert said == "d'{what} à l'hôpital #1, aujourd'hui"


def test_whatever_is_filled_in_becomes_words():
    assert fill("{a} {b}", "en", {"a": None, "b": ["x"]}) == "None ['x']"


def test_gaps_are_named_with_their_kind():
    sentence = "{n, plural, one {a {b}} few {x} many {y} other {c {d}}} {e}"
    assert gaps(sentence, "ru") == {"n": "plural", "b": "", "d": "", "e": ""}
    assert gaps("no gaps, it's 100 %", "en") == {}


@pytest.mark.parametrize(
    "sentence, code, why",
    [
        ("{days", "en", "closing }"),
        ("days}", "en", "too many"),
        ("{}", "en", "name"),
        ("{days, plurals, other {#}}", "en", "plural"),
        ("{days, plural}", "en", "comma"),
        ("{days, plural, one {# day}}", "en", "other"),
        ("{days, plural, one {# день} other {# дней}}", "ru", "few"),
        ("{days, plural, one {# day other {# days}}", "en", "after {"),
    ],
)
def test_what_cannot_be_filled_in_is_refused_with_the_reason(sentence, code, why):
    with pytest.raises(FormatFault, match=re.escape(why)):
        gaps(sentence, code)


def test_forms_nobody_needs_may_be_left_out():
    assert "many" in plural_forms("es")
    assert gaps("{days, plural, one {# día} other {# días}}", "es") == {"days": "plural"}


@given(st.text(alphabet="ab {}#,|'=1pluraothe", max_size=40))
def test_a_sentence_is_refused_or_can_be_filled(sentence):
    try:
        named = gaps(sentence, "en")
    except FormatFault:
        return
    fill(sentence, "en", {name: 1 if kind else "x" for name, kind in named.items()})
