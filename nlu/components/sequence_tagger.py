"""Entities by how they are spoken of, learnt from the sentences in which they are marked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, List, Optional, Text, Tuple

import pycrfsuite

from nlu.text import fold_word

Entities = List[Dict[Text, Any]]
"""Dicts with at least `entity, start, end`."""

Token = Tuple[Text, int, int]
"""Text, start, end."""

_OUTSIDE = "O"
_TOKEN = re.compile(r"\w+|[^\w\s]")


class SequenceTagger:
    """A linear-chain conditional random field over folded words, their pieces, their neighbours and what is listed.

    Rasa's CRFEntityExtractor does not learn at all without a featurizer in the pipeline, and trains anew whenever it
    is loaded (3.6.21): twelve languages would take minutes to start.
    """

    def __init__(self, model: bytes, sure: float) -> None:
        self._model, self._sure = model, sure  # the tagger reads from these bytes as long as it lives
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open_inmemory(model)

    @staticmethod
    def train(path: Path, examples: List[Tuple[Text, Entities, Entities]], iterations: int) -> None:
        """Write a model of (text, marked entities, listed entities) to `path`."""
        trainer = pycrfsuite.Trainer(verbose=False)
        # L1 leaves out what tells nothing: some hundred kilobytes instead of megabytes.
        trainer.set_params({"c1": 0.1, "c2": 0.05, "max_iterations": iterations})
        for text, marked, listed in examples:
            tokens = tokenize(text)
            trainer.append(features(tokens, listed), labels(tokens, marked))
        trainer.train(str(path))

    def find(self, text: Text, listed: Entities) -> Entities:
        """Entities with `entity, value, start, end, confidence_entity`, left to right, none inside another."""
        tokens = tokenize(text)
        found: Entities = []
        for place, label in enumerate(self._tagger.tag(features(tokens, listed)) if tokens else ()):
            if label == _OUTSIDE:
                continue
            sure, (_, start, end) = self._tagger.marginal(label, place), tokens[place]
            if label.startswith("I-") and found and found[-1]["entity"] == label[2:]:
                found[-1].update(end=end, confidence_entity=min(sure, found[-1]["confidence_entity"]))
            else:
                found.append({"entity": label[2:], "start": start, "end": end, "confidence_entity": sure})
        return [
            {**entity, "value": text[entity["start"] : entity["end"]]}
            for entity in found
            if entity["confidence_entity"] >= self._sure
        ]


def tokenize(text: Text) -> List[Token]:
    """Words and single signs; 'İspanya'dayım' is three tokens."""
    return [(match.group(), match.start(), match.end()) for match in _TOKEN.finditer(text)]


def labels(tokens: List[Token], entities: Entities) -> List[Text]:
    """B- and I- of the entity that covers at least half of the token, else O."""
    given: List[Text] = []
    for _, start, end in tokens:
        entity = covering(entities, start, end)
        if entity is None:
            given.append(_OUTSIDE)
            continue
        again = given and given[-1][2:] == entity["entity"] and start > entity["start"]
        given.append(("I-" if again else "B-") + entity["entity"])
    return given


def features(tokens: List[Token], listed: Entities) -> List[List[Text]]:
    """What the field sees of each token: itself, its pieces, its writing, its listing, two neighbours on each side."""
    folded = [fold_word(text) or text for text, _, _ in tokens]
    around = ["^^", "^", *folded, "$", "$$"]
    kinds = ["", *(_kind(listed, start, end) for _, start, end in tokens), ""]
    rows = []
    for place, (text, _, _) in enumerate(tokens):
        word, kind = folded[place], kinds[place + 1]
        two_before, before, after, two_after = around[place], around[place + 1], around[place + 3], around[place + 4]
        row = [
            "bias",
            "word=" + word,
            "start=" + word[:3],
            "end2=" + word[-2:],
            "end4=" + word[-4:],
            "shape=" + _shape(text),
            "listed=" + kind,
            "before=" + before,
            "before2=" + two_before + " " + before,
            "before_end=" + before[-2:],
            "before_listed=" + kinds[place],
            "after=" + after,
            "after2=" + after + " " + two_after,
            "after_listed=" + kinds[place + 2],
        ]
        if kind:
            row += ["listed_before=" + kind + " " + before, "listed_alone=" + kind + str(len(tokens) < 3)]
        rows.append(row)
    return rows


def covering(entities: Entities, start: int, end: int) -> Optional[Dict[Text, Any]]:
    """The entity that covers at least half of what is from `start` to `end`."""
    for entity in entities:
        if 2 * (min(end, entity["end"]) - max(start, entity["start"])) >= end - start:
            return entity
    return None


def _kind(listed: Entities, start: int, end: int) -> Text:
    entity = covering(listed, start, end)
    return entity["entity"] if entity else ""


def _shape(text: Text) -> Text:
    if text.isdigit():
        return "digit"
    if not text[0].isalpha():
        return "sign"
    return "title" if text.istitle() else "upper" if text.isupper() else "small"
