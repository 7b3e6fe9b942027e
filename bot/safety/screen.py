"""Recognises explicit signs of danger, and the words that must always work, without engine or database.

The rules are content (content/safety/<language>.yml, how they are compared is explained there) and are tried in every
language, because somebody in danger may write in another than before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from bot.safety.phrases import Phrases, fold

CRISES = ("crisis_suicide", "medical_emergency", "violence", "trafficking", "pep_urgent")
"""In the order they are answered when a message shows several."""

WORDS = ("stop", "start", "erase", "quick_exit", "help")


@dataclass(frozen=True)
class Sign:
    """What was recognised, and in which language's rules."""

    name: str
    language: str


class Screen:
    """All languages' rules, compiled. `crisis` and `word` take the raw text of a message."""

    def __init__(self, rules: dict[str, dict]) -> None:
        self._compile(rules)

    def adopt(self, other: Screen) -> None:
        """Go by the rules of another screen from now on."""
        self.__dict__.update(other.__dict__)

    def _compile(self, rules: dict[str, dict]) -> None:
        entries = {
            name: [(language, about["crisis"][name]) for language, about in rules.items() if name in about["crisis"]]
            for name in CRISES
        }
        # Exceptions hold across languages: 'kms' is despair in English and kilometres in French.
        self._exceptions = {
            name: Phrases((phrase, language) for language, entry in found for phrase in entry.get("not") or [])
            for name, found in entries.items()
        }
        self._crises = {
            name: Phrases((phrase, language) for language, entry in found for phrase in entry["phrases"])
            for name, found in entries.items()
        }
        self._words: dict[str, dict[str, Sign]] = {}
        for language, about in rules.items():
            for name in WORDS:
                for phrase in about["words"].get(name) or []:
                    self._words.setdefault(fold(phrase), {}).setdefault(language, Sign(name, language))

    def crisis(self, text: str, first: str | None = None) -> Sign | None:
        """The most urgent sign in a text; of several languages that show it `first`, or the one that shows most of it."""
        words = fold(text).split()
        for name in CRISES:
            languages = self._crises[name].find(words)
            # Hardly any message shows a sign, so the exceptions are looked at last.
            if languages:
                languages = self._crises[name].find(self._exceptions[name].without(words))
            if languages:
                return Sign(name, first if first in languages else languages.most_common(1)[0][0])
        return None

    def word(self, text: str, first: str | None = None) -> Sign | None:
        """The compliance word a whole message consists of: of several languages that have it, `first`'s or the first."""
        signs = self._words.get(fold(text))
        return signs and (signs.get(first) or next(iter(signs.values())))


def load_screen(folder: Path, languages: Iterable[str] = ()) -> Screen:
    """Read the rules of `languages`, or of all there are; raises ValueError naming file and entry, or the one without."""
    rules = {}
    languages = list(languages)
    # In the order of the languages, or of the names: where a word belongs to several, the first has it.
    paths = [folder / f"{language}.yml" for language in languages] if languages else sorted(folder.glob("*.yml"))
    for path in paths:
        if not path.is_file():
            continue
        try:
            about = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: cannot be read (a missing quote or a wrong indent?): {error}") from error
        if not isinstance(about, dict):
            raise ValueError(f"{path}: expected entries of the form `name: value`")
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
