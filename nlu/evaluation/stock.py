"""Rasa's default pipeline (DIET) on the same sentences, for comparison."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

EPOCHS = 100
"""Rasa's default."""

PIPELINE = """pipeline:
- name: WhitespaceTokenizer
- name: RegexFeaturizer
- name: LexicalSyntacticFeaturizer
- name: CountVectorsFeaturizer
- {{name: CountVectorsFeaturizer, analyzer: char_wb, min_ngram: 1, max_ngram: 4}}
- {{name: DIETClassifier, epochs: {epochs}, constrain_similarities: true}}
- name: EntitySynonymMapper
"""
"""What Rasa 3.6.21 writes into a config without a pipeline, less what comes last and has no part in telling intents:
ResponseSelector and FallbackClassifier."""


def stock_accuracy(language: str, data: Path, sentences: list, epochs: int = EPOCHS) -> dict:
    """Train on the folder `data` and try [(text, intent)]: {"accuracy", "train_seconds", "epochs"}."""
    from rasa.model_training import train_nlu

    from nlu.parsers import Parser

    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stock-") as scratch:
        config = Path(scratch) / "config.yml"
        head = f"recipe: default.v1\nassistant_id: stock\nlanguage: {language}\n"
        config.write_text(head + PIPELINE.format(epochs=epochs), encoding="utf-8")
        model = train_nlu(str(config), str(data), scratch, fixed_model_name="stock")
        seconds = time.monotonic() - started
        parser = Parser(Path(model))
    right = [parser.parse(text)["intent"]["name"] == intent for text, intent in sentences]
    return {"accuracy": sum(right) / len(right), "train_seconds": round(seconds), "epochs": epochs}
