"""farol content check, cost, in-step: is everything usable, what should be looked at, what does it cost."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import date

import click
import yaml

from bot.app import load_content
from bot.cli.console import fail, out, print_table, read_settings
from bot.cli.local import TRAITS
from bot.content.exchange.entries import entries_of
from bot.content.inspection import in_step
from bot.content.inspection.cost import of_answers
from bot.content.inspection.inspector import inspect
from bot.content.load import SOURCE_LANGUAGE, ContentError
from bot.content.render import Content
from bot.conversation.masking import Masker
from bot.directory import listing
from bot.safety.screen import load_screen
from bot.settings import Settings
from nlu.languages import load_languages

_NOTES_SHOWN = 20


@click.command()
@click.option("--all", "show_all", is_flag=True, help=f"All notes, not the first {_NOTES_SHOWN}.")
@click.option("--strict", is_flag=True, help="Exit code 1 when there are notes.")
@click.option("--json", "as_json", is_flag=True, help="Faults and notes as JSON.")
def check(show_all: bool, strict: bool, as_json: bool) -> None:
    """Look for faults in all files of content/, and name all of them, with file and line.

    A fault must be mended: the assistant refuses the files, or they hurt people. Exit code 2. A note can wait: a text that
    is hard to read, dear, old, or behind its English original.
    """
    settings = read_settings()
    content, faults = _read(settings)
    notes: list[str] = []
    if content and not faults:
        try:
            found = inspect(settings.content_dir, content.edition, date.today())
        except ValueError as error:
            faults.append(str(error))
        else:
            faults += [str(one) for one in found if one.is_fault]
            notes += [str(one) for one in found if not one.is_fault]
    if as_json:
        print(json.dumps({"faults": faults, "notes": notes}, ensure_ascii=False, indent=2))
    else:
        _print(faults, notes, len(notes) if show_all or not out.is_terminal else _NOTES_SHOWN)
    sys.exit(2 if faults else 1 if notes and strict else 0)


def _read(settings: Settings) -> tuple[Content | None, list[str]]:
    """The content if it can be used, and the faults of all files."""
    content, faults = None, []
    try:
        content = load_content(settings)
    except ContentError as error:
        faults += error.faults
    except ValueError as error:
        faults += str(error).splitlines()
    try:
        load_screen(settings.content_dir / "safety", load_languages().shipped)
    except ValueError as error:
        faults += str(error).splitlines()
    try:
        Masker(settings.content_dir / "masking.yml")
    except (ValueError, OSError, yaml.YAMLError) as error:
        faults += str(error).splitlines()
    return content, [*faults, *listing.check(settings.content_dir / "directory")[1]]


def _print(faults: list[str], notes: list[str], shown: int) -> None:
    for fault in faults:
        out.print(fault, style="red", markup=False)
    for note in notes[:shown]:
        out.print(f"note: {note}", style="yellow", markup=False)
    if len(notes) > shown:
        out.print(f"{len(notes) - shown} more notes: farol content check --all")
    if not faults:
        out.print(f"No faults; notes: {len(notes)}" if notes else "All content is in order.")


@click.command()
@click.option("--country", metavar="CC", help="With what is known of this country; else without any.")
@click.option("--price", type=click.FloatRange(min=0), help="What one text message costs you, to have it in money.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
def cost(country: str | None, price: float | None, as_json: bool) -> None:
    """What the answers cost as text messages (SMS), language by language."""
    content = load_content(read_settings())
    if country and country not in content.countries:
        fail(
            f"--country {country}: no content/countries/{country}.yml; there is {', '.join(sorted(content.countries))}"
        )
    found = of_answers(content, TRAITS["sms"], country)
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=1))
        return
    heads = ["language", "answers", "cheap letters", "paid messages", "at most", "to be read on"]
    rows = [
        [one.language, *map(str, (one.answers, one.cheap)), f"{one.segments:.2f}", *map(str, (one.most, one.cut))]
        for one in found
    ]
    if price is not None:
        heads.append("1,000 answers")
        rows = [[*row, f"{1000 * one.segments * price:,.2f}"] for row, one in zip(rows, found, strict=True)]
    print_table(heads, rows, "paid messages: on average an answer; to be read on: answers that do not fit at once", 1)


@click.command("in-step")
@click.option("--language", "chosen", multiple=True, metavar="xx", help="Only this language (may be repeated).")
@click.argument("keys", nargs=-1)
def in_step_(chosen: tuple[str, ...], keys: tuple[str, ...]) -> None:
    """Say that translations fit the English texts as they are now: those of KEYS, or all of a language.

    KEYS are names such as hiv/hiv_basics/text; the notes of `farol content check` tell them.
    """
    settings, shipped = read_settings(), load_languages().shipped
    languages = [code for code in chosen or shipped if code != SOURCE_LANGUAGE]
    if not chosen and not keys:
        fail("say which: --language xx for all texts of a language, or the names of texts")
    unknown = [code for code in languages if code not in shipped]
    if unknown:
        fail(f"--language {unknown[0]}: not one of {', '.join(shipped)}")
    try:
        source = entries_of(settings.content_dir, SOURCE_LANGUAGE)
        strange = [key for key in keys if key not in source]
        if strange:
            fail(f"{strange[0]}: no text of this name; `farol content check` tells the names")
        for language in languages:
            own = entries_of(settings.content_dir, language)
            fit = [key for key in keys or own if key in own]
            said = in_step.record(settings.content_dir, language, source, fit)
            out.print(f"{said}: {len(fit)} texts fit the English ones", markup=False)
    except (yaml.YAMLError, OSError) as error:
        fail(str(error))
