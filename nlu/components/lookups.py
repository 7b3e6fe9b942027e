"""Entities by the words listed for them in `entities.yml`, however they are accented, cased or prefixed.

Rasa's RegexEntityExtractor compares letters exactly, so it misses 'prep' as 'PrEP', 'depistage' and 'بفرنسا'.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Dict, List, Text

from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.text import fold

# Arabic writes 'and', 'in', 'with', 'for', 'like' and 'the' as one word with the noun.
_ARABIC_PREFIXES = ("", "و", "ب", "ل", "ف", "ك", "ال", "وال", "بال", "فال", "كال", "لل", "ه", "عال")
_ARABIC = "\u0600"
"""Texts that sort before it begin with no Arabic letter."""
_WORD = re.compile(r"\w+(?:['’]\w+)?")
_LONGEST = 5


class Lookups:
    """`phrases`: a listed phrase, folded, to its [entity, value] pairs."""

    def __init__(self, phrases: Dict[Text, List[List[Text]]]) -> None:
        self.phrases = phrases
        self._lengths: Dict[Text, int] = {}
        """How many words the longest phrase has that begins with this one."""
        for phrase in phrases:
            words = phrase.split()
            self._lengths[words[0]] = max(self._lengths.get(words[0], 0), min(len(words), _LONGEST))

    @classmethod
    def collect(cls, training_data: TrainingData, entities: List[Text]) -> Lookups:
        """The lookup tables of these entities, each phrase with its synonym as the value."""
        synonyms = {_key(word): value for word, value in training_data.entity_synonyms.items()}
        phrases: Dict[Text, List[List[Text]]] = {}
        for table in training_data.lookup_tables:
            if table["name"] in entities and isinstance(table["elements"], list):
                for phrase in table["elements"]:
                    key = _key(phrase)
                    if key:
                        # The same word may be two things ('Français' a language, 'France' a country): both are kept.
                        phrases.setdefault(key, []).append([table["name"], synonyms.get(key, phrase)])
        return cls(phrases)

    def find(self, text: Text) -> List[Dict[Text, Any]]:
        """Entities with `entity, value, start, end`, left to right, the longest phrase first, none inside another."""
        tokens = [(match.start(), match.end(), _word_key(match.group())) for match in _WORD.finditer(text)]
        found: List[Dict[Text, Any]] = []
        position = 0
        while position < len(tokens):
            for length in range(min(self._longest(tokens[position][2]), len(tokens) - position), 0, -1):
                span = tokens[position : position + length]
                entries = self._entries(" ".join(key for _, _, key in span))
                if entries:
                    start, end = span[0][0], span[-1][1]
                    found += [{"entity": e, "value": v, "start": start, "end": end} for e, v in entries]
                    position += length
                    break
            else:
                position += 1
        return found

    def _longest(self, first: Text) -> int:
        """At most so many words can be one listed phrase that begins with `first`; a plural may be one alone."""
        return max(1, *(self._lengths.get(stem, 0) for stem in _stems(first)))

    def _entries(self, key: Text) -> List[List[Text]]:
        for stem in _stems(key):
            entries = self.phrases.get(stem)
            if entries:
                return entries
        # A plural or possessive of a listed word in Latin script.
        if len(key) > 4 and key[-1] == "s":
            return self.phrases.get(key[:-1], [])
        return []


def _stems(key: Text) -> List[Text]:
    """The phrase, and without each Arabic prefix it may begin with."""
    if key < _ARABIC:
        return [key]
    return [key[len(p) :] for p in _ARABIC_PREFIXES if not p or (key.startswith(p) and len(key) - len(p) > 2)]


@lru_cache(maxsize=10_000)
def _word_key(word: Text) -> Text:
    return _key(word)


def _key(phrase: Text) -> Text:
    return " ".join(_WORD.findall(fold(phrase).replace("-", " ")))
