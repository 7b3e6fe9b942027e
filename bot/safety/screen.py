"""Recognises explicit signs of danger, and the words that must always work, without engine or database.

The rules are content (content/safety/<language>.yml, how they are compared is explained there) and are tried in every
language, because somebody in danger may write in another than before. All patterns are built from escaped words and
bounded gaps, so a long message takes time in proportion to its length.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

CRISES = ("crisis_suicide", "medical_emergency", "violence", "trafficking", "pep_urgent")
"""In the order they are answered when a message shows several."""

WORDS = ("stop", "start", "erase", "quick_exit")

_LIMIT = 4096
_ARABIC = str.maketrans(
    {"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ئ": "ي", "ؤ": "و", "ة": "ه", "ک": "ك", "ی": "ي"}
)
_MARKS = re.compile("[\u0640\u200b-\u200f\u202a-\u202e\u2060-\u2069'’‘`´]")


@dataclass(frozen=True)
class Sign:
    """What was recognised, and in which language's rules."""

    name: str
    language: str


class Screen:
    """All languages' rules, compiled. `crisis` and `word` take the raw text of a message."""

    def __init__(self, rules: dict[str, dict]) -> None:
        entries = {
            name: [(language, about["crisis"][name]) for language, about in rules.items() if name in about["crisis"]]
            for name in CRISES
        }
        # Exceptions hold across languages: 'kms' is despair in English and kilometres in French.
        self._exceptions = {
            name: _any([phrase for _, entry in found for phrase in entry.get("not") or []])
            for name, found in entries.items()
        }
        self._crises = {
            name: [(language, _any(entry["phrases"])) for language, entry in found] for name, found in entries.items()
        }
        self._words = {
            fold(phrase): Sign(name, language)
            for language, about in rules.items()
            for name in WORDS
            for phrase in about["words"].get(name) or []
        }

    def crisis(self, text: str, first: str | None = None) -> Sign | None:
        """The most urgent sign in a text; of several languages that show it, `first` if it is among them."""
        folded = fold(text)
        for name in CRISES:
            exceptions = self._exceptions[name]
            left = exceptions.sub(" ; ", folded) if exceptions else folded
            languages = [language for language, phrases in self._crises[name] if phrases.search(left)]
            if languages:
                return Sign(name, first if first in languages else languages[0])
        return None

    def word(self, text: str) -> Sign | None:
        """The compliance word a whole message consists of."""
        return self._words.get(fold(text))


def load_screen(folder: Path, languages: Iterable[str] = ()) -> Screen:
    """Read every language's rules; raises ValueError naming file and entry, or the one of `languages` without rules."""
    rules = {}
    for path in sorted(folder.glob("*.yml")):
        about = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        for name, entry in (about.get("crisis") or {}).items():
            if name not in CRISES:
                raise ValueError(f"{path}: crisis '{name}' is not one of {', '.join(CRISES)}")
            if not entry.get("phrases") or not all(isinstance(p, str) and p.strip() for p in entry["phrases"]):
                raise ValueError(f"{path}: crisis '{name}' needs phrases, each a text in quotes")
        missing = [name for name in WORDS if not (about.get("words") or {}).get(name)]
        if missing:
            raise ValueError(f"{path}: words '{missing[0]}' is missing")
        rules[path.stem] = about
    missing_rules = [language for language in languages if language not in rules]
    if missing_rules or not rules:
        raise ValueError(f"{folder}: no rules for '{(missing_rules or ['any language'])[0]}', expected <language>.yml")
    return Screen(rules)


def fold(text: str) -> str:
    """A text as the rules compare it: small letters, no accents, no punctuation, one form of each Arabic letter."""
    text = unicodedata.normalize("NFKD", _MARKS.sub("", text[:_LIMIT].lower()))
    text = "".join(c for c in text if not unicodedata.combining(c)).translate(_ARABIC)
    text = text.replace("œ", "oe")
    return " ".join(re.findall(r"\w+", re.sub(r"(.)\1{2,}", r"\1\1", text)))


def _any(phrases: list[str]) -> re.Pattern | None:
    if not phrases:
        return None
    patterns = {_pattern(phrase) for phrase in phrases}
    return re.compile(r"(?<!\w)(?:" + "|".join(sorted(patterns, key=len, reverse=True)) + r")(?!\w)")


def _pattern(phrase: str) -> str:
    parts = []
    for part in phrase.replace("...", " … ").split():
        if part == "…":
            # Up to three words in between; possessive-free but bounded, so matching stays linear.
            parts.append(r"(?: \w+){0,3}")
            continue
        ending = r"\w*" if part.endswith("*") else ""
        words = fold(part.rstrip("*")).split()
        parts.append(" ".join(map(re.escape, words)) + ending)
    pattern = ""
    for part in parts:
        pattern += part if part.startswith("(?:") or not pattern else " " + part
    return pattern
