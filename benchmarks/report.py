"""results.json, and the table people read made from it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FAROL, STOCK = "Farol", "stock Rasa"


def write(results: dict[str, Any], folder: Path, name: str) -> str:
    """Write `name`.json and `name`.md into `folder`; return the table."""
    text = table(results)
    (folder / f"{name}.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return f"{text}\nwritten: {folder / name}.md, {folder / name}.json"


def table(results: dict[str, Any]) -> str:
    """The Markdown of results.md; a figure that was not measured has no row."""
    languages = list(results["turn_ms"][FAROL])
    parts = [
        "# Farol's engine and stock Rasa, side by side",
        "Written by `python -m benchmarks.run`; how to read it and why it is fair: [README.md](README.md).",
        *(["**A quick look with few sentences; not a result to quote.**"] if results["quick"] else []),
        _machine(results["machine"]),
        f"| | Farol, {len(languages)} languages | stock Rasa, English only | stock ÷ Farol |\n|---|--:|--:|--:|\n"
        + "\n".join(_rows(results)),
        "Turn and parse: English, milliseconds over HTTP, one message at a time. Last column: how many times more "
        "stock Rasa needs; below 1, Farol needs more.",
        "## Each language\n\n" + _languages(results, languages),
        "## The long conversation\n\n" + _long(results["long_ms"]),
        "## Checks\n\n" + "\n".join(f"- {line}" for line in _checks(results)),
    ]
    return "\n\n".join(parts) + "\n"


def _machine(about: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    load = f"{about['load_before']} before, {about.get('load_after', '?')} after"
    noisy = " **Other work was running: expect noise.**" if about["load_before"] > 0.5 else ""
    return (
        f"{about['date']}, {about['cpu']}, {about['cores']} cores, {about['memory_gb']} GB, {about['system']}; "
        f"load {load}.{noisy}\n\n{versions}; commit {about['commit']}."
    )


def _rows(results: dict[str, Any]) -> list[str]:
    turn, parse, long = results["turn_ms"], results["parse_ms"], results["long_ms"]
    rows = [_row(f"turn {p}, ms", turn[FAROL]["en"][p], turn[STOCK]["en"][p]) for p in ("p50", "p95", "p99")]
    rows += [_row(f"parse only {p}, ms", parse[FAROL]["en"][p], parse[STOCK]["en"][p]) for p in ("p50", "p95")]
    ends = long["ends"]
    rows += [
        _row(f"long conversation, turns 1-{ends}, median ms", long[FAROL]["first"], long[STOCK]["first"]),
        _row(
            f"long conversation, turns {long['turns'] - ends + 1}-{long['turns']}, median ms",
            long[FAROL]["last"],
            long[STOCK]["last"],
        ),
        _row("resident memory after the run, MB", results["memory_mb"][FAROL], results["memory_mb"][STOCK]),
    ]
    starts = results["start_seconds"]
    count = len(starts[FAROL]["all"])
    kind = "once" if count == 1 else f"median of {count}"
    rows.append(_row(f"start to first healthy answer ({kind}), s", starts[FAROL]["median"], starts[STOCK]["median"]))
    training = results.get("training", {})
    if FAROL in training:
        other, own = training[STOCK], training[FAROL]
        for label, kind in (("from nothing", "cold"), ("embeddings kept", "kept")):
            rows.append(_row(f"training everything, {label}, s", own[kind]["seconds"], other["seconds"]))
            rows.append(_row("- processor time of it, s", own[kind]["cpu_seconds"], other["cpu_seconds"]))
    return rows


def _row(label: str, own: float, other: float) -> str:
    return f"| {label} | {_number(own)} | {_number(other)} | {_number(other / own) if own else '-'} |"


def _number(value: float) -> str:
    """Three digits are more than the noise allows anyway."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _languages(results: dict[str, Any], languages: list[str]) -> str:
    rows = ["| Farol | turns | turn p50 | p95 | p99 | parse p50 | p95 |", "|---|--:|--:|--:|--:|--:|--:|"]
    for code in languages:
        turn, parse = results["turn_ms"][FAROL][code], results["parse_ms"][FAROL][code]
        cells = [turn["p50"], turn["p95"], turn["p99"], parse["p50"], parse["p95"]]
        rows.append(f"| {code} | {turn['n']} | {' | '.join(map(_number, cells))} |")
    return "\n".join(rows)


def _long(long: dict[str, Any]) -> str:
    turns = [1 + 50 * step for step in range(len(long[FAROL]["every_50th"]))]
    rows = [f"| ms at turn | {' | '.join(map(str, turns))} | last ÷ first {long['ends']} |"]
    rows.append("|---|" + "--:|" * (len(turns) + 1))
    for name in (FAROL, STOCK):
        growth = long[name]["last"] / long[name]["first"]
        rows.append(f"| {name} | {' | '.join(map(_number, long[name]['every_50th']))} | {_number(growth)} |")
    return "\n".join(rows)


def _checks(results: dict[str, Any]) -> list[str]:
    right, turns = results["first_intent_right"], results["turn_ms"][STOCK]["en"]["n"]
    epochs = results.get("stock_epochs", 100)
    lines = [
        f"English turns measured with each: {turns}. Turns without an answer: Farol {results['unanswered'][FAROL]} "
        f"(all languages), stock Rasa {results['unanswered'][STOCK]}.",
        f"First intent right in {right['n']} English test sentences: Farol {right[FAROL]} %, stock Rasa "
        f"{right[STOCK]} % (so that nobody is fast by being wrong)."
        if epochs == 100
        else f"Stock Rasa was trained for {epochs} of its 100 epochs. Its speed and memory do not depend on that; how "
        f"often it is right does, so that is not shown. Farol: first intent right in {right[FAROL]} % of {right['n']} "
        "English test sentences.",
        f"Custom actions called: {results['action_calls']} (each would have cost Farol one more HTTP call).",
    ]
    kept = results.get("training", {}).get(STOCK)
    if kept and kept["conditions"]:
        lines.append(f"Stock Rasa's training time was taken with {kept['conditions']}: do not compare it.")
    return lines


def main() -> None:
    """Make the table again from a results.json: python -m benchmarks.report benchmarks/results.json"""
    print(table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
