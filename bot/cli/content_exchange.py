"""farol content export, import, diff: texts out to translators and back."""

from __future__ import annotations

import json
from pathlib import Path

import click
import yaml

from bot.cli.console import fail, out, read_settings
from bot.content.exchange import sheet as sheets
from bot.content.exchange.entries import entries_of
from bot.content.exchange.proposal import Change, Proposal, adopt, propose, sheet_of
from bot.content.inspection import in_step
from bot.content.load import SOURCE_LANGUAGE, ContentError, Reader
from nlu.languages import load_languages

_KINDS = click.Choice(["xlsx", "csv", "po"])


@click.command("export")
@click.option("--language", required=True, metavar="xx", help="The language to be translated into or corrected.")
@click.option(
    "--format", "kind", type=_KINDS, default="xlsx", show_default=True, help="What the translator works with."
)
@click.option(
    "--to", "path", type=click.Path(path_type=Path, dir_okay=False), help="The file; else farol-xx.xlsx here."
)
def export(language: str, kind: str, path: Path | None) -> None:
    """Write all texts of a language, beside the English ones, into one file for a translator."""
    settings, languages = read_settings(), load_languages().announced
    if language not in languages:
        fail(f"--language {language}: not in nlu/languages.yml; known: {', '.join(languages)}")
    path = path or Path(f"farol-{language}.{kind}")
    try:
        sheet = sheet_of(settings.content_dir, language)
        sheets.write(sheet, path, right_to_left=languages[language].direction == "rtl")
    except (yaml.YAMLError, OSError, sheets.SheetFault) as error:
        fail(str(error))
    out.print(f"{path}: {len(sheet.rows)} texts, {sum(not row.text for row in sheet.rows)} of them not translated yet")


@click.command("import")
@click.argument("file", type=click.Path(exists=True, path_type=Path, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Say what would change, change nothing.")
@click.option("--reviewed", is_flag=True, help="An expert has read the changes: what was reviewed stays so.")
def import_(file: Path, dry_run: bool, reviewed: bool) -> None:
    """Take over a file that came back from a translator: whole, or not at all with every fault named."""
    settings, languages = read_settings(), list(load_languages().announced)
    try:
        proposal = propose(settings.content_dir, sheets.read(file), languages)
        for change in proposal.changes:
            _show(change)
        _warn(proposal)
        shipped = list(load_languages().shipped)
        written = adopt(
            settings.content_dir, proposal, reviewed, lambda copy: Reader(copy, shipped).read(), only_try=dry_run
        )
    except ContentError as error:
        fail(f"{file}: nothing is taken over. {error}")
    except (yaml.YAMLError, OSError, sheets.SheetFault) as error:
        fail(f"nothing is taken over: {error}")
    if not dry_run:
        _settle(settings.content_dir, proposal)
    files = ", ".join(str(path.relative_to(settings.content_dir)) for path in written) or "no file"
    out.print(f"{len(proposal.changes)} texts {'would change' if dry_run else 'changed'}, in {files}", markup=False)


@click.command("diff")
@click.argument("other", type=click.Path(exists=True, path_type=Path))
@click.option("--language", "chosen", multiple=True, metavar="xx", help="Only this language (may be repeated).")
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
def diff(other: Path, chosen: tuple[str, ...], as_json: bool) -> None:
    """Compare content/ with another such folder, or with a translator's file: what is said differently there."""
    settings, languages = read_settings(), load_languages()
    unknown = [code for code in chosen if code not in languages.announced]
    if unknown:
        fail(f"--language {unknown[0]}: not in nlu/languages.yml; known: {', '.join(languages.announced)}")
    try:
        if other.is_dir():
            found = [
                pair for code in chosen or languages.shipped for pair in _folders(settings.content_dir, other, code)
            ]
        else:
            changes = propose(settings.content_dir, sheets.read(other), list(languages.announced)).changes
            found = [(change.entry.key, change.entry.text, change.new) for change in changes]
    except (ContentError, yaml.YAMLError, OSError, sheets.SheetFault) as error:
        fail(str(error))
    if as_json:
        print(json.dumps([dict(zip(("key", "here", "there"), one, strict=True)) for one in found], ensure_ascii=False))
        return
    for key, here, there in found:
        _print_change(key, here, there)
    out.print(f"{len(found)} texts differ")


def _folders(here: Path, there: Path, language: str) -> list[tuple[str, str, str]]:
    """(key, text here, text there) of every text that differs; a text one of them lacks is empty."""
    ours, theirs = entries_of(here, language), entries_of(there, language)
    found = []
    for key in [*ours, *(key for key in theirs if key not in ours)]:
        texts = tuple(entries[key].text if key in entries else "" for entries in (ours, theirs))
        if texts[0] != texts[1]:
            found.append((f"{language}/{key}", *texts))
    return found


def _print_change(key: str, here: str, there: str) -> None:
    out.print(key, style="bold", markup=False)
    for sign, text, colour in (("-", here, "red"), ("+", there, "green")):
        for line in text.splitlines():
            out.print(f"  {sign} {line}", style=colour, markup=False)


def _show(change: Change) -> None:
    place = f"{change.entry.file.name}, line {change.entry.line}"
    _print_change(f"{change.entry.key} ({place})", change.entry.text, change.new)


def _settle(folder: Path, proposal: Proposal) -> None:
    """The texts that came back fit the English ones they were translated from, unless those have changed since."""
    try:
        source, own = entries_of(folder, SOURCE_LANGUAGE), entries_of(folder, proposal.language)
        in_step.record(folder, proposal.language, source, [key for key in own if key not in proposal.outdated])
    except (yaml.YAMLError, OSError) as error:
        code = proposal.language
        fail(
            f"the texts are taken over, but not noted as in step: {error}; then: farol content in-step --language {code}"
        )


def _warn(proposal: Proposal) -> None:
    for key in proposal.outdated:
        out.print(f"{key}: the English text has changed since; does the translation still fit?", style="yellow")
