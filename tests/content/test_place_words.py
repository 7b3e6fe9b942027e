"""Whatever a place is called and wherever it is: what is said of it fits the channel, and nothing of it is lost."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.cli.local import TRAITS
from bot.content import sms
from nlu.contract import Response
from tests.conftest import SHIPPED

_NAMES = st.text("abcdefghij éèñçşğı αβγ дежз أبتثج فقکگ áêõ 0123456789 '-.&()", min_size=1, max_size=100).filter(
    str.strip
)


def _place(number):
    return st.fixed_dictionaries({
        "id": st.just(f"p{number}"),
        "name": _NAMES.map(lambda name: f"{name.strip()} #{number}"),
        "address": _NAMES,
        "city": st.sampled_from(["", "Paris", "Αθήνα", "القاهرة", "Київ"]),
        "phone": st.sampled_from(["", "+33 1 23 45 67 89", "+30 21 0123 4567; +30 21 0123 4568"]),
        "website": st.sampled_from(["", "https://example.org/a-rather-long-path/to-the-page"]),
        "hours": st.sampled_from(["", "Mo-Fr 09:00-17:00; Sa 10:00-12:00; PH off"]),
        "open_now": st.sampled_from([None, True, False]),
        "next_change": st.sampled_from([None, "2026-11-23T09:00:00+01:00"]),
        "languages": st.lists(st.sampled_from(SHIPPED), max_size=8, unique=True),
        "id_required": st.sampled_from(["yes", "no", "unknown"]),
        "status_required": st.sampled_from(["yes", "no", "unknown"]),
        "shares_with_immigration": st.sampled_from(["yes", "no", "unknown"]),
        "last_verified": st.sampled_from([None, "2026-01-31"]),
        "precision": st.sampled_from(["exact", "city"]),
        "sample": st.booleans(),
        "latitude": st.just(48.85),
        "longitude": st.just(2.35),
        "distance_km": st.floats(0, 99),
        "names": st.sampled_from([None, {"ar": "عيادة المرفأ", "ru": "Клиника", "sw": "Kliniki ya bandari"}]),
        "closed_until": st.sampled_from([None, None, "2026-12-31"]),
        "mobile": st.booleans(),
        "confidential": st.booleans(),
        "free": st.sampled_from(["yes", "no", "unknown"]),
        "cost": st.sampled_from([None, "12 EUR"]),
        "walk_in": st.sampled_from(["yes", "no", "unknown"]),
        "anonymous": st.sampled_from(["yes", "no", "unknown"]),
        "wheelchair": st.sampled_from(["yes", "no", "unknown"]),
        "documents": st.lists(st.sampled_from(["passport", "carte Vitale"]), max_size=2, unique=True),
    })  # fmt: skip


_WISHES = st.fixed_dictionaries(
    {"language": st.sampled_from([None, "ar", "wo"]), "no_papers": st.booleans(), "open_now": st.booleans()}
)
_DAYS = st.sampled_from([
    None,
    {"date": "2026-11-28", "times": None},
    {"date": "2026-11-28", "times": []},
    {"date": "2026-11-28", "times": [["2026-11-28T09:00:00+01:00", "2026-11-28T12:00:00+01:00"],
                                     ["2026-11-28T14:00:00+01:00", "2026-11-29T02:00:00+01:00"]]},
])  # fmt: skip


_FOUND = st.tuples(_place(1), _place(2), _place(3)).map(list)


def _all_parts(content, response, language, traits):
    """The messages, and those sent when the rest is asked for."""
    for _ in range(20):
        made = content.render([response], language=language, country="FR", traits=traits)
        yield from made.messages
        if not made.rest:
            return
        response = Response("rest", {"text": made.rest})
    raise AssertionError("the rest never ends")


@pytest.mark.parametrize("channel", sorted(TRAITS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(language=st.sampled_from(SHIPPED), found=_FOUND, wishes=_WISHES, widened=st.booleans())
def test_any_three_places_fit_and_all_of_them_are_said(content, channel, language, found, wishes, widened):
    about = {"service": "hiv_test", "near": "Paris", "country": "FR", "found": found, "radius_km": 25.0, "total": 9,
             "wishes": wishes, "widened": widened}  # fmt: skip
    called = [(place["names"] or {}).get(language, place["name"]) for place in found]
    _check(content, Response("places", about), channel, language, called)


@pytest.mark.parametrize("channel", sorted(TRAITS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(language=st.sampled_from(SHIPPED), place=_place(1), day=_DAYS)
def test_any_place_fits_and_all_of_it_is_said(content, channel, language, place, day):
    wanted = [place["name"], place["phone"]]
    _check(content, Response("place", {"place": place, "day": day}), channel, language, wanted)


@pytest.mark.parametrize("channel", sorted(TRAITS))
@pytest.mark.parametrize(("kind", "country", "line"), [("violence", "FR", "3919"), ("hiv_test", "XX", None)])
def test_nothing_near_says_how_far_and_whom_to_call(content, language, channel, kind, country, line):
    about = {"service": kind, "near": "Paris", "country": country, "found": [], "radius_km": 100.0, "total": 0,
             "widened": True, "nearest_km": 312.4}  # fmt: skip
    said = "".join(
        message.text for message in _all_parts(content, Response("places", about), language, TRAITS[channel])
    )
    assert "312" in "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in said)
    assert line is None or line in said


def _check(content, response, channel, language, wanted):
    traits, said = TRAITS[channel], []
    for message in _all_parts(content, response, language, traits):
        assert 0 < len(message.text) <= traits.text_limit
        assert not re.search(r"\{\w+[,}]", message.text)
        assert not traits.segments or sms.segments(message.text) <= sms.SEGMENTS
        said.append(message.text)
    whole = _plain(" ".join(said))
    for words in wanted:
        assert _plain(words) in whole


def _plain(text):
    """Without what a channel may change: accents that cost, spaces, and marks that cannot be seen."""
    kept = (letter for letter in sms.economical(text) if letter not in "\u200f\u2068\u2069")
    return "".join(sms._without_accent(letter) for letter in kept if not letter.isspace()).casefold()
