"""A model trained by Rasa from the files, without the work whose result nobody reads."""

from __future__ import annotations

import copy
import functools
import json
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import rasa.shared.utils.io
from rasa.engine.storage import local_model_storage
from rasa.engine.training.hooks import TrainingHook
from rasa.model_training import train_core, train_nlu
from rasa.shared.exceptions import YamlException
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data import training_data
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.utils import validation
from tarsafe import TarSafe

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
    """A third of the time of a language's training, in this process only. Rasa 3.6.21 proves its own schema to be one
    for each marked entity anew; takes fingerprints of every step's result for a cache that is thrown away here, and of
    every sentence to find doubles; reads each file a second time for line numbers that only an error needs; copies all
    sentences for each file it adds. And it packs as tightly as can be what here is unpacked at every start."""
    jsonschema.validate = _validate
    TrainingHook.on_before_node = lambda self, *args, **kwargs: {}
    TrainingHook.on_after_node = lambda self, *args, **kwargs: None
    Message.__hash__ = lambda self: hash(self.get(TEXT))  # only those of one text are then compared whole
    validation.validate_yaml_schema = _validate_yaml
    training_data.copy = SimpleNamespace(deepcopy=copy.copy)
    local_model_storage.TarSafe = _LooselyPacked


class _LooselyPacked(TarSafe):
    @classmethod
    def open(cls, name: Any, mode: str = "r", **options: Any) -> TarSafe:
        return TarSafe.open(name, mode, **({"compresslevel": 0} if mode == "w:gz" else {}), **options)


_validate_with_lines = validation.validate_yaml_schema


def _validate_yaml(content: str, *schema: str) -> None:
    read = rasa.shared.utils.io.read_yaml
    rasa.shared.utils.io.read_yaml = lambda text, reader_type="safe": read(text)
    try:
        return _validate_with_lines(content, *schema)
    except YamlException:
        pass  # once more, to say where
    finally:
        rasa.shared.utils.io.read_yaml = read
    _validate_with_lines(content, *schema)


def _validate(instance: Any, schema: Any) -> None:
    _validator(json.dumps(schema, sort_keys=True)).validate(instance)


@functools.lru_cache(maxsize=None)
def _validator(schema: str) -> Any:
    schema = json.loads(schema)
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)
