"""One Rasa NLU model per language, loaded once, called without dask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rasa.core.channels.channel import UserMessage
from rasa.engine.loader import load_predict_graph_runner
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.common import TempDirectoryPath, get_temp_dir_name

from nlu.components.calibration import ACCEPT
from nlu.components.cascade_classifier import DANGER, FAMILIARITY, CascadeClassifier
from nlu.runner import SequentialGraphRunner
from nlu.text import fold, words


class Parser:
    """A language's NLU model: text in, intent, ranking and entities out."""

    accept = ACCEPT

    def __init__(self, model: Path) -> None:
        with TempDirectoryPath(get_temp_dir_name()) as directory:
            self._metadata, self._runner = load_predict_graph_runner(
                Path(directory), model, LocalModelStorage, SequentialGraphRunner
            )
        self._tracker = DialogueStateTracker.from_events("", [])
        components = map(self._runner.component, self._metadata.predict_schema.nodes)
        self._seen = next((c._ngrams.vocabulary for c in components if isinstance(c, CascadeClassifier)), None)

    def parse(self, text: str) -> dict[str, Any]:
        """Rasa's parse of a clean text: `text, intent, intent_ranking, entities, danger, familiarity, strange`.

        A leading slash would make Rasa read the text as a command; it is taken off for the parse.
        """
        target = self._metadata.nlu_target
        message = UserMessage(text.lstrip(INTENT_MESSAGE_PREFIX + " ") or "?")
        parsed = self._runner.run({"__message__": [message], "__tracker__": self._tracker}, [target])[target][0]
        found = parsed.as_dict(only_output_properties=True)
        return {
            "text": text,
            "intent": found.get("intent") or {"name": None, "confidence": 0.0},
            "intent_ranking": found.get("intent_ranking", []),
            "entities": found.get("entities", []),
            DANGER: found.get(DANGER),
            FAMILIARITY: found.get(FAMILIARITY, 1.0),
            "strange": self._is_strange(text),
        }

    def _is_strange(self, text: str) -> bool:
        """One or two words that training has never seen: a town, a name, an answer to what was asked."""
        tokens = words(fold(text))
        return self._seen is not None and len(tokens) <= 2 and not any("w" + token in self._seen for token in tokens)

