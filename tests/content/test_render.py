"""Every answer, in every language, for every country, on every channel: it fits, it is whole, it is in its language."""

from __future__ import annotations

import re
import unicodedata

import pytest

from bot.cli.local import TRAITS
from bot.content import sms
from bot.messages import ChannelTraits
from nlu.contract import Response

COUNTRIES = ["GB", "FR", "ES", "CL", "DO", "DE", None]
WHATSAPP_BUTTONS = ChannelTraits("whatsapp", 1600, button_limit=3, title_limit=20, list_limit=10)
CHANNELS = {**TRAITS, "whatsapp-buttons": WHATSAPP_BUTTONS}


def rendered(content, response, language, traits, country=None):
    return content.render([response], language=language, country=country, traits=traits, draft_noted=True)


@pytest.mark.parametrize("channel", sorted(CHANNELS))
def test_every_answer_fits_its_channel(content, language, channel):
    traits = CHANNELS[channel]
    for topic in content.topics:
        for country in COUNTRIES:
            done = rendered(content, Response("topic", {"topic": topic}), language, traits, country)
            for message in done.messages:
                where = f"{topic} {country}"
                assert 0 < len(message.text) <= traits.text_limit, where
                assert not re.search(r"\{\w+\}", message.text), f"{where}: unfilled: {message.text}"
                assert len(message.buttons) <= max(traits.button_limit, 0), where
                assert all(len(b.title) <= traits.title_limit for b in message.buttons), where
                assert all(len(b.payload.encode()) <= 64 for b in message.buttons), where
                if traits.segments and not content.topics[topic].urgent:
                    assert sms.segments(message.text) <= sms.SEGMENTS, f"{where}: {sms.segments(message.text)} segments"


def test_every_own_word_can_be_said(content, language):
    samples = {
        "ask.which_topic": {"intents": ["hiv_basics", "find_service", "no_such"]},
        "ask.place_again": {"place": "Xyz"},
        "ask.which_place": {"options": [{"name": "Santiago", "country": "CL", "latitude": -33.4, "longitude": -70.6}]},
        "ask.which_shown": {"options": [{"number": 1, "name": "A"}]},
        "language.unknown": {"language": "pt"},
        "menu.group": {"group": "hiv"},
    }
    keys = set(content.words(language).words) - {
        key
        for key in content.words(language).words
        if key.startswith(("place.", "line.", "lines.", "country.", "human.", "sources.", "referral.", "confirm."))
    }
    said_with_others = {"read_on", "read_on.word"}
    for key in (
        keys - said_with_others - {"draft_note", "source", "reply_number", "ask.which_shown", "trouble.no_number"}
    ):
        for traits in CHANNELS.values():
            for message in rendered(content, Response(key, samples.get(key, {})), language, traits, "FR").messages:
                assert message.text and not re.search(r"\{\w+\}", message.text), key


def test_one_language_never_shows_in_another(content, language):
    if language == "en":
        pytest.skip("English is the language the others are compared with")
    english = content.words("en")
    for topic in content.topics:
        said = rendered(content, Response("topic", {"topic": topic}), language, TRAITS["web"], "GB").messages[0].text
        assert english.topics[topic].text.split("\n")[0] not in said, topic


_TELLING = re.compile(
    r"\b(hiv|vih|aids|sida|вич|віл|спид|снід|vvu|ukimwi|prep|pep)\b|نقص المناعة|إيدز|ایدز|اچ.?آی.?وی", re.IGNORECASE
)
_ORDINARY = {"so": re.compile(r"\bsida\b", re.IGNORECASE)}
"""Somali 'sida' means 'as'."""


def test_the_first_line_tells_nobody_what_it_is_about(content, language):
    """It can be read on a locked screen."""
    for name, text in content.words(language).topics.items():
        for part in (text.text.split("\n")[0], re.split(r"(?<=[.!?؟])\s", text.sms)[0]):
            plain = _ORDINARY[language].sub("", part) if language in _ORDINARY else part
            assert not _TELLING.search(plain), (name, part)


def test_unknown_is_said_to_be_unknown(content, language):
    said = (
        rendered(content, Response("topic", {"topic": "prep_access"}), language, TRAITS["web"], "NZ").messages[0].text
    )
    assert "NZ" not in said and len(said) > len(content.words(language).topics["prep_access"].text)


def test_choices_on_sms_are_numbered_in_the_order_they_are_remembered(content, language):
    done = rendered(content, Response("menu"), language, TRAITS["sms"])
    text = "\n".join(message.text for message in done.messages)
    for number, choice in enumerate(done.choices, 1):
        assert re.search(rf"^{number} {re.escape(sms.economical(choice.title))}$", text, re.M), choice.title


