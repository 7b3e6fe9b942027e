"""Each language on sentences its training data's authors have not seen, against the figures recorded beside them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
import yaml

from nlu.text import fold, words
from tests.conftest import SHIPPED

ROOT = Path(__file__).resolve().parents[2]
HELD_OUT = ROOT / "tests" / "understanding"
RECORDED = yaml.safe_load((HELD_OUT / "recorded.yml").read_text("utf-8"))
NAMED = yaml.safe_load((ROOT / "nlu" / "intents.yml").read_text("utf-8"))
INTENTS = {intent for group in NAMED.values() for intent in group}
TOLERATED = 2.0
"""Percentage points a language may fall below its recorded accuracy before somebody has to look."""
BEHIND = 10.0
"""Percentage points a language may be behind the best."""


def sentences(language: str) -> list:
    data = yaml.load((HELD_OUT / f"{language}.yml").read_text("utf-8"), Loader=yaml.CSafeLoader)["sentences"]
    return [(item["text"], intent, item["kind"]) for intent, items in data.items() for item in items]


@lru_cache(maxsize=None)
def examples(language: str) -> list:
    from nlu.components.examples import language_examples

    return language_examples(ROOT / "nlu" / "data" / language)


@pytest.fixture(scope="session")
def figures(engine, request):
    """What `farol evaluate` measures, of a language."""
    from bot.safety.screen import load_screen
    from nlu.evaluation.measures import measured, read

    screen = load_screen(ROOT / "content" / "safety", SHIPPED)
    known: dict = {}

    def of(language: str) -> dict:
        if language not in known:
            readings = []
            for text, intent, kind in sentences(language):
                sign = screen.crisis(text)
                item = {"text": text, "intent": intent, "kind": kind, "sign": sign and sign.name}
                readings.append(read(engine, item, language))
            known[language] = measured(readings, language)
        return known[language]

    return of


def test_all_intents_are_tried(language):
    tried = [intent for _, intent, _ in sentences(language)]
    assert set(tried) == INTENTS
    assert min(tried.count(intent) for intent in INTENTS) >= 8


def test_all_intents_have_examples(language):
    counts: dict = {}
    for _, intent in examples(language):
        counts[intent] = counts.get(intent, 0) + 1
    assert set(counts) == INTENTS
    assert min(counts.values()) >= 40


def test_no_example_belongs_to_two_intents(language):
    seen: dict = {}
    for text, intent in examples(language):
        assert seen.setdefault(text, intent) == intent, text


def test_examples_are_read_as_rasa_reads_them():
    from rasa.shared.nlu.constants import INTENT, TEXT
    from rasa.shared.nlu.training_data.loading import load_data

    from nlu.text import clean

    read = load_data(str(ROOT / "nlu" / "data" / "so")).intent_examples
    assert set(examples("so")) == {(clean(e.get(TEXT)), e.get(INTENT)) for e in read}


def test_entities_have_words_in_every_language(language):
    blocks = yaml.safe_load((ROOT / "nlu" / "data" / language / "entities.yml").read_text("utf-8"))["nlu"]
    assert {block["lookup"] for block in blocks if "lookup" in block} == {
        "service", "country", "language", "population", "time",
    }  # fmt: skip


def test_no_sentence_is_in_both_sets(language):
    """Not the same words in the same order; of whole sentences, not nearly all the same words either."""
    trained = [words(fold(text)) for text, _ in examples(language)]
    same = {" ".join(tokens) for tokens in trained}
    bags = [set(tokens) for tokens in trained if len(tokens) >= 5]
    for text, _, _ in sentences(language):
        tokens = words(fold(text))
        if len(tokens) <= 3:
            continue
        assert " ".join(tokens) not in same, text
        bag = set(tokens)
        assert not any(len(bag & other) / len(bag | other) > 0.85 for other in bags), f"nearly the same: {text}"


def test_accuracy_does_not_fall(figures, language):
    assert 100 * figures(language)["accuracy"] >= RECORDED[language]["accuracy"] - TOLERATED


def test_no_language_is_left_behind(figures, language):
    best = max(recorded["accuracy"] for recorded in RECORDED.values())
    assert 100 * figures(language)["accuracy"] >= best - BEHIND


def test_danger_is_recognised_as_often(figures, language):
    """One sentence more or less is three points: the gate is wide, the figures are in the report."""
    danger, recorded = figures(language)["danger"], RECORDED[language]
    assert 100 * danger["explicit"]["recall"] >= min(recorded["danger"], 100) - 2 * TOLERATED
    assert 100 * danger["indirect"]["recall"] >= recorded["told"] - 6 * TOLERATED
    assert danger["false_alarms"] <= 0.04


def test_confidence_can_be_believed(figures, language):
    assert figures(language)["calibration"]["ece"] <= 0.08
    asking_back = figures(language)["asking_back"]
    assert asking_back["precision"] >= 0.88
    assert asking_back["coverage"] >= 0.85


def test_the_language_is_recognised(figures, language):
    found = figures(language)["language"]
    assert 100 * found["sentences"] >= RECORDED[language]["language_long"] - TOLERATED
    assert 100 * found["short"] >= RECORDED[language]["language_short"] - 2 * TOLERATED


@pytest.mark.parametrize("text", ["", "a", "1", "17", "н", "ن", "3?", "qwrtz plmkn"])
def test_nothing_to_go_by_is_no_certainty(engine, text):
    assert engine.parse(text)["decision"] == "ask_back"


@pytest.mark.parametrize(("text", "meant"), [("y", "affirm"), ("n", "deny")])
def test_yes_and_no_need_one_letter(engine, text, meant):
    parse = engine.parse(text, "en")
    assert (parse["decision"], parse["intent"]["name"]) == ("answer", meant)
