"""Which language a message is taken for: in a conversation, mixed, and when it is not one of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nlu.contract import Hints, TurnRequest
from nlu.languages import load_languages

ROOT = Path(__file__).resolve().parents[2]
UNSHIPPED = yaml.safe_load((ROOT / "tests" / "understanding" / "unshipped.yml").read_text("utf-8"))["sentences"]
PHRASES = yaml.safe_load((ROOT / "tests" / "phrases.yml").read_text("utf-8"))
KNOWN_TO_LID = "it de nl pl ro hu sq el ka hy az ur hi bn pa am zh vi tl ta si mn".split()
"""Languages lid.176 tells apart; of Wolof, Hausa, Yoruba, Kinyarwanda, Lingala and Oromo it knows next to nothing."""


def heard(engine, text, earlier=None, chosen=None):
    return engine.parse(text, request=TurnRequest("x", text, hints=Hints(chosen, earlier)))


@pytest.mark.parametrize(
    "text", ["ok", "no", "Mohamed", "Ahmed Ali", "Paris", "HIV", "PrEP", "12345", "👍", "?", "Maria"]
)
def test_a_word_of_every_language_switches_nothing(engine, language, text):
    assert heard(engine, text, earlier=language)["language"] == language


def test_a_sentence_switches(engine, language):
    earlier = "fr" if language != "fr" else "en"
    assert heard(engine, PHRASES["want_to_die"][language] + ". " + PHRASES["what_is_prep"][language], earlier)[
        "language"
    ] == language  # fmt: skip


@pytest.mark.parametrize(
    ("text", "dominant"),
    [
        ("necesito una cita para el test, it's urgent por favor", "es"),
        ("je cherche un docteur qui speak english à Lyon", "fr"),
        ("nataka kupima HIV lakini sina insurance, nifanye nini", "sw"),
        ("мне нужен PrEP, где взять appointment?", "ru"),
    ],
)
def test_mixed_messages_go_to_the_language_there_is_more_of(engine, text, dominant):
    assert heard(engine, text)["language"] == dominant


@pytest.mark.parametrize("code", KNOWN_TO_LID)
def test_another_language_is_noticed(engine, code):
    noticed = [engine.parse(item["text"])["detected"] not in load_languages().shipped for item in UNSHIPPED[code]]
    assert sum(noticed) / len(noticed) >= 0.6


def test_another_language_is_understood_or_asked_back(engine):
    """Where Farol answers somebody in a language it was never taught, it is right nine times in ten."""
    answered, right = 0, 0
    for items in UNSHIPPED.values():
        for item in items:
            parsed = engine.parse(item["text"])
            if parsed["detected"] not in load_languages().shipped and parsed["decision"] != "ask_back":
                answered += 1
                right += item["intent"] in (parsed["danger"], parsed["intent"]["name"])
    assert answered > 150
    assert right / answered >= 0.9


def test_another_language_is_answered_in_the_likeliest_shared_one(engine):
    assert engine.parse("Vorrei sapere dove posso fare il test dell'HIV")["language"] == "es"
    assert engine.parse("Wo kann ich einen Arzt ohne Papiere finden?")["language"] == "en"
    assert heard(engine, "Wo kann ich einen Arzt ohne Papiere finden?", earlier="tr")["language"] == "tr"


def test_a_greeting_is_enough_for_a_beginning(engine, language):
    assert engine.parse(PHRASES["greeting"][language])["language"] == language
