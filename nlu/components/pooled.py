"""What the intents mean in all languages together: where every language's own half begins, and what a language that is
not shipped is understood by."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List, Tuple

import numpy as np

from nlu.components.embeddings import EmbeddingHead, regress
from nlu.components.examples import balanced, is_held_out, languages_examples, thinned
from nlu.encoder import DIMENSIONS, Shelf

_C, _STEPS = 120.0, 60

_READ = 30
"""Sentences of an intent and language that the encoder reads. All of them, three times as many, take four minutes
instead of one and are no better on strangers' sentences once the n-grams, which see all, have their half."""


def read(examples: List[Tuple[str, str]]) -> List[Tuple[str, str]]:
    """The (text, intent) of a language's training sentences that the careful half learns from."""
    return thinned(balanced(examples), _READ)


class PooledHead:
    """A regression on the centred embeddings of every language's sentences.

    `weights` has shape (2, 385, intents): of all sentences, then of all but those held out, so that a language can see
    how sure to be with weights that have not seen them. `centres`, (languages, 384), are the mean embeddings of the
    languages.
    """

    def __init__(self, intents: List[str], languages: List[str], centres: np.ndarray, weights: np.ndarray) -> None:
        self.intents, self.languages, self.centres, self.weights = intents, languages, centres, weights

    @classmethod
    def train(cls, root: Path, shelf: Shelf) -> PooledHead:
        """Fit on every language folder under `root`."""
        folders = {code: read(examples) for code, examples in languages_examples(root).items()}
        intents = sorted({intent for examples in folders.values() for _, intent in examples})
        index = {intent: number for number, intent in enumerate(intents)}
        vectors, labels, seen, centres = [], [], [], []
        for examples in folders.values():
            own = shelf.encode([text for text, _ in examples])
            centres.append(own.mean(axis=0))
            vectors.append(own - centres[-1])
            labels += [index[intent] for _, intent in examples]
            seen += [not is_held_out(text) for text, _ in examples]
        x, y, seen = np.vstack(vectors), np.array(labels), np.array(seen)
        start = np.zeros((DIMENSIONS + 1, len(intents)), dtype=np.float32)
        weights = []
        for rows in (np.full(len(y), True), seen):
            found = regress(x[rows], y[rows], start, _C, _STEPS)
            weights.append(np.vstack([found[0], found[1][None]]))
        return cls(intents, list(folders), np.array(centres, dtype=np.float32), np.array(weights, dtype=np.float32))

    def start(self, intents: List[str], draft: bool = False) -> np.ndarray:
        """Weights and bias, (385, len(intents)), of these intents; an intent nobody else has begins at nothing.

        Those of a draft have not seen what is held out.
        """
        found = np.zeros((DIMENSIONS + 1, len(intents)), dtype=np.float32)
        weights = self.weights[int(draft)]
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
