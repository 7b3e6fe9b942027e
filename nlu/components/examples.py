"""The training sentences of a language folder, read in a tenth of the time Rasa's own reader takes."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from statistics import median
from typing import List, Text, Tuple

import yaml
from rasa.shared.nlu.training_data.entities_parser import replace_entities

from nlu.text import clean


def language_examples(folder: Path) -> List[Tuple[Text, Text]]:
    """(clean text, intent) of every example in a language's folder, entity marks taken off, doubles left out.

    Raises ValueError naming the file that is not Rasa's training data format.
    """
    examples = {}
    for path in sorted(folder.glob("*.yml")):
        try:
            blocks = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["nlu"]
            for block in blocks:
                for line in block.get("examples", "").splitlines() if "intent" in block else ():
                    text = line.strip()[2:] if line.strip().startswith("- ") else ""
                    text = clean(replace_entities(text) if "[" in text else text)
                    if text:
                        examples[text, block["intent"]] = None
        except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: not training data in Rasa's format: {error}") from error
    return list(examples)


def balanced(examples: List[Tuple[Text, Text]]) -> List[Tuple[Text, Text]]:
    """At most three times as many sentences of an intent as of the middle one (median).

    `find_service` has far more than others, for the towns in them; all of it would draw other questions to it.
    """
    sizes = Counter(intent for _, intent in examples)
    return thinned(examples, int(3 * median(sizes.values())) if sizes else 0)


def thinned(examples: List[Tuple[Text, Text]], most: int) -> List[Tuple[Text, Text]]:
    """At most `most` sentences of each intent, in their order.

    Which ones depends on each sentence alone and not on what stands around it: one more displaces at most one.
    """
    by_intent: dict = {}
    for example in examples:
        by_intent.setdefault(example[1], []).append(example)
    kept = {example for group in by_intent.values() for example in sorted(group, key=_lot)[:most]}
    return [example for example in examples if example in kept]


def is_held_out(text: Text) -> bool:
    """Whether a clean sentence is of the third on which is seen how sure to be: always the same ones."""
    return hashlib.sha256(text.encode()).digest()[0] % 3 == 0


def _lot(example: Tuple[Text, Text]) -> bytes:
    return hashlib.sha256(example[0].encode()).digest()[1:]


def languages_examples(root: Path) -> dict:
    """language_examples of every language folder under `root`, by the folder's name; {} where there is no root."""
    folders = sorted(path for path in root.glob("*") if path.is_dir()) if root.is_dir() else []
    found = {folder.name: language_examples(folder) for folder in folders}
    return {name: examples for name, examples in found.items() if examples}
