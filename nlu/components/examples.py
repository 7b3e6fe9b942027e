"""The training sentences of a language folder, read in a tenth of the time Rasa's own reader takes."""

from __future__ import annotations

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
    """At most three times as many sentences of an intent as of the middle one (median), evenly left out.

    `find_service` has far more than others, for the towns in them; all of it would draw other questions to it.
    """
    sizes = Counter(intent for _, intent in examples)
    most = int(3 * median(sizes.values())) if sizes else 0
    seen: Counter = Counter()
    kept = []
    for text, intent in examples:
        seen[intent] += 1
        # The n-th of many is kept when the share to be kept reaches the next whole number with it.
        share = min(1.0, most / sizes[intent])
        if int(seen[intent] * share) > int((seen[intent] - 1) * share):
            kept.append((text, intent))
    return kept


def languages_examples(root: Path) -> dict:
    """language_examples of every language folder under `root`, by the folder's name; {} where there is no root."""
    folders = sorted(path for path in root.glob("*") if path.is_dir()) if root.is_dir() else []
    found = {folder.name: language_examples(folder) for folder in folders}
    return {name: examples for name, examples in found.items() if examples}
