"""Sentence embeddings shared by all languages, behind a small protocol.

The one shipped (nlu/e5.py) comes whole from PyPI: nothing is fetched at run time. Some 10 ms of processor time a
message, so every embedding is kept: in memory while the engine runs, on disk between trainings.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Callable, List, Protocol

import numpy as np

DIMENSIONS = 384
_MEMORY = 20_000
_KEPT_AT_ONCE = 4_000  # a training that is stopped loses no more than these


Progress = Callable[[int], object]
"""Told how many were done since the last call."""


class Vectors(Protocol):
    """Turns sentences into unit vectors."""

    def encode(self, texts: List[str], progress: Progress = ...) -> np.ndarray:
        """Return float32 of shape (len(texts), DIMENSIONS), rows of length 1; tell `progress` how many are done."""


class Encoder(Vectors, Protocol):
    """One whose vectors are kept under its name."""

    name: str


class SharedEncoder:
    """The engine's one encoder: loaded on first use, remembers what it was asked lately, safe from several threads."""

    def __init__(self, name: str, make: Callable[[], Vectors]) -> None:
        self.name = name
        self._make = make
        self._encoder: Vectors | None = None
        self._lock = threading.Lock()
        self._memory: OrderedDict[str, np.ndarray] = OrderedDict()

    def load(self) -> Vectors:
        """The encoder itself; loads the weights now rather than at the first message."""
        with self._lock:
            if self._encoder is None:
                self._encoder = self._make()
            return self._encoder

    def encode(self, texts: List[str], progress: Progress = lambda count: None) -> np.ndarray:
        """As Vectors.encode; nothing of it is remembered."""
        return self.load().encode(texts, progress)

    def one(self, text: str) -> np.ndarray:
        """The vector of one text, float32 of shape (DIMENSIONS,)."""
        encoder = self.load()
        with self._lock:
            vector = self._memory.get(text)
            if vector is None:
                vector = self._memory[text] = encoder.encode([text])[0]
                if len(self._memory) > _MEMORY:
                    self._memory.popitem(last=False)
            else:
                self._memory.move_to_end(text)
            return vector


class Shelf:
    """Embeddings of training sentences on disk, so that only new sentences cost time."""

    def __init__(self, path: Path, encoder: Encoder) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._encoder = encoder
        self._db = sqlite3.connect(path, timeout=60)
        self._db.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB)")

    def encode(self, texts: List[str], progress: Progress = lambda count: None) -> np.ndarray:
        """Embeddings of `texts` in order, float32 of shape (len(texts), DIMENSIONS); new ones are kept.

        `progress` is told how many new ones were made since the last call.
        """
        missing = [text for text in dict.fromkeys(texts) if self._get(text) is None]
        for start in range(0, len(missing), _KEPT_AT_ONCE):
            part = missing[start : start + _KEPT_AT_ONCE]
            self._put(part, self._encoder.encode(part, progress))
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = np.frombuffer(self._get(text), dtype=np.float32)
        return vectors

    def count_missing(self, texts: List[str]) -> int:
        """How many different ones of `texts` are not on the shelf."""
        return sum(self._get(text) is None for text in set(texts))

    def _put(self, texts: List[str], vectors: np.ndarray) -> None:
        rows = [(self._key(text), vector.astype(np.float32).tobytes()) for text, vector in zip(texts, vectors)]
        with self._db:
            self._db.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)

    def _get(self, text: str) -> bytes | None:
        row = self._db.execute("SELECT vector FROM vectors WHERE key = ?", (self._key(text),)).fetchone()
        return row and row[0]

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(f"{self._encoder.name}\0{text}".encode()).digest()[:16]


def _e5() -> Vectors:
    from nlu.e5 import E5

    return E5()


ENCODER = SharedEncoder("multilingual-e5-small-q8", _e5)
"""All languages share it, in training and for messages as they come."""
