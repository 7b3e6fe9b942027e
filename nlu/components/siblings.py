"""The other languages' training sentences: they teach the sentence encoder's half what an intent means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.loading import load_data

from nlu.text import clean


def sibling_sentences(root: Path, own: set, index: dict) -> list:
    """Return (texts, labels) of each language folder under `root` but the one `own` comes from.

    `own` is the set of clean texts being trained on, `index` numbers their intents; intents unknown to it are left
    out. A missing root gives [], so that a language's files can be trained alone, anywhere.
    """
    found = []
    for folder in sorted(path for path in root.glob("*") if path.is_dir()) if root.is_dir() else []:
        examples = language_examples(folder)
        if not examples or sum(text in own for text, _ in examples) > len(examples) / 2:
            continue
        examples = [(text, index[intent]) for text, intent in examples if intent in index]
        found.append(([text for text, _ in examples], np.array([number for _, number in examples], dtype=int)))
    return found


def language_examples(folder: Path) -> list:
    """(clean text, intent) of every example in a language's folder, entity marks taken off."""
    data = load_data(str(folder))
    return [(clean(example.get(TEXT)), example.get(INTENT)) for example in data.intent_examples]
