"""What every language has, counted from its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.content.load import SOURCE_LANGUAGE
from bot.safety.screen import CRISES, WORDS
from nlu.languages import Language

EXAMPLES_WANTED = 40
"""Training sentences an intent."""
TESTS_WANTED = 8
"""Test sentences an intent."""
SIGNS_WANTED = 100
"""Phrases a danger in content/safety/."""


@dataclass(frozen=True)
class Inventory:
    """Counts of a language. `missing` says, a line each, what is to be done before it can be shipped."""

    code: str
    name: str
    ready: bool
    examples: int
    fewest_examples: int
    tests: int
    fewest_tests: int
    texts: int
    texts_wanted: int
    reviewed: int
    signs: int
    fewest_signs: int
    accuracy: float | None
    missing: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def inventory(root: Path, content: Path, language: Language) -> Inventory:
    """Count the files of a language in the project at `root`; a missing file counts as empty."""
    code = language.code
    intents = [intent for group in _yaml(root / "nlu" / "intents.yml").values() for intent in group]
    examples = _examples(root / "nlu" / "data" / code)
    tests = {
        intent: len(items or ())
        for intent, items in (_yaml(root / "tests" / "understanding" / f"{code}.yml").get("sentences") or {}).items()
    }
    wanted = dict(_texts(content, SOURCE_LANGUAGE))
    written = {place: text for place, text in _texts(content, code) if text.strip()}
    safety = _yaml(content / "safety" / f"{code}.yml")
    signs = {name: len((safety.get("crisis") or {}).get(name, {}).get("phrases") or ()) for name in CRISES}
    recorded = _yaml(root / "tests" / "understanding" / "recorded.yml").get(code) or {}
    missing = [
        *_too_few(f"nlu/data/{code}/", "examples", {i: examples.get(i, 0) for i in intents}, EXAMPLES_WANTED),
        *_too_few(f"tests/understanding/{code}.yml", "sentences", {i: tests.get(i, 0) for i in intents}, TESTS_WANTED),
        *_too_few(f"content/safety/{code}.yml", "phrases", signs, SIGNS_WANTED),
        *(
            f"content/safety/{code}.yml: words: '{name}' is missing"
            for name in WORDS
            if not (safety.get("words") or {}).get(name)
        ),
        *(f"content/{file.format(code)}: {key} is missing" for file, key in wanted if (file, key) not in written),
    ]
    return Inventory(
        code=code,
        name=language.name,
        ready=language.ready,
        examples=sum(examples.values()),
        fewest_examples=min(examples.get(intent, 0) for intent in intents),
        tests=sum(tests.values()),
        fewest_tests=min(tests.get(intent, 0) for intent in intents),
        texts=sum(place in written for place in wanted),
        texts_wanted=len(wanted),
        reviewed=sum(_yaml(path).get("state") == "reviewed" for path in _text_files(content, code)),
        signs=sum(signs.values()),
        fewest_signs=min(signs.values()),
        accuracy=recorded.get("accuracy"),
        missing=tuple(missing),
    )


def _too_few(file: str, what: str, counts: dict[str, int], wanted: int) -> Iterator[str]:
    for name, count in counts.items():
        if count < wanted:
            yield f"{file}: {name}: {count} {what}, {wanted} wanted"


def _examples(folder: Path) -> dict[str, int]:
    """How many examples each intent has in Rasa's files of a folder."""
    counts: dict[str, int] = {}
    for path in sorted(folder.glob("*.yml")):
        for block in _yaml(path).get("nlu") or ():
            if "intent" in block:
                lines = (block.get("examples") or "").splitlines()
                found = sum(line.strip().startswith("- ") and bool(line.strip()[2:].strip()) for line in lines)
                counts[block["intent"]] = counts.get(block["intent"], 0) + found
    return counts


def _text_files(content: Path, code: str) -> list[Path]:
    return [content / "interface" / f"{code}.yml", *sorted((content / "answers" / code).glob("*.yml"))]


def _texts(content: Path, code: str) -> Iterator[tuple[tuple[str, str], str]]:
    """((file with {} for the language, place in it), text) of everything people read."""
    for path in _text_files(content, code):
        file = str(path.relative_to(content)).replace(f"/{code}.yml", "/{}.yml").replace(f"/{code}/", "/{}/")
        for place, text in leaves(_yaml(path)):
            if place != "state":
                yield (file, place), text


def leaves(data: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """(place, text) of every text in nested entries; a place is written like `topics: abortion: sms`."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from leaves(value, f"{place}: {key}" if place else str(key))
    elif isinstance(data, str):
        yield place, data


def _yaml(path: Path) -> dict:
    """The entries of a file; raises ValueError naming the file that is no YAML."""
    if not path.is_file():
        return {}
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: cannot be read: {error}") from error
