"""In danger everything is said at once, with the numbers to call where they arrive first: every language, country, channel."""

from __future__ import annotations

import re

import pytest

from bot.cli.local import TRAITS
from bot.content import sms
from bot.content.render import Content, Promises
from bot.safety.screen import CRISES
from nlu.contract import DANGERS, Response
from tests.content.test_render import CHANNELS
from tests.conversation.conftest import content  # noqa: F401

HELP, TROUBLE, HUMAN = Response("help"), Response("trouble"), Response("human")


def said_by(content, response, language, country, channel="sms", **more):
    return content.render([response], language=language, country=country, traits=CHANNELS[channel], **more)


def digits(text: str) -> str:
    return re.sub(r"[^\d*]+", " ", text)


def numbers(content, topic: str, country: str) -> list[str]:
    """The numbers that a country has for a topic."""
    lines = content.countries[country].lines
    return [digits(lines[kind].number).strip() for kind in content.topics[topic].lines if kind in lines]


def test_the_rules_and_the_answers_speak_of_the_same_dangers(content):
    assert set(CRISES) == set(DANGERS) and all(content.topics[name].urgent for name in CRISES)


@pytest.mark.parametrize("channel", sorted(CHANNELS))
def test_a_crisis_answer_is_whole_and_its_numbers_come_first(content, language, channel):
    for topic in CRISES:
        for country in content.countries:
            where, response = f"{topic} {country}", Response("topic", {"topic": topic})
            made = said_by(content, response, language, country, channel)
            told, expected = "\n".join(message.text for message in made.messages), numbers(content, topic, country)
            assert expected and not made.rest, f"{where}: nothing is left behind a 'MORE'"
            first = made.messages[0].text
            if CHANNELS[channel].segments:
                first = sms.opening(first)
                own = content.words(language).topics[topic].sms
                assert all(sms.economical(word) in told or word in told for word in own.split()), where
            for number in expected:
                assert number in digits(first), f"{where}: {number} is not in the first of it: {first}"
            wanted = [step for step in content.topics[topic].next if step == "talk_to_human"]
            offered = [button.payload for button in made.choices]
            assert all(f"intent:{step}" in offered for step in wanted), f"{where}: the choice of a human"
            if topic != "pep_urgent":
                lines = content.countries[country].lines
                kinds = [kind for kind in content.topics[topic].lines if kind in lines]
                for kind in kinds:
                    name = lines[kind].name if kind != "emergency" else ""
                    assert name in told.replace("\u2068", "").replace("\u2069", "") or sms.economical(name) in told, (
                        where
                    )


def test_help_and_trouble_give_the_emergency_number_first(content, language):
    for country, about in content.countries.items():
        emergency = digits(about.lines["emergency"].number).strip()
        for response in (HELP, TROUBLE):
            made = said_by(content, response, language, country)
            assert not made.rest, (response.key, country)
            assert emergency in digits(sms.opening(made.messages[0].text)), (
                response.key,
                country,
                made.messages[0].text,
            )


def test_no_way_to_a_person_is_left_behind_a_more(content, language):
    """The choice under a crisis answer: who can be called instead, when nobody of the team is there."""
    for country, about in content.countries.items():
        made = said_by(content, HUMAN, language, country)
        told = digits("\n".join(message.text for message in made.messages))
        assert not made.rest
        for kind in ("emergency", "suicide", "violence"):
            assert kind not in about.lines or digits(about.lines[kind].number).strip() in told, (country, kind)


@pytest.mark.parametrize("topic", CRISES)
def test_a_country_that_is_not_known_is_asked_for_after_the_answer(content, language, topic):
    made = said_by(content, Response("topic", {"topic": topic}), language, None)
    told = "\n".join(message.text for message in made.messages)
    assert not made.rest and "numbers:" in "".join(button.payload for button in made.choices)
    own = sms.economical(content.words(language).topics[topic].sms)
    assert told.startswith(own[:20]) or told.startswith(content.words(language).topics[topic].sms[:20])


def test_the_country_of_the_number_is_a_guess_below_what_is_known(content, language):
    response = Response("topic", {"topic": "crisis_suicide"})
    french, british = (digits(content.countries[code].lines["suicide"].number).strip() for code in ("FR", "GB"))
    guessed = said_by(content, response, language, None, guess="FR")
    assert french in digits(sms.opening(guessed.messages[0].text))
    assert [button.payload for button in guessed.choices][:1] == ["numbers:crisis_suicide"], "it may be wrong: ask"
    told = said_by(content, response, language, "GB", guess="FR").messages[0].text
    assert british in digits(told) and french not in digits(told)
    usual = Content(content._folder, content.languages, Promises(default_country="GB"))
    told = said_by(usual, response, language, None, guess="FR").messages[0].text
    assert british in digits(told) and french not in digits(told)


def test_what_is_no_danger_still_minds_the_price(content, language):
    for topic, about in content.topics.items():
        if not about.urgent:
            made = said_by(content, Response("topic", {"topic": topic}), language, "FR")
            assert all(sms.segments(message.text) <= sms.SEGMENTS for message in made.messages), topic


@pytest.mark.parametrize(
    ("text", "carried"),
    [
        ("a" * 160, 160),
        ("a" * 161, 153),
        ("€" * 80, 80),
        ("€" * 81, 76),
        ("я" * 70, 70),
        ("я" * 71, 67),
        ("a" * 100 + "я", 67),
        ("😀" * 35, 35),
        ("😀" * 36, 33),
        ("", 0),
    ],
)
def test_what_the_first_segment_carries(text, carried):
    assert len(sms.opening(text)) == carried


def test_the_sms_channel_is_the_one_that_is_measured():
    assert [name for name, traits in TRAITS.items() if traits.segments] == ["sms"]
