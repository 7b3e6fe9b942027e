"""Finds entities by the words listed for them in `entities.yml`, however they are accented, cased or prefixed."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Text

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.text import fold

# Arabic writes 'and', 'in', 'with', 'for', 'like' and 'the' as one word with the noun.
_ARABIC_PREFIXES = ("", "و", "ب", "ل", "ف", "ك", "ال", "وال", "بال", "فال", "كال", "لل", "ه", "عال")
_WORD = re.compile(r"\w+(?:['’]\w+)?")
_LONGEST = 5


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class LookupEntityExtractor(GraphComponent, EntityExtractorMixin):
    """Longest listed phrase first; its value is the synonym's. Of the types it looks up, and wherever it finds
    something, it overrules earlier extractors.

    Rasa's RegexEntityExtractor compares letters exactly, so it misses 'prep' as 'PrEP', 'depistage' and 'بفرنسا'.
    """

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """`entities`: the types looked up; `confirmed`: those that count only where the trained extractor before this
        one marked the same words, because the words alone do not tell ('I am in Mali', 'I come from Mali'); `learnt`:
        those of which the trained extractor also finds words that are not listed."""
        return {
            "entities": ["service", "country", "language", "population", "time"],
            "confirmed": ["country"],
            "learnt": ["time"],
        }

    def __init__(self, config: Dict[Text, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = model_storage
        self._resource = resource
        self._phrases: Dict[Text, List[List[Text]]] = {}

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> LookupEntityExtractor:
        """Creates an untrained component (see parent class for full docstring)."""
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Collect the lookup lists and synonyms of the training data."""
        synonyms = {_key(word): value for word, value in training_data.entity_synonyms.items()}
        for table in training_data.lookup_tables:
            if table["name"] in self._config["entities"] and isinstance(table["elements"], list):
                for phrase in table["elements"]:
                    key = _key(phrase)
                    if key:
                        # The same word may be two things ('Français' a language, 'France' a country): both are kept.
                        self._phrases.setdefault(key, []).append([table["name"], synonyms.get(key, phrase)])
        with self._storage.write_to(self._resource) as directory:
            (directory / "phrases.json").write_text(json.dumps(self._phrases, ensure_ascii=False), encoding="utf-8")
        return self._resource

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> LookupEntityExtractor:
        """Loads a trained component (see parent class for full docstring)."""
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as directory:
            component._phrases = json.loads((directory / "phrases.json").read_text(encoding="utf-8"))
        return component

    def process(self, messages: List[Message]) -> List[Message]:
        """Add what is found to every message's entities."""
        for message in messages:
            earlier = message.get(ENTITIES, [])
            found = [
                entity
                for entity in self.add_extractor_name(self.find(message.get(TEXT) or ""))
                if entity["entity"] not in self._config["confirmed"]
                or any(_overlap(entity, e) and e["entity"] == entity["entity"] for e in earlier)
            ]
            kept = [
                entity
                for entity in earlier
                if (entity["entity"] not in self._config["entities"] or entity["entity"] in self._config["learnt"])
                and not any(_overlap(entity, f) for f in found)
            ]
            message.set(ENTITIES, kept + found, add_to_output=True)
        return messages

    def find(self, text: Text) -> List[Dict[Text, Any]]:
        """Entities with `entity, value, start, end`, left to right, none inside another."""
        tokens = [(match.start(), match.end(), _key(match.group())) for match in _WORD.finditer(text)]
        found: List[Dict[Text, Any]] = []
        position = 0
        while position < len(tokens):
            for length in range(min(_LONGEST, len(tokens) - position), 0, -1):
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

    def _entries(self, key: Text) -> List[List[Text]]:
        for prefix in _ARABIC_PREFIXES:
            if key.startswith(prefix) and len(key) - len(prefix) > 2 or not prefix:
                entries = self._phrases.get(key[len(prefix) :])
                if entries:
                    return entries
        # A plural or possessive of a listed word in Latin script.
        if len(key) > 4 and key[-1] == "s":
            return self._phrases.get(key[:-1], [])
        return []


def _key(phrase: Text) -> Text:
    return " ".join(_WORD.findall(fold(phrase).replace("-", " ")))


def _overlap(one: Dict[Text, Any], other: Dict[Text, Any]) -> bool:
    return one["start"] < other["end"] and other["start"] < one["end"]
