"""Labelled sentences as training data in Rasa's YAML, for staff to read, complete and commit.

version: "3.1"

nlu:
- intent: prep_access
  examples: |
    - quiero la pastilla, me dijeron que en … la dan
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from bot.conversation.masking import without_marks
from bot.learning.queue import Item

FILE = "learned.yml"
"""In the folder of each language, beside the files written by hand."""

_HEAD = """# Sentences people wrote, labelled in the console. Names, numbers, addresses and places were taken out: … stands there.
# Read each before you commit it; put a town where a place is missing, as [Leeds](place). Never a real person's.
version: "3.1"

nlu:
"""

_MARKUP = re.compile(r"[\[\]{}`|<>\\]")
"""What Rasa would read as an entity, and YAML as something else."""

_CODE = re.compile("[a-z]{2,3}")

Examples = dict[str, dict[str, list[str]]]
"""Sentences by language and intent."""


def examples_of(items: Iterable[Item]) -> Examples:
    """What the labelled sentences teach, each once."""
    found: Examples = {}
    for item in items:
        sentence = as_example(item.text)
        if sentence and item.label and _CODE.fullmatch(item.language):
            sentences = found.setdefault(item.language, {}).setdefault(item.label, [])
            if sentence not in sentences:
                sentences.append(sentence)
    return found


def as_example(masked: str) -> str:
    """A masked sentence as one line that means nothing but itself in Rasa's files; empty if nothing is left."""
    plain = " ".join(_MARKUP.sub(" ", without_marks(masked)).split())
    plain = plain.lstrip("-/ #&*!%@,.:;").strip()
    return plain if re.search(r"[^\W\d_]", plain) else ""


def as_yaml(intents: dict[str, list[str]]) -> str:
    """A file of one language."""
    blocks = []
    for intent, sentences in sorted(intents.items()):
        lines = "\n".join(f"    - {sentence}" for sentence in sorted(sentences))
        blocks.append(f"- intent: {intent}\n  examples: |\n{lines}\n")
    return _HEAD + "\n".join(blocks)


def write(folder: Path, examples: Examples) -> list[Path]:
    """Add to the files in `folder` (nlu/data, or another of its shape); returns them. What is there stays.

    Each file is replaced in one piece. Raises ValueError for one that is not ours to read, OSError.
    """
    files = {folder / language / FILE: intents for language, intents in examples.items()}
    texts = {path: as_yaml(_merged(_read(path), intents)) for path, intents in files.items()}
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_text(text, encoding="utf-8")
        os.replace(new, path)
    return list(texts)


def _read(path: Path) -> dict[str, list[str]]:
    if not path.exists():
        return {}
    try:
        blocks = yaml.safe_load(path.read_text("utf-8"))["nlu"] or []
        return {
            block["intent"]: [line.strip()[2:].strip() for line in block["examples"].splitlines() if line.strip()]
            for block in blocks
        }
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not a file of labelled sentences ({type(error).__name__}); move it away") from error


def _merged(there: dict[str, list[str]], more: dict[str, list[str]]) -> dict[str, list[str]]:
    return {
        intent: list(dict.fromkeys([*there.get(intent, []), *more.get(intent, [])])) for intent in there.keys() | more
    }
