"""How much to believe each half of the classifier, found by cross-validation on the training sentences."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Callable

import numpy as np
from sklearn.model_selection import StratifiedKFold

from nlu.components.ngrams import softmax

COST_OF_A_WRONG_ANSWER = 2.0
"""A wrong answer about health costs as much as this many questions back; it decides the threshold."""

PLAINLY_BETTER = 0.02
"""Accuracy by which another share must win to replace half and half: people's unseen sentences are less like the
training sentences than these are like each other, and there half and half was best in all four languages."""


@dataclass(frozen=True)
class Blend:
    """How the two halves are put together.

    gate: confidence of the n-grams from which the encoder is not asked.
    accept: confidence below which the person is asked back rather than answered.
    """

    ngram_temperature: float = 1.0
    embedding_temperature: float = 1.0
    ngram_share: float = 0.5
    gate: float = 0.9
    accept: float = 0.5
    accuracy: float = 0.0

    def to_json(self) -> dict:
        return asdict(self)


def calibrate(
    fit: Callable, texts: list, labels: np.ndarray, vectors: np.ndarray, folds: int, tolerance: float = 0.01
) -> Blend:
    """Choose temperatures, share, gate and threshold on out-of-fold predictions of `fit(rows) -> (ngrams, embeddings)`."""
    fast = np.zeros((len(texts), labels.max() + 1))
    careful = np.zeros_like(fast)
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=0).split(texts, labels):
        ngrams, embeddings = fit(train)
        fast[test] = [ngrams.scores(texts[row]) for row in test]
        careful[test] = embeddings.scores(vectors[test])
    ngram_temperature, embedding_temperature = _temperature(fast, labels), _temperature(careful, labels)
    fast, careful = softmax(fast / ngram_temperature), softmax(careful / embedding_temperature)
    shares = {s: _accuracy(s * fast + (1 - s) * careful, labels) for s in (0.5, 0.3, 0.7)}
    share = max(shares, key=lambda s: shares[s] - (0 if s == 0.5 else PLAINLY_BETTER))
    both = share * fast + (1 - share) * careful
    best = shares[share]
    for gate in np.arange(0.5, 1.0, 0.02):
        mixed = np.where(fast.max(1, keepdims=True) >= gate, fast, both)
        accuracy = _accuracy(mixed, labels)
        if accuracy >= best - tolerance:
            break
    return Blend(
        ngram_temperature=float(ngram_temperature),
        embedding_temperature=float(embedding_temperature),
        ngram_share=float(share),
        gate=round(float(gate), 2),
        accept=_threshold(mixed.max(1), mixed.argmax(1) == labels),
        accuracy=round(float(accuracy), 4),
    )


def _accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(probabilities.argmax(1) == labels))


def _temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    return min(np.geomspace(0.2, 3.0, 28), key=lambda t: _loss(softmax(scores / t), labels))


def _loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float(-np.log(probabilities[np.arange(len(labels)), labels] + 1e-9).mean())


def _threshold(confidence: np.ndarray, right: np.ndarray) -> float:
    """The confidence that makes wrong answers and questions back cheapest together; between 0.2 and 0.6."""
    candidates = np.arange(0.2, 0.61, 0.01)
    costs = [
        COST_OF_A_WRONG_ANSWER * np.sum(~right & (confidence >= candidate)) + np.sum(confidence < candidate)
        for candidate in candidates
    ]
    return round(float(candidates[int(np.argmin(costs))]), 2)
