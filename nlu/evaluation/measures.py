"""How well a language is understood: figures from labelled sentences and what was made of them."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Iterable, Sequence

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score, roc_auc_score

from nlu.components.calibration import ACCEPT
from nlu.contract import DANGERS
from nlu.turn import Engine

TOLD_INDIRECTLY = {"indirect", "story", "free"}
"""Kinds of test sentences that tell a danger without naming it; all others are explicit."""

_UNKNOWN = "out_of_scope"
_BINS = 10
_PAIRS = 15


@dataclass(frozen=True)
class Reading:
    """A test sentence and what was made of it.

    text, intent, kind: as in the test file. sign: the danger found by the safety screen's rules, or None.
    taken: the likeliest intent. confidence: its probability. decision, danger: see nlu.turn. unrelated: 1 - the
    probability of the likeliest intent that is not out_of_scope. identified: the language it was taken for.
    milliseconds: what the parse took, its language being known.
    """

    text: str
    intent: str
    kind: str
    sign: str | None
    taken: str
    confidence: float
    decision: str
    danger: str | None
    unrelated: float
    identified: str
    milliseconds: float = 0.0

    @property
    def right(self) -> bool:
        return self.taken == self.intent

    @property
    def alarmed(self) -> str | None:
        """The danger acted on, by the rules first; or None."""
        return self.sign or self.danger or (self.taken if self.taken in DANGERS and self.decision == "answer" else None)


def read(engine: Engine, item: dict, language: str) -> Reading:
    """What the engine makes of a test sentence, `{"text", "intent", "kind", "sign"}`, of a language."""
    started = time.perf_counter()
    parsed = engine.parse(item["text"], language)
    milliseconds = 1000 * (time.perf_counter() - started)
    known = [r["confidence"] for r in parsed["intent_ranking"] if r["name"] != _UNKNOWN]
    return Reading(
        text=item["text"],
        intent=item["intent"],
        kind=item["kind"],
        sign=item.get("sign"),
        taken=parsed["intent"]["name"],
        confidence=parsed["intent"]["confidence"],
        decision=parsed["decision"],
        danger=parsed["danger"],
        unrelated=1 - max(known, default=0.0),
        identified=engine.parse(item["text"])["language"],
        milliseconds=milliseconds,
    )


def measured(readings: Sequence[Reading], language: str) -> dict:
    """All figures of a language; shares between 0 and 1, None where there is nothing to measure."""
    confidence = np.array([reading.confidence for reading in readings])
    right = np.array([reading.right for reading in readings])
    said, taken = [r.intent for r in readings], [r.taken for r in readings]
    intents = sorted(set(said) | set(taken))
    return {
        "sentences": len(readings),
        "accuracy": _share(reading.right for reading in readings),
        "macro_f1": float(f1_score(said, taken, average="macro", zero_division=0)),
        "kinds": {
            kind: {"sentences": count, "accuracy": _share(r.right for r in readings if r.kind == kind)}
            for kind, count in sorted(Counter(reading.kind for reading in readings).items())
        },
        "intents": intents,
        "confusion": confusion_matrix(said, taken, labels=intents).tolist(),
        "confused": [
            {"intent": pair[0], "taken_for": pair[1], "times": times}
            for pair, times in Counter(p for p in zip(said, taken) if p[0] != p[1]).most_common(_PAIRS)
        ],
        "wrong": [
            {"text": r.text, "intent": r.intent, "taken_for": r.taken, "confidence": round(r.confidence, 3)}
            for r in readings
            if not r.right
        ],
        "calibration": {"bins": reliability(confidence, right), "ece": expected_calibration_error(confidence, right)},
        "asking_back": {"threshold": ACCEPT, **_answered(confidence, right, ACCEPT)},
        "coverage": [{"threshold": t, **_answered(confidence, right, t)} for t in np.linspace(0, 0.95, 20).round(2)],
        "unknown_auroc": _auroc(readings),
        "language": {
            "sentences": _share(r.identified == language for r in readings if len(r.text.split()) > 3),
            "short": _share(r.identified == language for r in readings if len(r.text.split()) <= 3),
        },
        "danger": danger(readings),
    }


def danger(readings: Iterable[Reading]) -> dict:
    """Recall of explicit and indirect signs, by the model alone and with the screen's rules, and false alarms.

    A danger counts as recognised when any danger is acted on: the person is then given help lines at once.
    """
    readings = list(readings)
    harmless = [reading for reading in readings if reading.intent not in DANGERS]
    found = {"false_alarms": _share(bool(reading.alarmed) for reading in harmless), "each": {}}
    for how, told in (("explicit", False), ("indirect", True)):
        mine = [r for r in readings if r.intent in DANGERS and (r.kind in TOLD_INDIRECTLY) == told]
        found[how] = {
            "sentences": len(mine),
            "rules": _share(bool(r.sign) for r in mine),
            "recall": _share(bool(r.alarmed) for r in mine),
            "missed": [{"text": r.text, "intent": r.intent, "taken_for": r.taken} for r in mine if not r.alarmed],
        }
        for name in DANGERS:
            found["each"].setdefault(name, {})[how] = _share(bool(r.alarmed) for r in mine if r.intent == name)
    for name in DANGERS:
        found["each"][name]["false_alarms"] = _share(reading.alarmed == name for reading in harmless)
    found["alarms"] = [{"text": r.text, "intent": r.intent, "taken_for": r.alarmed} for r in harmless if r.alarmed]
    return found


def reliability(confidence: np.ndarray, right: np.ndarray) -> list:
    """Of each tenth of confidence: how many sentences, their mean confidence and the share that was right."""
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    return [
        {
            "from": number / _BINS,
            "sentences": int((place == number).sum()),
            "confidence": float(confidence[place == number].mean()),
            "right": float(right[place == number].mean()),
        }
        for number in range(_BINS)
        if (place == number).any()
    ]


def expected_calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Mean distance of confidence and accuracy over tenths of confidence (Naeini et al. 2015)."""
    bins = reliability(confidence, right)
    return float(sum(b["sentences"] * abs(b["confidence"] - b["right"]) for b in bins) / len(confidence))


def _answered(confidence: np.ndarray, right: np.ndarray, threshold: float) -> dict:
    """Share of messages answered when less sure ones are asked back, and the share of these answers that is right."""
    answered = confidence >= threshold
    return {
        "coverage": float(answered.mean()),
        "precision": float(right[answered].mean()) if answered.any() else None,
    }


def _auroc(readings: Sequence[Reading]) -> float | None:
    """How well what Farol cannot answer is told from what it can, by the least likely of knowing."""
    unknown = [reading.intent == _UNKNOWN for reading in readings]
    if len(set(unknown)) < 2:
        return None
    return float(roc_auc_score(unknown, [reading.unrelated for reading in readings]))


def _share(values: Iterable[bool]) -> float | None:
    values = list(values)
    return sum(values) / len(values) if values else None
