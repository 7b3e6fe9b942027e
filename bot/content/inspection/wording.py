"""Words that are not to be said (content/wording.yml), and what to say instead."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import yaml

FILE = "wording.yml"


class WordingFault(ValueError):
    """A list of words that cannot be read; the message is for those who keep it."""


@dataclass(frozen=True)
class Avoided:
    """`said` as it stands in the list, what to say `instead`, and where it is `found`."""

    said: str
    instead: str
    found: re.Pattern[str]


def load(folder: Path, language: str) -> list[Avoided]:
    """The words to avoid in a language; none without a list. Raises WordingFault."""
    path = folder / FILE
    try:
        lists = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except FileNotFoundError:
        return []
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise WordingFault(f"{folder.name}/{FILE}: cannot be read (a missing quote or a wrong indent?)") from error
    words = (lists.get(language) if isinstance(lists, dict) else None) or {}
    if not isinstance(words, dict) or not all(isinstance(one, str) for pair in words.items() for one in pair):
        raise WordingFault(f'{folder.name}/{FILE}: {language}: expected lines of the form "not this": "but this"')
    return [Avoided(said, instead, _pattern(said)) for said, instead in words.items()]


def avoided(text: str, words: list[Avoided]) -> list[Avoided]:
    """Which of `words` a text says, however large it is spelt, and with hyphens too."""
    folded = _fold(text)
    return [word for word in words if word.found.search(folded)]


def _pattern(said: str) -> re.Pattern[str]:
    parts = [re.escape(_fold(part.rstrip("*"))) + (r"\w*" if part.endswith("*") else "") for part in said.split()]
    return re.compile(r"(?<!\w)" + " ".join(parts) + r"(?!\w)")


def _fold(text: str) -> str:
    # Accents stay ('drogue' is not 'drogué'); vowel signs that Arabic may have or not, do not.
    composed = unicodedata.normalize("NFC", text.casefold())
    kept = "".join(letter for letter in composed if not unicodedata.combining(letter))
    return " ".join(re.findall(r"\w+", kept))
