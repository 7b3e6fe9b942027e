"""Stock Rasa 3.6.21 as a contender: its default pipeline and policies on Farol's English sentences.

Train its model alone, for instance in the background, where the time it takes says nothing and is marked so:

    nice -n 19 env TF_INTRA_OP_PARALLELISM_THREADS=1 TF_INTER_OP_PARALLELISM_THREADS=1 \\
        .venv/bin/python -m benchmarks.stock
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator

import yaml

from benchmarks.servers import ENGINE_PYTHON, ROOT, Line, Server, ServerFailed, run_timed, serving
from benchmarks.turns import Turn
from nlu.evaluation.stock import PIPELINE

NAME = "stock Rasa"
DATA = ROOT / "nlu" / "data" / "en"
KEPT = ROOT / "models" / "bench-stock"

# `pipeline` and `policies` are left out: Rasa then fills in its own defaults and writes them into the file.
CONFIG = "recipe: default.v1\nassistant_id: stock\nlanguage: en\n"
EPOCHS = int(os.environ.get("STOCK_EPOCHS", "100"))
"""Rasa's default is 100. Fewer make a model that is as large and as slow and less right, in a fraction of the time."""
_FEWER = (
    PIPELINE
    + """- {{name: ResponseSelector, epochs: {epochs}, constrain_similarities: true}}
- {{name: FallbackClassifier, threshold: 0.3, ambiguity_threshold: 0.1}}
"""
)
if EPOCHS != 100:
    # Rasa's default pipeline written out, with nothing changed but the epochs.
    CONFIG += _FEWER.format(epochs=EPOCHS)
CREDENTIALS = "rest:\n"
_RASA = [ENGINE_PYTHON, "-W", "ignore", "-m", "rasa"]
_THREADS = ("TF_INTRA_OP_PARALLELISM_THREADS", "TF_INTER_OP_PARALLELISM_THREADS", "OMP_NUM_THREADS")


@dataclass(frozen=True)
class Model:
    """A trained stock model. `training` is {"seconds", "cpu_seconds", "conditions"}; conditions "" is undisturbed."""

    path: Path
    training: dict[str, Any]

    @property
    def fairly_timed(self) -> bool:
        return not self.training["conditions"]


def project(data: Path = DATA) -> dict[str, str]:
    """The files of the stock project besides the sentences: name -> text.

    Farol's intents and entities, and one rule for each intent that answers with a text.
    """
    domain = yaml.safe_load((ROOT / "stories" / "domain.yml").read_text(encoding="utf-8"))
    taught = {
        item["intent"]
        for path in sorted(data.glob("*.yml"))
        for item in yaml.safe_load(path.read_text(encoding="utf-8")).get("nlu", [])
        if "intent" in item
    }
    intents = [intent for intent in domain["intents"] if intent in taught]
    missing = taught - set(intents)
    if missing:
        raise ServerFailed(f"{data}: intents that stories/domain.yml does not know: {', '.join(sorted(missing))}")
    answered = [*intents, "nlu_fallback"]
    made = {
        "version": "3.1",
        "intents": intents,
        "entities": domain["entities"],
        "responses": {f"utter_{intent}": [{"text": f"The answer about {intent}."}] for intent in answered},
    }
    rules = [{"rule": intent, "steps": [{"intent": intent}, {"action": f"utter_{intent}"}]} for intent in answered]
    return {
        "config.yml": CONFIG,
        "credentials.yml": CREDENTIALS,
        "endpoints.yml": "# none: Rasa's own in-memory tracker store and no action server\n",
        "domain.yml": yaml.safe_dump(made, sort_keys=False),
        "data/rules.yml": yaml.safe_dump({"version": "3.1", "rules": rules}, sort_keys=False),
    }


def write_project(folder: Path, data: Path = DATA) -> None:
    """Write the project and a copy of the sentences into an empty folder."""
    shutil.copytree(data, folder / "data" / "nlu")
    for name, text in project(data).items():
        (folder / name).write_text(text, encoding="utf-8")


