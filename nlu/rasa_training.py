"""A model trained by Rasa from the files, without the work whose result nobody reads."""

from __future__ import annotations

import functools
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import jsonschema
from rasa.engine.training.hooks import TrainingHook
from rasa.model_training import train_core, train_nlu

from nlu.manifest import DATA, DIALOGUE
from nlu.workshop import TrainingFailed

_EVERYTHING = {"force_full_training": True}


def train_rasa(target: Path) -> None:
    """Make the dialogue's or a language's model; `target` is written whole or not at all."""
    _spare_repetition()
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        # Every training starts from the files: Rasa's cache would keep people from trusting a result.
        os.environ["RASA_CACHE_DIRECTORY"] = str(Path(scratch) / "cache")
        if target.name == DIALOGUE:
            files = "stories/domain.yml", "stories/config.yml", "stories"
            made = train_core(*files, scratch, "model", additional_arguments=_EVERYTHING)
        else:
            files = "nlu/config.yml", str(DATA / target.name.split(".")[0])
            made = train_nlu(*files, scratch, "model", additional_arguments=_EVERYTHING)
        if not made:
            raise TrainingFailed(f"Rasa made no model of {target.name}")
        os.replace(made, target)


def _spare_repetition() -> None:
    """Half the time of a language's training, in this process only: Rasa 3.6.21 proves its own schema to be one for
    each marked entity anew, and takes fingerprints of every step's result for a cache that is thrown away here."""
    jsonschema.validate = _validate
    TrainingHook.on_before_node = lambda self, *args, **kwargs: {}
    TrainingHook.on_after_node = lambda self, *args, **kwargs: None


def _validate(instance: Any, schema: Any) -> None:
    _validator(json.dumps(schema, sort_keys=True)).validate(instance)


@functools.lru_cache(maxsize=None)
def _validator(schema: str) -> Any:
    schema = json.loads(schema)
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)
