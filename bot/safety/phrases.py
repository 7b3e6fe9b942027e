"""Phrases of whole words, tens of thousands of them, looked for in a message in one pass.

A tree of words: its branches are words, beginnings of words (`viole*`) and gaps of up to three words (`...`). A
message is compared from each of its words on, so the time grows with the message and hardly with the number of phrases.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

_LIMIT = 4096
_GAP = 3
_ARABIC = str.maketrans(
    {"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ئ": "ي", "ؤ": "و", "ة": "ه", "ک": "ك", "ی": "ي"}
)
_MARKS = re.compile("[\u0640\u200b-\u200f\u202a-\u202e\u2060-\u2069'’‘`´]")


def fold(text: str) -> str:
    """A text as phrases compare it: small letters, no accents, no punctuation, one form of each Arabic letter."""
    text = unicodedata.normalize("NFKD", _MARKS.sub("", text[:_LIMIT].lower()))
    text = "".join(c for c in text if not unicodedata.combining(c)).translate(_ARABIC)
    text = text.replace("œ", "oe").replace("ı", "i")
    return " ".join(re.findall(r"\w+", re.sub(r"(.)\1{2,}", r"\1\1", text)))


class _Node:
    __slots__ = ("beginnings", "gap", "labels", "words")

    def __init__(self) -> None:
        self.words: dict[str, _Node] = {}
        self.beginnings: dict[str, _Node] = {}
        self.gap: _Node | None = None
        self.labels: tuple[str, ...] = ()


class Phrases:
    """A set of phrases, each with a label. Words are given folded and split; None stands for a word of no phrase."""

    def __init__(self, phrases: Iterable[tuple[str, str]]) -> None:
        """`phrases` are (phrase, label), in the notation of content/safety/."""
        self._root = _Node()
        self._folded: dict[str, list[str]] = {}
        for phrase, label in phrases:
            self._add(phrase, label)
        self._folded.clear()

    def find(self, words: list[str | None]) -> Counter[str]:
        """The labels of all phrases in a message, with how many words each label's phrases cover together."""
        found: Counter[str] = Counter()
        for start in range(len(words)):
            for end, labels in _matches(self._root, words, start):
                found.update(dict.fromkeys(labels, end - start))
        return found

    def without(self, words: list[str | None]) -> list[str | None]:
        """The message with the words of each phrase found, the longest first, turned into None."""
        left = list(words)
        start = 0
        while start < len(left):
            end = max((end for end, _ in _matches(self._root, left, start)), default=start)
            left[start:end] = [None] * (end - start)
            start = max(end, start + 1)
        return left

    def _add(self, phrase: str, label: str) -> None:
        node = self._root
        for part in phrase.replace("...", " … ").split():
            if part == "…":
                node.gap = node.gap or _Node()
                node = node.gap
                continue
            if part not in self._folded:
                self._folded[part] = fold(part.rstrip("*")).split() or [""]
            *first, last = self._folded[part]
            for word in first:
                node = node.words.setdefault(word, _Node())
            branches = node.beginnings if part.endswith("*") else node.words
            node = branches.setdefault(last, _Node())
        node.labels = tuple(dict.fromkeys((*node.labels, label)))


def _matches(node: _Node, words: list[str | None], place: int) -> Iterable[tuple[int, tuple[str, ...]]]:
    """(end, labels) of every phrase that goes on from `node` at `place`."""
    if node.labels:
        yield place, node.labels
    if place < len(words) and words[place] is not None:
        word = words[place]
        if word in node.words:
            yield from _matches(node.words[word], words, place + 1)
        if node.beginnings:
            for length in range(1, len(word) + 1):
                if word[:length] in node.beginnings:
                    yield from _matches(node.beginnings[word[:length]], words, place + 1)
    if node.gap:
        for skipped in range(_GAP + 1):
            yield from _matches(node.gap, words, place + skipped)
            if place + skipped >= len(words) or words[place + skipped] is None:
                break
