"""One Rasa NLU model per language, loaded once, called without dask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rasa.core.channels.channel import UserMessage
from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.core.trackers import DialogueStateTracker

from nlu.components.calibration import ACCEPT
from nlu.components.cascade_classifier import DANGER, FAMILIARITY, STRANGE
from nlu.runner import load_model


class Parser:
    """A language's NLU model: text in, intent, ranking and entities out."""

    accept = ACCEPT

    def __init__(self, model: Path) -> None:
        self._metadata, self._runner = load_model(model)
        self._tracker = DialogueStateTracker.from_events("", [])

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
            STRANGE: found.get(STRANGE, False),
        }
