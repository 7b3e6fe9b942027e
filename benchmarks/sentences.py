"""Which sentences are said: those of tests/understanding that both contenders answer with one plain rule."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import yaml

from benchmarks.servers import ROOT

TURNS_EACH = 5
"""Turns of a conversation."""


@dataclass(frozen=True)
class Sentence:
    """A test sentence and the intent its author meant."""

    text: str
    intent: str


def test_sentences(language: str) -> list[Sentence]:
    """All of a language's test sentences, always in the same shuffled order, each text once."""
    path = ROOT / "tests" / "understanding" / f"{language}.yml"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: language '{language}' has no test sentences to measure with")
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["sentences"]
    texts = {item["text"]: intent for intent, items in groups.items() for item in items}
    found = [Sentence(text, intent) for text, intent in texts.items()]
    random.Random(language).shuffle(found)
    return found


def plain_intents() -> frozenset[str]:
    """Intents that a rule of stories/rules.yml answers at once, in every state, with a response and nothing else.

    No form and no custom action: those would call the assistant, which stock Rasa is spared.
    """
    rules = yaml.safe_load((ROOT / "stories" / "rules.yml").read_text(encoding="utf-8"))["rules"]
    found = set()
    for rule in rules:
        asked, *then = rule["steps"]
        if "condition" in rule or len(then) != 1 or not then[0].get("action", "").startswith("utter_"):
            continue
        found |= {step["intent"] for step in asked.get("or", [asked]) if "intent" in step}
    return frozenset(found)


def answered_plainly(parse: dict[str, Any], plain: frozenset[str]) -> bool:
    """Whether Farol's dialogue meets this parse with a plain rule: a danger, a question back, or a plain intent."""
    return parse["decision"] in ("danger", "ask_back") or parse["intent"]["name"] in plain


def conversations(sentences: list[Sentence]) -> list[list[str]]:
    """Whole conversations of TURNS_EACH sentences; what does not fill one is left out."""
    texts = [sentence.text for sentence in sentences]
    whole = len(texts) - len(texts) % TURNS_EACH
    return [texts[start : start + TURNS_EACH] for start in range(0, whole, TURNS_EACH)]