def test_every_topic_is_reached_by_the_menu(content, language):
    for traits in CHANNELS.values():
        groups = [
            b.payload.removeprefix("group:") for b in rendered(content, Response("menu"), language, traits).choices
        ]
        reached = {
            choice.payload.removeprefix("intent:")
            for group in groups
            if group in content.groups
            for choice in rendered(content, Response("menu.group", {"group": group}), language, traits).choices
        }
        if not traits.segments:
            assert set(content.topics) <= reached


def test_numbers_keep_their_order_in_right_to_left_text(content):
    said = rendered(content, Response("topic", {"topic": "crisis_suicide"}), "ar", TRAITS["web"], "FR").messages[0].text
    assert "\u20683114\u2069" in said


def test_every_line_of_right_to_left_text_runs_right_to_left(content, language):
    if content.direction(language) == "ltr":
        pytest.skip("written from left to right")
    for topic in content.topics:
        said = rendered(content, Response("topic", {"topic": topic}), language, TRAITS["web"], "ES")
        for line in said.messages[0].text.splitlines():
            # What a phone judges a line's direction by: its first letter outside of isolates (UAX #9, P2 and P3).
            outside = re.sub("\u2068[^\u2069]*\u2069", "", line)
            first = next((kind for kind in map(unicodedata.bidirectional, outside) if kind in ("L", "R", "AL")), None)
            assert first in ("R", "AL") or not line.strip(), f"{topic}: {line!r}"


def test_a_draft_is_said_to_be_one_once(content, language):
    answer = [Response("topic", {"topic": "sti"})]
    first = content.render(answer, language=language, country=None, traits=TRAITS["web"], draft_noted=False)
    note = content.words(language).words["draft_note"]
    assert note in first.messages[-1].text and first.draft_noted
    again = content.render(answer, language=language, country=None, traits=TRAITS["web"], draft_noted=True)
    assert note not in again.messages[-1].text


def test_an_expired_text_is_withheld_and_an_urgent_one_never(content, language):
    from dataclasses import replace
    from datetime import date

    kept = dict(content.topics)
    old = date(2020, 1, 1)
    try:
        content.topics.update({name: replace(kept[name], review_by=old) for name in ("sti", "crisis_suicide")})
        withheld = rendered(content, Response("topic", {"topic": "sti"}), language, TRAITS["web"]).messages[0].text
        urgent = (
            rendered(content, Response("topic", {"topic": "crisis_suicide"}), language, TRAITS["web"]).messages[0].text
        )
    finally:
        content.topics.update(kept)
    assert withheld == content.words(language).words["withheld"]
    assert content.words(language).topics["crisis_suicide"].text in urgent


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("م" * 70, 1),
        ("م" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_segments_are_counted_as_they_are_paid(text, count):
    assert sms.segments(text) == count


def test_a_non_latin_text_is_never_made_cheaper_by_question_marks():
    assert sms.economical("مرحبا “صديقي”") == "مرحبا “صديقي”"
    assert sms.economical("“cœur” – déjà") == '"coeur" - déjà'


def test_what_does_not_fit_into_an_sms_can_be_read_on(content, language):
    """Nothing is lost, nothing said twice, and each part fits and says how to go on."""
    traits = CHANNELS["sms"]
    for country in content.countries:
        response, parts = Response("topic", {"topic": "right_without_papers"}), []
        for _ in range(12):
            made = content.render([response], language=language, country=country, traits=traits)
            (message,) = made.messages
            assert sms.segments(message.text) <= sms.SEGMENTS
            parts.append(message.text)
            if not made.rest:
                break
            assert sms.economical(content.words(language).words["read_on.word"]) in message.text
            response = Response("rest", {"text": made.rest})
        assert not made.rest
        said = " ".join(" ".join(parts).split())
        for fact in content.topics["right_without_papers"].facts:
            value = content.countries[country].facts.get(fact)
            phrase = content.words(language).facts[fact][value.value if value else "unknown"].split("{")[0]
            known = sms.economical(phrase).split(".")[0].strip()
            assert said.count(sms.economical(" ".join(known.split()))) >= 1, (country, fact)


def test_what_was_left_out_before_the_last_message_can_be_read_on_too(content):
    said = [Response("topic", {"topic": "right_without_papers"}), Response("language.closest")]
    alone = content.render(said[:1], language="en", country="GB", traits=CHANNELS["sms"])
    both = content.render(said, language="en", country="GB", traits=CHANNELS["sms"])
    # Without buttons under it a little more fits.
    assert both.rest and alone.rest.endswith(both.rest)


def test_a_country_that_is_not_listed_on_sms_can_still_be_typed(content, language):
    asked = content.render([Response("ask.country")], language=language, country=None, traits=CHANNELS["sms"])
    assert {choice.payload for choice in asked.choices} >= {f"country:{code}" for code in content.countries}
    shown = re.findall(r"^(\d+) ", asked.messages[0].text, re.M)
    assert [int(number) for number in shown] == list(range(1, len(shown) + 1))
