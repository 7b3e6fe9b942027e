"""farol evaluate: how well each language is understood, on sentences its training data's authors have not seen."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

import click
import yaml
from jinja2 import Environment, FileSystemLoader, select_autoescape

from bot.cli.console import err, fail, print_table, read_settings
from bot.cli.engine_command import run_engine_module
from bot.safety.screen import Screen, load_screen
from bot.settings import ROOT, Settings
from nlu.languages import load_languages

_TEMPLATES = Path(__file__).resolve().parent / "templates"


@click.command()
@click.option("--language", "chosen", multiple=True, metavar="xx", help="Only this language (may be repeated).")
@click.option(
    "--sentences",
    type=click.Path(path_type=Path),
    default=ROOT / "tests" / "understanding",
    help="Folder of labelled sentences, one file a language.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    help="Write a page to look at (tables, curves, confusions), or with the ending .md the table alone.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON.")
@click.option(
    "--stock", multiple=True, metavar="xx", help="Also train Rasa's default pipeline on this language (long)."
)
@click.option("--stock-epochs", default=100, show_default=True, help="Epochs of that training.")
def evaluate(
    chosen: tuple, sentences: Path, report: Path | None, as_json: bool, stock: tuple, stock_epochs: int
) -> None:
    """Measure how well each language is understood: intents, confidence, language, danger."""
    settings = read_settings()
    shipped = load_languages().shipped
    languages = list(dict.fromkeys([*(chosen or shipped), *stock]))
    unknown = [code for code in languages if code not in shipped]
    if unknown:
        fail(f"{unknown[0]}: not shipped (nlu/languages.yml); these are: {', '.join(shipped)}")
    try:
        screen = load_screen(settings.content_dir / "safety", shipped)
    except ValueError as error:
        fail(str(error))
    asked = {
        "sentences": {code: labelled(sentences / f"{code}.yml", screen) for code in languages},
        "stock": list(stock),
        "stock_epochs": stock_epochs,
    }
    figures = _measure(settings, asked)
    figures["date"] = date.today().isoformat()
    if report:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(markdown(figures) if report.suffix == ".md" else page(figures), encoding="utf-8")
        err.print(f"Report: {report}")
    if as_json:
        print(json.dumps(figures, ensure_ascii=False, indent=1))
    else:
        show(figures)


def labelled(path: Path, screen: Screen) -> list[dict]:
    """The sentences of a file with what the safety screen's rules find; leaves with the fault if it has one."""
    if not path.is_file():
        fail(f"{path}: not there; docs/adding-a-language.md says how a language gets test sentences")
    try:
        groups = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["sentences"]
        items = [{**item, "intent": intent} for intent, group in groups.items() for item in group]
        for item in items:
            sign = screen.crisis(item["text"])
            item["sign"] = sign.name if sign else None
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        fail(f"{path}: expected 'sentences:', each intent with a list of text and kind ({error})")
    return items


def _measure(settings: Settings, asked: dict) -> dict:
    code, printed = run_engine_module(settings, "nlu.evaluation", given=json.dumps(asked))
    if code:
        sys.exit(code)
    return json.loads(printed.splitlines()[-1])


_COLUMNS = {
    "intents": (lambda f: f["accuracy"], "accuracy"),
    "macro F1": (lambda f: f["macro_f1"], "macro_f1"),
    "ECE": (lambda f: f["calibration"]["ece"], "ece"),
    "answered": (lambda f: f["asking_back"]["coverage"], "coverage"),
    "of these right": (lambda f: f["asking_back"]["precision"], "precision"),
    "unknown AUROC": (lambda f: f["unknown_auroc"], "unknown_auroc"),
    "language": (lambda f: f["language"]["sentences"], "language_sentences"),
    "1-3 words": (lambda f: f["language"]["short"], "language_short"),
    "danger explicit": (lambda f: f["danger"]["explicit"]["recall"], "danger_explicit"),
    "indirect": (lambda f: f["danger"]["indirect"]["recall"], "danger_indirect"),
    "false alarms": (lambda f: f["danger"]["false_alarms"], "danger_false_alarms"),
    "Rasa's default": (lambda f: f["stock"]["accuracy"] if "stock" in f else None, None),
}
"""Column -> its figure of a language, and the name of the mean."""


def rows_of(figures: dict) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the table, in per cent, the mean last."""
    shown = dict(_COLUMNS)
    if not any("stock" in about for about in figures["languages"].values()):
        del shown["Rasa's default"]
    rows = [
        [code, str(about["sentences"]), *(percent(figure(about)) for figure, _ in shown.values())]
        for code, about in figures["languages"].items()
    ]
    rows.append(["mean", "", *(percent(figures["mean"].get(mean)) for _, mean in shown.values())])
    return ["language", "sentences", *shown], rows


def show(figures: dict) -> None:
    """The figures as a table, or as plain lines where nobody looks."""
    heads, rows = rows_of(figures)
    print_table(heads, rows, "In per cent, on sentences the training data's authors have not seen", words=1)
    times = figures["parse_ms"]
    print(f"One parse, milliseconds: p50 {times['p50']}, p95 {times['p95']}, p99 {times['p99']}")


def markdown(figures: dict) -> str:
    """The table for a page of documentation."""
    heads, rows = rows_of(figures)
    times = figures["parse_ms"]
    lines = [
        "# How well each language is understood",
        "",
        f"Measured on {figures['date']} by `farol evaluate --report benchmarks/understanding.md`, on the sentences of",
        "`tests/understanding/`, whose authors and those of the training data have not seen each other's. In per cent.",
        "*Danger*: acted on by the rules of the safety screen or by the model; *indirect*: told without the word.",
        "",
        "| " + " | ".join(heads) + " |",
        "|---" + "|--:" * (len(heads) - 1) + "|",
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
        f"One parse, the language known, milliseconds: p50 {times['p50']}, p95 {times['p95']}, p99 {times['p99']}.",
    ]
    compared = {code: about["stock"] for code, about in figures["languages"].items() if "stock" in about}
    if compared:
        runs = "; ".join(f"{code} {run['epochs']}, {run['train_seconds']} s" for code, run in compared.items())
        lines += [
            "",
            f"*Rasa's default*: intents, by its own pipeline (DIET) on the same sentences. Epochs, time: {runs}.",
        ]
    return "\n".join(lines) + "\n"


def percent(share: float | None) -> str:
    """A share as a percentage with one decimal, a dash where there is none."""
    return "-" if share is None else f"{100 * share:.1f}"


def page(figures: dict) -> str:
    """The report as one HTML file without anything from elsewhere."""
    templates = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=select_autoescape(), trim_blocks=True)
    templates.filters["percent"] = percent
    return templates.get_template("evaluation.html").render(figures=figures, languages=load_languages().shipped)