def kept_model(rasa_version: str) -> Model | None:
    """The model trained earlier from exactly these files, if there is one."""
    folder = KEPT / _fingerprint(rasa_version)
    if not (folder / "training.json").is_file():
        return None
    return Model(folder / "stock.tar.gz", json.loads((folder / "training.json").read_text(encoding="utf-8")))


def train(rasa_version: str, at: Callable[[str], None]) -> Model:
    """Train with `rasa train` from nothing and keep the model beside the seconds it took. Raises ServerFailed."""
    conditions = _conditions()
    with tempfile.TemporaryDirectory(prefix="stock-bench-") as scratch:
        folder = Path(scratch)
        write_project(folder)
        # Taken now: somebody may edit the sentences while this trains.
        target = KEPT / _fingerprint(rasa_version, folder / "data" / "nlu")
        command = [*_RASA, "train", "--fixed-model-name", "stock"]
        used, said = run_timed(NAME, command, folder, at)
        made = folder / "models" / "stock.tar.gz"
        if not made.is_file():
            raise ServerFailed(f"rasa train made no model:\n{said[-2000:]}")
        target.mkdir(parents=True, exist_ok=True)
        shutil.move(made, target / "stock.tar.gz")
        for name in ("config.yml", "domain.yml"):  # with the pipeline Rasa chose, for whoever wants to look
            shutil.copy(folder / name, target / name)
        training = used | {"conditions": conditions}
        (target / "training.json").write_text(json.dumps(training, indent=2) + "\n", encoding="utf-8")
    return Model(target / "stock.tar.gz", training)


@contextmanager
def serve(model: Path) -> Iterator[Server]:
    """`rasa run --enable-api` with the REST channel, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="stock-bench-") as scratch:
        folder = Path(scratch)
        write_project(folder)
        command = [*_RASA, "run", "--enable-api", "-i", "127.0.0.1", "--model", str(model)]
        with serving(NAME, lambda port: [*command, "--port", str(port)], folder, "/status") as server:
            yield server


class Talk:
    """A conversation through Rasa's REST channel."""

    def __init__(self, server: Server) -> None:
        self._line = Line(server)
        self._sender = uuid.uuid4().hex

    def say(self, text: str) -> Turn:
        said, ms = self._line.post("/webhooks/rest/webhook", {"sender": self._sender, "message": text})
        return Turn(ms, any(message.get("text") for message in said))

    def close(self) -> None:
        self._line.close()


def parse(line: Line, text: str) -> tuple[dict[str, Any], float]:
    """Parse of one text and milliseconds."""
    return line.post("/model/parse", {"text": text})


def first_intent(parsed: dict[str, Any]) -> str | None:
    """The likeliest intent, even where Rasa would fall back."""
    ranking = parsed.get("intent_ranking") or [parsed["intent"]]
    return next((item["name"] for item in ranking if item["name"] != "nlu_fallback"), None)


def _conditions() -> str:
    """What makes a training time worthless for comparing: '' if nothing does."""
    found = [f"{name}={os.environ[name]}" for name in _THREADS if os.environ.get(name)]
    priority = os.nice(0)
    if EPOCHS != 100:
        found.append(f"{EPOCHS} of its 100 epochs")
    return ", ".join([*([f"nice {priority}"] if priority > 0 else []), *found])


def _fingerprint(rasa_version: str, data: Path = DATA) -> str:
    digest = hashlib.sha256(rasa_version.encode())
    for path in sorted(data.glob("*.yml")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    digest.update(json.dumps(project(data), sort_keys=True).encode())
    return digest.hexdigest()[:16]


def main() -> int:
    """Train the stock model unless it is there."""
    from benchmarks.machine import describe
    from benchmarks.progress import Progress

    rasa_version = describe()["versions"]["rasa"]
    model = kept_model(rasa_version)
    if model is None:
        progress = Progress(1)
        progress.stage("training stock Rasa")
        model = train(rasa_version, progress.at)
        progress.end()
    print(json.dumps({"model": str(model.path), **model.training}))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ServerFailed as error:
        print(f"benchmarks.stock: {error}", file=sys.stderr)
        sys.exit(1)
