"""python -m nlu.evaluation: labelled sentences on standard input, figures on standard output; see `farol evaluate`.

    {"sentences": {"es": [{"text", "intent", "kind", "sign"}, ...]}, "stock": ["es"], "stock_epochs": 100}
 -> {"languages": {"es": {...}}, "mean": {...}, "parse_ms": {...}}    (nlu.evaluation.measures)

Progress goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from pathlib import Path

from nlu.quiet import quiet

_NO_ACTIONS = "http://127.0.0.1:9/actions"


def main() -> int:
    """Read, parse, measure, print; 2 when a model is missing or was changed."""
    options = argparse.ArgumentParser(prog="python -m nlu.evaluation", description=__doc__.split("\n")[0])
    options.add_argument("--models", type=Path, default=Path(os.environ.get("FAROL_MODELS", "models")))
    chosen = options.parse_args()
    asked = json.load(sys.stdin)
    quiet()
    from nlu.manifest import DATA, ModelRefused
    from nlu.service import load

    try:
        engine = load(chosen.models, _NO_ACTIONS)
    except ModelRefused as error:
        print(error, file=sys.stderr)
        return 2
    from nlu.evaluation.measures import measured, read

    languages, times = {}, []
    for code, items in asked["sentences"].items():
        readings = [read(engine, item, code) for item in items]
        times += [reading.milliseconds for reading in readings]
        languages[code] = measured(readings, code)
        print(f"evaluated {code} ({len(languages)} of {len(asked['sentences'])})", file=sys.stderr, flush=True)
    for code in asked.get("stock") or []:
        from nlu.evaluation.stock import stock_accuracy

        print(f"training Rasa's default pipeline on {code}; this takes long", file=sys.stderr, flush=True)
        pairs = [(item["text"], item["intent"]) for item in asked["sentences"][code]]
        languages[code]["stock"] = stock_accuracy(code, DATA / code, pairs, asked["stock_epochs"])
    json.dump({"languages": languages, "mean": _means(languages), "parse_ms": _quantiles(times)}, sys.stdout)
    return 0


def _means(languages: dict) -> dict:
    """Of the languages, each counted the same."""
    figures = {
        "accuracy": lambda f: f["accuracy"],
        "macro_f1": lambda f: f["macro_f1"],
        "ece": lambda f: f["calibration"]["ece"],
        "coverage": lambda f: f["asking_back"]["coverage"],
        "precision": lambda f: f["asking_back"]["precision"],
        "unknown_auroc": lambda f: f["unknown_auroc"],
        "language_sentences": lambda f: f["language"]["sentences"],
        "language_short": lambda f: f["language"]["short"],
        "danger_explicit": lambda f: f["danger"]["explicit"]["recall"],
        "danger_indirect": lambda f: f["danger"]["indirect"]["recall"],
        "danger_false_alarms": lambda f: f["danger"]["false_alarms"],
    }
    means = {}
    for name, figure in figures.items():
        known = [value for value in map(figure, languages.values()) if value is not None]
        means[name] = sum(known) / len(known) if known else None
    return means


def _quantiles(times: list) -> dict:
    ordered = sorted(times)
    return {f"p{p}": round(ordered[min(len(ordered) - 1, len(ordered) * p // 100)], 2) for p in (50, 95, 99)}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
