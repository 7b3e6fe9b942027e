"""models/manifest.json: what each trained file was made from, and its hash.

So unchanged languages are not trained again, and a file of which a byte has changed since is not loaded.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from nlu.languages import FILE as LANGUAGES_FILE

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "nlu" / "data"
_CLASSIFIER = ("nlu/components", "nlu/text.py", "nlu/encoder.py", "nlu/e5.py", "nlu/config.yml")
_POLICIES = ROOT / "nlu" / "components" / "policies.py"

POOLED, LANGUAGE, DIALOGUE = "pooled.npz", "language.bin", "dialogue.tar.gz"
"""The files of models/ that belong to no language alone."""


class ModelRefused(ValueError):
    """A model file is missing, or is not the one that was trained; the message says which and what to do."""


def model_of(language: str) -> str:
    """The file of a language's model, within the models' folder."""
    return f"nlu/{language}.tar.gz"


class Manifest:
    """The manifest of a folder of models."""

    def __init__(self, models: Path) -> None:
        self._models, self._path = models, models / "manifest.json"
        self._entries = json.loads(self._path.read_text(encoding="utf-8")) if self._path.is_file() else {}

    def is_current(self, name: str) -> bool:
        """Whether the file is there and was made from what the sources are now."""
        return self._entries.get(name, {}).get("from") == fingerprint(name) and (self._models / name).is_file()

    def record(self, name: str, made_from: str) -> None:
        """Note a file just made from sources whose fingerprint was `made_from`; written at once."""
        self._entries[name] = {"from": made_from, "sha256": _hash([self._models / name])}
        scratch = self._path.with_suffix(".new")
        scratch.write_text(json.dumps(self._entries, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        os.replace(scratch, self._path)

    def verified(self, name: str) -> Path:
        """The path of a file exactly as it was trained; raises ModelRefused."""
        path = self._models / name
        again = f"run: farol train --language {path.name.split('.')[0]}" if path.parent.name == "nlu" else ""
        if not path.is_file():
            raise ModelRefused(f"{path}: this model is not trained yet; {again or 'run: farol train'}")
        if self._entries.get(name, {}).get("sha256") != _hash([path]):
            raise ModelRefused(
                f"{path}: not the file that was trained (its hash is not the one in {self._path.name}); "
                f"{again or 'run: farol train'} --force"
            )
        return path


def fingerprint(name: str) -> str:
    """Of everything a file is made from.

    Other languages' sentences are left out on purpose: they weigh little, and a word changed in one language must not
    retrain all. For the same reason the pooled half is made anew only when a language or an intent is added, or
    everything is (farol train --force).
    """
    classifier = [path for part in _CLASSIFIER for path in sorted((ROOT / part).rglob("*.py")) or [ROOT / part]]
    classifier.remove(_POLICIES)
    if name == DIALOGUE:
        return _hash([*sorted((ROOT / "stories").glob("*.yml")), _POLICIES])
    if name == LANGUAGE:
        return _hash([*sorted(DATA.rglob("*.yml")), ROOT / "nlu" / "language.py", ROOT / "nlu" / "text.py"])
    if name == POOLED:
        return _hash([LANGUAGES_FILE, ROOT / "nlu" / "intents.yml", *classifier])
    return _hash([*sorted((DATA / Path(name).name.split(".")[0]).glob("*.yml")), *classifier])


def _hash(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
