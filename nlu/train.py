"""Train what has changed: a model per language, the language identifier, the dialogue.

    python -m nlu.train [--language es] [--force]

Every model is Rasa's own file format, trained by Rasa from the files in nlu/data and stories. Beside the models a
manifest keeps what each was trained from and its hash, so that unchanged languages are not trained again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nlu.languages import load_languages
from nlu.quiet import quiet

ROOT = Path(__file__).resolve().parent.parent
SHELF = ROOT / "models" / "embeddings.sqlite"
_CODE = ("nlu/components", "nlu/text.py", "nlu/encoder.py", "nlu/e5.py", "nlu/config.yml")
_POLICIES = ROOT / "nlu" / "components" / "policies.py"
_STAGES = {"embed": "reading the sentences", "fit": "learning"}


class TrainingFailed(RuntimeError):
    """A model could not be trained; the message holds what Rasa said, with file and line where it named them."""


def main(arguments: list[str] | None = None) -> int:
    """Train; returns 0, or 2 with the reasons on standard error."""
    options = argparse.ArgumentParser(prog="farol train", description="Train the models of changed languages.")
    options.add_argument("--language", action="append", metavar="xx", help="only this language (may be repeated)")
    options.add_argument("--force", action="store_true", help="train even what has not changed")
    options.add_argument("--models", type=Path, default=Path(os.environ.get("FAROL_MODELS", ROOT / "models")))
    options.add_argument("--json", action="store_true", help="print the result as JSON")
    options.add_argument("--one", help=argparse.SUPPRESS)
    chosen = options.parse_args(arguments)
    if chosen.one:
        return _train_one(chosen.one, chosen.models)
    languages = list(load_languages().shipped)
    unknown = [code for code in chosen.language or [] if code not in languages]
    if unknown:
        print(f"--language {unknown[0]}: not in nlu/languages.yml; known: {', '.join(languages)}", file=sys.stderr)
        return 2
    try:
        report = train(chosen.models, chosen.language or languages, chosen.force, everything=not chosen.language)
    except TrainingFailed as error:
        print(error, file=sys.stderr)
        return 2
    if chosen.json:
        print(json.dumps(report, indent=2))
    return 0


def train(models: Path, languages: list[str], force: bool = False, everything: bool = True) -> dict:
    """Train what changed, two models at a time; returns {model: {"seconds", "trained"}}."""
    models.mkdir(parents=True, exist_ok=True)
    manifest = _manifest(models)
    wanted = {f"nlu/{code}.tar.gz": code for code in languages}
    if everything:
        wanted |= {"language.bin": "@language", "dialogue.tar.gz": "@dialogue"}
    else:
        wanted["language.bin"] = "@language"
    sources = {name: _fingerprint(what) for name, what in wanted.items()}
    todo = [
        name
        for name in wanted
        if force or manifest.get(name, {}).get("from") != sources[name] or not (models / name).is_file()
    ]
    report = {name: {"trained": name in todo, "seconds": 0.0} for name in wanted}
    if not todo:
        return report
    started = time.monotonic()
    todo_languages = [wanted[name] for name in todo if not wanted[name].startswith("@")]
    with (
        _Progress(len(todo) + bool(todo_languages)) as progress,
        ThreadPoolExecutor(max(1, min(2, os.cpu_count() or 1))) as pool,
    ):
        if todo_languages:
            # All languages' sentences first, on all cores: every language also learns a little from the others.
            _spawn(f"@sentences:{'+'.join(load_languages().shipped)}", models, progress, threads=None)
        # The dialogue is the quickest and the languages the longest: start with the long ones.
        jobs = {
            name: pool.submit(_spawn, wanted[name], models, progress)
            for name in sorted(todo, key=lambda name: wanted[name].startswith("@"))
        }
        for name, job in jobs.items():
            report[name]["seconds"] = job.result()
            manifest[name] = {"from": sources[name], "sha256": _hash([models / name])}
            _write(models / "manifest.json", manifest)
    report["all"] = {"trained": True, "seconds": round(time.monotonic() - started, 1)}
    return report


class _Progress:
    """A bar where a person looks, a line a model when piped."""

    def __init__(self, total: int) -> None:
        self._lock, self._total, self._done, self._doing = threading.Lock(), total, 0, {}
        self._bar = None

    def __enter__(self) -> _Progress:
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=100 * self._total, bar_format="Training {l_bar}{bar}| {elapsed} {postfix}", disable=False
            )
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, what: str, share: float, stage: str) -> None:
        """`share` of this model is done, 0..1."""
        with self._lock:
            before = self._doing.get(what, 0.0)
            self._doing[what] = share
            if self._bar is not None:
                self._bar.set_postfix_str(f"{_named(what)}: {stage}")
                self._bar.update(100 * (share - before))
            if share >= 1:
                self._done += 1
                if self._bar is None:
                    print(f"trained {_named(what)} ({self._done} of {self._total})", file=sys.stderr, flush=True)


def _named(what: str) -> str:
    return what.lstrip("@").partition(":")[0]


def _spawn(what: str, models: Path, progress: _Progress, threads: int | None = 1) -> float:
    """Train one model in a process of its own (Rasa and TensorFlow keep much behind) and follow its progress."""
    started = time.monotonic()
    command = [sys.executable, "-W", "ignore", "-m", "nlu.train", "--one", what, "--models", str(models)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if threads:
        # Two models are trained at once; more threads than cores only get in each other's way.
        environment |= {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        for line in process.stdout:
            if line.startswith("@progress "):
                _, stage, share = line.split()
                progress.update(what, min(float(share), 0.99), _STAGES[stage])
        if process.wait() != 0:
            errors.seek(0)
            said = "\n".join(errors.read().strip().splitlines()[-15:])
            raise TrainingFailed(f"training {_named(what)} failed:\n{said}")
    progress.update(what, 1.0, "done")
    return round(time.monotonic() - started, 1)


def _train_one(what: str, models: Path) -> int:
    quiet()
    if what == "@language":
        _train_language_identifier(models)
    elif what.startswith("@sentences:"):
        _embed(what.partition(":")[2], models)
    else:
        _train_rasa(what, models)
    return 0


def _train_language_identifier(models: Path) -> None:
    from nlu.components.siblings import language_examples
    from nlu.language import train_own

    pairs = []
    for code in load_languages().shipped:
        pairs += [(text, code) for text, _ in language_examples(ROOT / "nlu" / "data" / code)]
    with tempfile.TemporaryDirectory(dir=models) as scratch:
        train_own(pairs, Path(scratch) / "sentences.txt", Path(scratch) / "language.bin")
        os.replace(Path(scratch) / "language.bin", models / "language.bin")


def _train_rasa(what: str, models: Path) -> None:
    from rasa.model_training import train_core, train_nlu

    with tempfile.TemporaryDirectory(dir=models) as scratch:
        # Every training starts from the files: Rasa's cache would keep people from trusting a result.
        os.environ["RASA_CACHE_DIRECTORY"] = str(Path(scratch) / "cache")
        if what == "@dialogue":
            made = train_core("stories/domain.yml", "stories/config.yml", "stories", scratch, fixed_model_name="model")
            target = models / "dialogue.tar.gz"
        else:
            folder = ROOT / "nlu" / "data" / what
            made = train_nlu("nlu/config.yml", str(folder), scratch, fixed_model_name="model")
            target = models / "nlu" / f"{what}.tar.gz"
        if not made:
            raise TrainingFailed(f"Rasa made no model of {what}")
        target.parent.mkdir(exist_ok=True)
        os.replace(made, target)


def _embed(code: str, models: Path) -> None:
    """Fill the shelf of embeddings with every new sentence of these languages (their codes joined by '+')."""
    from nlu.components.siblings import language_examples
    from nlu.encoder import ENCODER, Shelf

    texts = [text for folder in code.split("+") for text, _ in language_examples(ROOT / "nlu" / "data" / folder)]
    shelf = Shelf(SHELF, ENCODER.load())
    missing, done = shelf.count_missing(texts), 0

    def progress(count: int) -> None:
        nonlocal done
        done += count
        print(f"@progress embed {done / missing:.3f}", flush=True)

    shelf.encode(texts, progress)


def _manifest(models: Path) -> dict:
    path = models / "manifest.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _write(path: Path, data: dict) -> None:
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(scratch, path)


def _fingerprint(what: str) -> str:
    """Of everything a model is made from. Other languages' sentences are left out on purpose: they weigh little, and
    a word changed in one language must not retrain all."""
    data = ROOT / "nlu" / "data"
    if what == "@dialogue":
        return _hash([*sorted((ROOT / "stories").glob("*.yml")), _POLICIES])
    if what == "@language":
        return _hash([*sorted(data.rglob("*.yml")), ROOT / "nlu" / "language.py", ROOT / "nlu" / "text.py"])
    code = [path for name in _CODE for path in sorted((ROOT / name).rglob("*.py")) or [ROOT / name]]
    code.remove(_POLICIES)
    return _hash([*sorted((data / what).glob("*.yml")), *code])


def _hash(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    shutil.rmtree(ROOT / ".rasa", ignore_errors=True)
    sys.exit(main())
