"""What a translator's file would change, and taking it over whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.content.exchange import yaml_text
from bot.content.exchange.entries import Entry, entries_of
from bot.content.exchange.sheet import Row, Sheet
from bot.content.load import SOURCE_LANGUAGE, TITLE_LIMIT, ContentError
from bot.content.message_format import FormatFault, gaps

_REVIEWED, _DRAFT = "reviewed", "draft"


@dataclass(frozen=True)
class Change:
    """A text that would be another."""

    entry: Entry
    new: str


@dataclass(frozen=True)
class Proposal:
    """`changes` of a language's texts, and `outdated`: keys whose source text is another now than when it was sent."""

    language: str
    changes: tuple[Change, ...]
    outdated: tuple[str, ...]


def sheet_of(folder: Path, language: str) -> Sheet:
    """A language's texts beside those of the source language. Raises OSError, yaml.YAMLError."""
    source, own = entries_of(folder, SOURCE_LANGUAGE), entries_of(folder, language)
    rows = [
        Row(key, _note(key, entry.text), entry.text, own[key].text if key in own else "")
        for key, entry in source.items()
    ]
    return Sheet(SOURCE_LANGUAGE, language, tuple(rows))


def propose(folder: Path, sheet: Sheet, languages: list[str]) -> Proposal:
    """What the sheet would change. Raises ContentError with every fault of the sheet, OSError, yaml.YAMLError."""
    if sheet.language not in languages:
        raise ContentError([f"language: '{sheet.language}' is not one of {', '.join(languages)}"])
    if sheet.source != SOURCE_LANGUAGE:
        raise ContentError([f"language: translated from '{sheet.source}', expected '{SOURCE_LANGUAGE}'"])
    own, source = entries_of(folder, sheet.language), entries_of(folder, SOURCE_LANGUAGE)
    faults, rows = [], {}
    for row in sheet.rows:
        if row.key in rows:
            faults.append(f"{row.key}: stands there twice")
        elif row.key not in own:
            faults.append(f"{row.key}: no text of this name in {sheet.language}; was the key changed?")
        elif not row.text:
            faults.append(f"{row.key}: not translated")
        rows[row.key] = row
    faults += [f"{key}: this row is missing" for key in own if key not in rows]
    if faults:
        raise ContentError(faults)
    changes = tuple(Change(entry, rows[key].text) for key, entry in own.items() if rows[key].text != entry.text)
    outdated = tuple(key for key in own if key in source and rows[key].source != source[key].text)
    return Proposal(sheet.language, changes, outdated)


def adopt(
    folder: Path, proposal: Proposal, reviewed: bool, check: Callable[[Path], object], only_try: bool = False
) -> list[Path]:
    """Write the changes; returns the files. Nothing is written when `check` of a copy of the content raises, nor when
    this is `only_try`.

    A file that was reviewed becomes a draft again, unless those who changed it have `reviewed` it.
    """
    files: dict[Path, dict[yaml_text.Path, str]] = {}
    for change in proposal.changes:
        files.setdefault(change.entry.file, {})[change.entry.path] = change.new
    written = {file: _edited(file, changes, reviewed) for file, changes in files.items()}
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / folder.name
        shutil.copytree(folder, copy)
        for file, content in written.items():
            (copy / file.relative_to(folder)).write_text(content, encoding="utf-8")
        check(copy)
    if not only_try:
        _write(written)
    return list(written)


def _write(files: dict[Path, str]) -> None:
    """All new files beside the old ones first: a disk that is full or read-only is found out before any is replaced."""
    new = {file: file.with_name(f".{file.name}.new") for file in files}
    try:
        for file, content in files.items():
            new[file].write_text(content, encoding="utf-8")
        for file, written in new.items():
            os.replace(written, file)
    finally:
        for path in new.values():
            path.unlink(missing_ok=True)


def _edited(file: Path, changes: dict[yaml_text.Path, str], reviewed: bool) -> str:
    content = file.read_text(encoding="utf-8")
    if not reviewed:
        states = (path for path, place in yaml_text.places(content).items() if _is_state(path, place.text))
        changes = changes | {path: _DRAFT for path in states if len(path) == 1 or _changes_under(path, changes)}
    return yaml_text.replaced(content, changes)


def _is_state(path: yaml_text.Path, text: str) -> bool:
    return path[-1] == "state" and text == _REVIEWED


def _changes_under(state: yaml_text.Path, changes: dict[yaml_text.Path, str]) -> bool:
    return any(path[: len(state) - 1] == state[:-1] for path in changes)


def _note(key: str, source: str) -> str:
    kind, notes = key.split("/")[-1], []
    if kind == "title" or key.split("/")[1] in ("buttons", "groups", "services"):
        notes.append(f"a button: at most {TITLE_LIMIT} characters")
    elif kind == "sms":
        notes.append("a text message: as short as the other languages'")
    try:
        named = sorted(set(gaps(source, SOURCE_LANGUAGE)))
    except FormatFault:
        named = []
    if named:
        notes.append("leave as it is: " + ", ".join(f"{{{name}}}" for name in named))
    return "; ".join(notes)
