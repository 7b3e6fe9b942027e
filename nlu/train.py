"""Train what has changed: what the languages have in common, a model per language, the language identifier, the dialogue.

    python -m nlu.train [--language es] [--force]

The languages' and the dialogue's models are Rasa's own file format, trained by Rasa from the files in nlu/data and
stories.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path

from nlu.languages import load_languages
from nlu.manifest import DATA, DIALOGUE, LANGUAGE, POOLED, ROOT, Manifest, fingerprint, model_of
from nlu.quiet import quiet
from nlu.workshop import TrainingFailed, Workshop

SHELF = ROOT / "models" / "embeddings.sqlite"
_READING = "sentences/"
"""Begins the name of the job of reading a language's sentences with the encoder; it fills the shelf, makes no model."""


def main(arguments: list[str] | None = None) -> int:
    """Train; returns 0, or 2 with the reasons on standard error."""
    options = argparse.ArgumentParser(prog="farol train", description="Train the models of changed languages.")
    options.add_argument("--language", action="append", metavar="xx", help="only this language (may be repeated)")
    options.add_argument("--force", action="store_true", help="train even what has not changed")
    options.add_argument("--models", type=Path, default=Path(os.environ.get("FAROL_MODELS", ROOT / "models")))
    options.add_argument("--json", action="store_true", help="print the result as JSON")
    options.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args(arguments)
    if chosen.worker:
        return _work(chosen.models)
    known, languages = load_languages().announced, list(load_languages().shipped)
    unknown = [code for code in chosen.language or [] if code not in known]
    if unknown:
        print(f"--language {unknown[0]}: not in nlu/languages.yml; known: {', '.join(known)}", file=sys.stderr)
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
    manifest = Manifest(models)
    wanted = [POOLED, *map(model_of, languages), LANGUAGE, *([DIALOGUE] if everything else [])]
    # One language trained by force does not train what all have in common: that would concern the others too.
    forced = set(wanted) - (set() if everything else {POOLED}) if force else set()
    todo = [name for name in wanted if name in forced or not manifest.is_current(name)]
    report = {name: {"trained": name in todo, "seconds": 0.0} for name in wanted}
    if not todo:
        return report
    sources = {name: fingerprint(name) for name in todo}
    started = time.monotonic()

    def done(job: str, seconds: float) -> None:
        if job in sources:
            manifest.record(job, sources[job])
        report[job] = {"trained": True, "seconds": seconds}

    reading = [_READING + code for code in load_languages().announced] if POOLED in todo else []
    in_common = [name for name in todo if name in (POOLED, LANGUAGE, DIALOGUE)]
    own = [name for name in todo if name not in in_common]
    command = [sys.executable, "-W", "ignore", "-m", "nlu.train", "--worker", "--models", str(models)]
    jobs = len(reading) + len(todo)
    with Workshop(command, ROOT, jobs, languages=len(own)) as workshop:
        # All languages' sentences first, and what they have in common: there every language begins. One language alone
        # need not wait for the identifier.
        for together in (reading, in_common, own) if POOLED in todo else (own + in_common,):
            workshop.run(together, done)
    report["all"] = {"trained": True, "seconds": round(time.monotonic() - started, 1)}
    return report


def _work(models: Path) -> int:
    """A worker: train what is named on standard input, a line each, until it ends."""
    quiet()
    os.environ["FAROL_MODELS"] = str(models.resolve())
    jobs = {
        POOLED: _train_pooled,
        LANGUAGE: _train_language_identifier,
    }
    for line in sys.stdin:
        name = line.strip()
        if name.startswith(_READING):
            _read_sentences(name[len(_READING) :])
        else:
            jobs.get(name, _train_rasa)(models / name)
        print("@done", flush=True)
    return 0


@lru_cache(maxsize=1)
def _sentences() -> dict[str, list[str]]:
    """The sentences that each language reads. One that several have is the first one's: vectors depend a little on what
    is encoded together, and that must not depend on which of two workers was quicker."""
    from nlu.components.examples import languages_examples
    from nlu.components.pooled import read

    taken: set[str] = set()
    found = {}
    for code, examples in languages_examples(DATA).items():
        found[code] = [text for text in dict.fromkeys(text for text, _ in read(examples)) if text not in taken]
        taken.update(found[code])
    return found


def _read_sentences(language: str) -> None:
    """Fill the shelf of embeddings with a language's new sentences."""
    from nlu.encoder import ENCODER, Shelf

    texts = _sentences()[language]
    shelf = Shelf(SHELF, ENCODER)
    missing, done = shelf.count_missing(texts), 0

    def progress(count: int) -> None:
        nonlocal done
        done += count
        print(f"@progress {done / missing:.3f}", flush=True)

    shelf.encode(texts, progress)


def _train_pooled(target: Path) -> None:
    from nlu.components.pooled import PooledHead
    from nlu.encoder import ENCODER, Shelf

    PooledHead.train(DATA, Shelf(SHELF, ENCODER)).save(target)


def _train_language_identifier(target: Path) -> None:
    from nlu.components.examples import language_examples
    from nlu.language import train_own

    pairs = [(text, code) for code in load_languages().shipped for text, _ in language_examples(DATA / code)]
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        train_own(pairs, Path(scratch) / "sentences.txt", Path(scratch) / "language.bin")
        os.replace(Path(scratch) / "language.bin", target)


def _train_rasa(target: Path) -> None:
    from nlu.rasa_training import train_rasa

    train_rasa(target)


if __name__ == "__main__":
    shutil.rmtree(ROOT / ".rasa", ignore_errors=True)
    sys.exit(main())
