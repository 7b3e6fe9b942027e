"""Understands languages that are not shipped, as far as the sentence encoder carries: what an intent means in every
language at once, applied to a sentence in yet another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nlu.components.pooled import PooledHead
from nlu.contract import DANGERS
from nlu.encoder import ENCODER
from nlu.text import clean

_DANGER = 0.4
_RANKING = 10


class ZeroShotParser:
    """As nlu.parsers.Parser, without entities; believed only where it is sure."""

    accept = 0.6
    """Each shipped language left out and read this way is 87-94 % right from here (benchmarks/lab-book.md, zero-shot)."""

    def __init__(self, pooled: Path) -> None:
        head = PooledHead.load(pooled)
        self._intents = head.intents
        self._head = head.anywhere()

    def parse(self, text: str) -> dict[str, Any]:
        """Rasa's form of a parse: `text, intent, intent_ranking, entities, danger, familiarity, strange`."""
        probabilities = self._head.probabilities(ENCODER.one(clean(text))[None])[0]
        best = np.argsort(-probabilities)[:_RANKING]
        ranking = [{"name": self._intents[i], "confidence": float(probabilities[i])} for i in best]
        return {
            "text": text,
            "intent": ranking[0],
            "intent_ranking": ranking,
            "entities": [],
            "danger": ranking[0]["name"] if self._is_danger(ranking) else None,
            "familiarity": 1.0,
            "strange": False,
        }

    def _is_danger(self, ranking: list[dict]) -> bool:
        return ranking[0]["name"] in DANGERS and ranking[0]["confidence"] >= _DANGER
