"""What the intents mean in all languages together: where every language's own half begins, and what a language that is
not shipped is understood by."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import List, Optional

import numpy as np

from nlu.components.embeddings import EmbeddingHead, regress
from nlu.components.examples import balanced, languages_examples
from nlu.encoder import DIMENSIONS, Shelf

FOLDS = 3
"""Parts the sentences are dealt into for cross-validation, in every language by the same rule."""

_C, _STEPS, _IMPORTANCE = 60.0, 60, 0.5


def fold_of(text: str) -> int:
    """The part, 0..FOLDS-1, a clean sentence belongs to: always the same one, whatever stands beside it."""
    return hashlib.sha256(text.encode()).digest()[0] % FOLDS


class PooledHead:
    """A regression on the centred embeddings of every language's sentences.

    `weights` has shape (1 + FOLDS, 385, intents): of all sentences, then of all but each part, so that a language can
    be cross-validated with weights that have not seen its held-out sentences. `centres`, (languages, 384), are the
    mean embeddings of the languages.
    """

    def __init__(self, intents: List[str], languages: List[str], centres: np.ndarray, weights: np.ndarray) -> None:
        self.intents, self.languages, self.centres, self.weights = intents, languages, centres, weights

    @classmethod
    def train(cls, root: Path, shelf: Shelf) -> PooledHead:
        """Fit on every language folder under `root`."""
        folders = {code: balanced(examples) for code, examples in languages_examples(root).items()}
        intents = sorted({intent for examples in folders.values() for _, intent in examples})
        index = {intent: number for number, intent in enumerate(intents)}
        vectors, labels, folds, centres = [], [], [], []
        for examples in folders.values():
            own = shelf.encode([text for text, _ in examples])
            centres.append(own.mean(axis=0))
            vectors.append(own - centres[-1])
            labels += [index[intent] for _, intent in examples]
            folds += [fold_of(text) for text, _ in examples]
        x, y, part = np.vstack(vectors), np.array(labels), np.array(folds)
        start = np.zeros((DIMENSIONS + 1, len(intents)), dtype=np.float32)
        weights = []
        for left_out in (-1, *range(FOLDS)):
            rows = part != left_out
            found = regress(x[rows], y[rows], start, _C, _STEPS, _IMPORTANCE)
            weights.append(np.vstack([found[0], found[1][None]]))
        return cls(intents, list(folders), np.array(centres, dtype=np.float32), np.array(weights, dtype=np.float32))

    def start(self, intents: List[str], left_out: Optional[int] = None) -> np.ndarray:
        """Weights and bias, (385, len(intents)), of these intents; an intent nobody else has begins at nothing."""
        found = np.zeros((DIMENSIONS + 1, len(intents)), dtype=np.float32)
        weights = self.weights[0 if left_out is None else 1 + left_out]
        for column, intent in enumerate(intents):
            if intent in self.intents:
                found[:, column] = weights[:, self.intents.index(intent)]
        return found

    def anywhere(self) -> EmbeddingHead:
        """For sentences in whatever language, in the order of `intents`."""
        return EmbeddingHead(self.centres.mean(axis=0), self.weights[0][:-1], self.weights[0][-1])

    def save(self, path: Path) -> None:
        """Write to `path`, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(f".{os.getpid()}.npz")
        np.savez(
            scratch,
            intents=np.array(self.intents),
            languages=np.array(self.languages),
            centres=self.centres,
            weights=self.weights.astype(np.float16),
        )
        os.replace(scratch, path)

    @classmethod
    def load(cls, path: Path) -> PooledHead:
        """Read what `save` wrote; raises OSError or ValueError."""
        with np.load(path) as data:
            return cls(
                [str(name) for name in data["intents"]],
                [str(name) for name in data["languages"]],
                data["centres"],
                data["weights"].astype(np.float32),
            )
