"""Intent classifier for short messages: n-grams first, sentence meaning when they are unsure.

Measured on four public multilingual sets with at most 20 examples an intent: n-grams alone 91.2 / 92.3 / 84.4 / 48.4 %,
embeddings alone 86.1 / 90.6 / 88.8 / 71.3 %, both averaged 93.1 / 93.7 / 91.1 / 72.3 %. Rasa's DIET: 72-91 %.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List, Optional, Text

import marisa_trie
import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.components.calibration import Blend, calibrate, sharpened
from nlu.components.embeddings import EmbeddingHead
from nlu.components.examples import balanced, is_held_out
from nlu.components.ngrams import NgramHead, NgramTrainer, features
from nlu.components.pooled import PooledHead, read
from nlu.encoder import ENCODER, Shelf
from nlu.text import clean

_RANKING = 10

DANGER = "danger"
"""Output: the likeliest of the dangers where they are likely enough together, or None."""

FAMILIARITY = "familiarity"
"""Output: how much of the wording was seen in training, 0..1 (NgramHead.familiarity)."""

STRANGE = "strange"
"""Output: whether it is one or two words that training has never seen (NgramHead.is_strange)."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class CascadeClassifier(GraphComponent, IntentClassifier):
    """Sets `intent` and `intent_ranking` with calibrated confidences; needs no tokenizer and no featurizer."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """See nlu/config.yml for what each setting does."""
        return {
            "dangers": [],
            "danger_alarms": 0.03,
            "others": "nlu/data",
            "pooled": "pooled.npz",
            "embeddings": "models/embeddings.sqlite",
        }

    def __init__(
        self,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> None:
        self._config = config
        self._storage = model_storage
        self._resource = resource
        self.intents: List[Text] = []
        self._dangers: List[int] = []
        self._ngrams: NgramHead = None
        self._embeddings: EmbeddingHead = None
        self.blend = Blend()

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> CascadeClassifier:
        """Creates an untrained component (see parent class for full docstring)."""
        return cls(config, model_storage, resource, execution_context)

    def train(self, training_data: TrainingData) -> Resource:
        """Train both halves, and drafts of them that show how to blend them; save; return the resource."""
        every = list(dict.fromkeys((clean(e.get(TEXT)), e.get(INTENT)) for e in training_data.intent_examples))
        examples = balanced(every)
        self._know(sorted({intent for _, intent in examples}))
        index = {intent: number for number, intent in enumerate(self.intents)}
        labels = np.array([index[intent] for _, intent in examples])
        unseen = np.array([is_held_out(text) for text, _ in examples])  # by the drafts
        chosen = set(read(every))
        rows = np.array([row for row, example in enumerate(examples) if example in chosen])
        seen = ~unseen[rows]
        ngrams = NgramTrainer([text for text, _ in examples], labels, len(self.intents))
        # liblinear lets go of the interpreter: both at once where there is a second core for this process.
        with ThreadPoolExecutor(int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)) as pool:
            whole = pool.submit(ngrams.fit, np.arange(len(labels)))
            draft = pool.submit(ngrams.fit, np.flatnonzero(~unseen))
            self._ngrams, draft = whole.result(), draft.result()

        shelf = Shelf(Path(self._config["embeddings"]), ENCODER)
        vectors, pooled = shelf.encode([examples[row][0] for row in rows]), self._pooled_head(shelf)
        self._embeddings = EmbeddingHead.train(vectors, labels[rows], pooled.start(self.intents))
        careful = EmbeddingHead.train(vectors[seen], labels[rows[seen]], pooled.start(self.intents, draft=True))

        self.blend = calibrate(
            ngrams.scores(draft, np.flatnonzero(unseen)),
            labels[unseen],
            careful.scores(vectors[~seen]),
            np.isin(np.flatnonzero(unseen), rows),
            self._dangers,
            self._config["danger_alarms"],
        )
        self._ngrams.temperature = self.blend.ngram_temperature
        self._embeddings.temperature = self.blend.embedding_temperature
        self._save()
        return self._resource

    def _know(self, intents: List[Text]) -> None:
        self.intents = intents
        self._dangers = [number for number, intent in enumerate(intents) if intent in self._config["dangers"]]

    def _pooled_head(self, shelf: Shelf) -> PooledHead:
        path = Path(os.environ.get("FAROL_MODELS", "models")) / self._config["pooled"]
        if not path.is_file():
            PooledHead.train(Path(self._config["others"]), shelf).save(path)
        return PooledHead.load(path)

    def process(self, messages: List[Message]) -> List[Message]:
        """Set the intent of every message."""
        for message in messages:
            text = clean(message.get(TEXT) or "")
            pieces = features(text)
            probabilities = self.probabilities(text, pieces)
            best = np.argsort(-probabilities)[:_RANKING]
            ranking = [{"name": self.intents[i], "confidence": float(probabilities[i])} for i in best]
            message.set(INTENT, ranking[0], add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
            message.set(DANGER, self._danger(probabilities), add_to_output=True)
            message.set(FAMILIARITY, round(self._ngrams.familiarity(pieces), 3), add_to_output=True)
            message.set(STRANGE, self._ngrams.is_strange(pieces), add_to_output=True)
        return messages

    def probabilities(self, text: str, pieces: List[Text]) -> np.ndarray:
        """Calibrated probability of each of `intents` for a clean text and its n-grams; the encoder is asked only when
        in doubt."""
        fast = self._ngrams.probabilities(pieces)
        if fast.max() >= self.blend.gate:
            return sharpened(fast)
        careful = self._embeddings.probabilities(ENCODER.one(text)[None])[0]
        return sharpened(self.blend.ngram_share * fast + (1 - self.blend.ngram_share) * careful)

    def _danger(self, probabilities: np.ndarray) -> Optional[Text]:
        if not self._dangers or probabilities[self._dangers].sum() < self.blend.danger:
            return None
        return self.intents[max(self._dangers, key=lambda number: probabilities[number])]

    def _save(self) -> None:
        ngrams = self._ngrams.packed()
        with self._storage.write_to(self._resource) as directory:
            np.savez(
                directory / "weights.npz",
                vocabulary=np.frombuffer(ngrams.vocabulary.tobytes(), dtype=np.uint8),
                idf=ngrams.idf,
                ngram_weights=ngrams.weights,
                ngram_bias=ngrams.bias,
                centre=self._embeddings.centre,
                embedding_weights=self._embeddings.weights,
                embedding_bias=self._embeddings.bias,
            )
            about = {"intents": self.intents, "blend": self.blend.to_json()}
            (directory / "about.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> CascadeClassifier:
        """Loads a trained component (see parent class for full docstring)."""
        component = cls(config, model_storage, resource, execution_context)
        with model_storage.read_from(resource) as directory:
            about = json.loads((directory / "about.json").read_text(encoding="utf-8"))
            weights = np.load(directory / "weights.npz")
            component._know(about["intents"])
            component.blend = Blend(**about["blend"])
            component._ngrams = NgramHead(
                marisa_trie.Trie().frombytes(weights["vocabulary"].tobytes()),
                weights["idf"],
                weights["ngram_weights"],
                weights["ngram_bias"],
                component.blend.ngram_temperature,
            )
            component._embeddings = EmbeddingHead(
                weights["centre"],
                weights["embedding_weights"],
                weights["embedding_bias"],
                component.blend.embedding_temperature,
            )
        return component
