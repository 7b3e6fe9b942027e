"""Each language on sentences its training data's authors have not seen, against the figures recorded beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nlu.text import fold, words

ROOT = Path(__file__).resolve().parents[2]
HELD_OUT = ROOT / "tests" / "understanding"
RECORDED = yaml.safe_load((HELD_OUT / "recorded.yml").read_text("utf-8"))
TOLERATED = 2.0
"""Percentage points a language may fall below its recorded accuracy before somebody has to look."""


def sentences(language: str) -> list:
    data = yaml.safe_load((HELD_OUT / f"{language}.yml").read_text("utf-8"))["sentences"]
    return [(item["text"], intent, item["kind"]) for intent, items in data.items() for item in items]


def test_all_intents_are_tried(language):
    named = yaml.safe_load((ROOT / "nlu" / "intents.yml").read_text("utf-8"))
    intents = {intent for group in named.values() for intent in group}
    tried = [intent for _, intent, _ in sentences(language)]
    assert set(tried) == intents
    assert min(tried.count(intent) for intent in intents) >= 8


def test_all_intents_have_examples(language):
    from nlu.components.siblings import language_examples

    named = yaml.safe_load((ROOT / "nlu" / "intents.yml").read_text("utf-8"))
    counts: dict = {}
    for _, intent in language_examples(ROOT / "nlu" / "data" / language):
        counts[intent] = counts.get(intent, 0) + 1
    assert set(counts) == {intent for group in named.values() for intent in group}
    assert min(counts.values()) >= 25


def test_no_sentence_is_in_both_sets(language):
    """Not the same words in the same order; of whole sentences, not nearly all the same words either."""
    from nlu.components.siblings import language_examples

    trained = [words(fold(text)) for text, _ in language_examples(ROOT / "nlu" / "data" / language)]
    same = {" ".join(tokens) for tokens in trained}
    bags = [set(tokens) for tokens in trained if len(tokens) >= 5]
    for text, _, _ in sentences(language):
        tokens = words(fold(text))
        if len(tokens) <= 3:
            continue
        assert " ".join(tokens) not in same, text
        bag = set(tokens)
        assert not any(len(bag & other) / len(bag | other) > 0.85 for other in bags), f"nearly the same: {text}"


def test_accuracy_does_not_fall(engine, language, record_property):
    right = [engine.parse(text, language)["intent"]["name"] == intent for text, intent, _ in sentences(language)]
    accuracy = 100 * sum(right) / len(right)
    record_property("accuracy", accuracy)
    assert accuracy >= RECORDED[language]["accuracy"] - TOLERATED


def test_the_language_is_recognised(engine, language):
    long = [engine.parse(t)["language"] == language for t, _, _ in sentences(language) if len(t.split()) > 3]
    short = [engine.parse(t)["language"] == language for t, _, _ in sentences(language) if len(t.split()) <= 3]
    assert 100 * sum(long) / len(long) >= RECORDED[language]["language_long"] - TOLERATED
    assert 100 * sum(short) / len(short) >= RECORDED[language]["language_short"] - 2 * TOLERATED


def test_no_language_is_left_behind():
    best = max(figures["accuracy"] for figures in RECORDED.values())
    for language, figures in RECORDED.items():
        assert figures["accuracy"] >= best - 10, language


@pytest.mark.parametrize("text", ["", "a", "qwrtz plmkn"])
def test_nothing_to_go_by_is_no_certainty(engine, text):
    assert engine.parse(text)["decision"] == "ask_back"
