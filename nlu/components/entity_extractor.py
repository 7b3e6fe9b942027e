"""Entities of a message: what is listed, what the trained field marks, and which of the two to believe."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Text, Tuple

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.components.lookups import Lookups
from nlu.components.sequence_tagger import Entities, SequenceTagger

_PHRASES, _MARKED = "phrases.json", "marked.crfsuite"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class EntityExtractor(GraphComponent, EntityExtractorMixin):
    """Sets `entities`; needs no featurizer."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """`listed`: the types looked up. `learnt`: those learnt from marked examples, too; what is listed wins where
        both found something. `confirmed`: listed types that count only where the same words are also marked, because
        the words alone do not tell ('I am in Mali', 'I come from Mali'). `plain_share`: sentences without a mark that
        are shown for each one that has some. `sure`: the probability from which a word counts as marked."""
        return {
            "listed": ["service", "country", "language", "population", "time"],
            "learnt": ["place", "country", "time"],
            "confirmed": {"country": 0.85},
            "plain_share": 2.0,
            "sure": 0.5,
            "iterations": 60,
        }

    def __init__(self, config: Dict[Text, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = model_storage
        self._resource = resource
        self._lookups = Lookups({})
        self._tagger: Optional[SequenceTagger] = None

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> EntityExtractor:
        """Creates an untrained component (see parent class for full docstring)."""
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Collect the lists; learn from the marks; save both."""
        self._lookups = Lookups.collect(training_data, self._config["listed"])
        examples = self._examples(training_data)
        with self._storage.write_to(self._resource) as directory:
            phrases = json.dumps(self._lookups.phrases, ensure_ascii=False)
            (directory / _PHRASES).write_text(phrases, encoding="utf-8")
            if examples:
                SequenceTagger.train(directory / _MARKED, examples, self._config["iterations"])
        return self._resource

    def _examples(self, training_data: TrainingData) -> List[Tuple[Text, Entities, Entities]]:
        """Every sentence with a mark and, evenly, some of the others."""
        marked, plain = [], []
        for example in training_data.intent_examples:
            found = [entity for entity in example.get(ENTITIES, []) if entity["entity"] in self._config["learnt"]]
            (marked if found else plain).append((example.get(TEXT), found))
        step = max(1, int(len(plain) / (self._config["plain_share"] * max(1, len(marked)))))
        return [(text, found, self._lookups.find(text)) for text, found in marked + plain[::step]] if marked else []

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> EntityExtractor:
        """Loads a trained component (see parent class for full docstring)."""
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as directory:
            component._lookups = Lookups(json.loads((directory / _PHRASES).read_text(encoding="utf-8")))
            if (directory / _MARKED).is_file():
                component._tagger = SequenceTagger((directory / _MARKED).read_bytes(), config["sure"])
        return component

    def process(self, messages: List[Message]) -> List[Message]:
        """Add what is found to every message's entities."""
        for message in messages:
            found = self.add_extractor_name(self.find(message.get(TEXT) or ""))
            message.set(ENTITIES, message.get(ENTITIES, []) + found, add_to_output=True)
        return messages

    def find(self, text: Text) -> Entities:
        """Entities with `entity, value, start, end`."""
        listed = self._lookups.find(text)
        marked = self._tagger.find(text, listed) if self._tagger else []
        believed = [
            entity
            for entity in listed
            if entity["entity"] not in self._config["confirmed"] or any(self._confirms(mark, entity) for mark in marked)
        ]
        # A country that is not listed has no code to answer with; a place or a time in people's own words has a use.
        own_words = [m for m in marked if m["entity"] not in self._config["confirmed"] and len(m["value"]) > 1]  # 'U=U'
        return believed + [mark for mark in own_words if not any(_overlap(mark, entity) for entity in believed)]

    def _confirms(self, mark: Dict[Text, Any], entity: Dict[Text, Any]) -> bool:
        kind = entity["entity"]
        enough = mark["confidence_entity"] >= self._config["confirmed"][kind]
        return mark["entity"] == kind and enough and _overlap(mark, entity)


def _overlap(one: Dict[Text, Any], other: Dict[Text, Any]) -> bool:
    return one["start"] < other["end"] and other["start"] < one["end"]
