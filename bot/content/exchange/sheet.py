"""The three kinds of file a translator works with, each holding the same rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import openpyxl
import polib
from openpyxl.styles import Alignment, Font
from openpyxl.utils.exceptions import InvalidFileException

_KEY, _NOTE = "key", "note"
_WIDTHS = (34, 26, 70, 70)
_STRANGE_SIZE = 20_000_000
"""Bytes; ours have some hundred thousand."""


@dataclass(frozen=True)
class Row:
    """A text in the source language and its translation; `note` says what to keep to."""

    key: str
    note: str
    source: str
    text: str


@dataclass(frozen=True)
class Sheet:
    """`rows` in the order of the files; `source` and `language` are codes such as `en` and `ar`."""

    source: str
    language: str
    rows: tuple[Row, ...]


class SheetFault(ValueError):
    """The file cannot be read as what its name says; the message says why, and where."""


def write(sheet: Sheet, path: Path, right_to_left: bool) -> None:
    """Write to `path`; its ending chooses the kind: .xlsx, .csv or .po. Raises SheetFault for another ending."""
    _kind(path)[0](sheet, path, right_to_left)


def read(path: Path) -> Sheet:
    """Read what `write` wrote and somebody has worked on. Raises SheetFault, OSError."""
    if path.stat().st_size > _STRANGE_SIZE:
        raise SheetFault(f"{path.name}: larger than {_STRANGE_SIZE // 1_000_000} MB; not a file of texts")
    return _kind(path)[1](path)


def _kind(path: Path) -> tuple[Callable[[Sheet, Path, bool], None], Callable[[Path], Sheet]]:
    kinds = {".csv": (_write_csv, _read_csv), ".xlsx": (_write_xlsx, _read_xlsx), ".po": (_write_po, _read_po)}
    if path.suffix.lower() not in kinds:
        raise SheetFault(f"{path.name}: the name must end in {', '.join(kinds)}")
    return kinds[path.suffix.lower()]


def _table(sheet: Sheet) -> list[list[str]]:
    return [
        [_KEY, _NOTE, sheet.source, sheet.language],
        *([row.key, row.note, row.source, row.text] for row in sheet.rows),
    ]


def _from_table(path: Path, table: list[list[str]]) -> Sheet:
    heads = [cell.strip() for cell in table[0][:4]] if table else []
    if len(heads) < 4 or heads[:2] != [_KEY, _NOTE] or not all(heads):
        raise SheetFault(f"{path.name}: row 1: expected the columns {_KEY}, {_NOTE}, and two languages, such as en, ar")
    rows = []
    for number, cells in enumerate(table[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) < 4 or not cells[0].strip():
            raise SheetFault(f"{path.name}: row {number}: the key is missing; leave the first column as it was")
        rows.append(Row(cells[0].strip(), *(_lines(cell) for cell in cells[1:4])))
    return Sheet(heads[2], heads[3], tuple(rows))


def _lines(cell: str) -> str:
    return cell.replace("\r\n", "\n").replace("\r", "\n").strip()


def _write_csv(sheet: Sheet, path: Path, right_to_left: bool) -> None:
    # With a byte order mark: without it Excel reads UTF-8 as the letters of its own country.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(_table(sheet))


def _read_csv(path: Path) -> Sheet:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SheetFault(f"{path.name}: not saved as UTF-8; save it again as 'CSV UTF-8'") from error
    # Where the comma is the decimal sign, spreadsheets write semicolons.
    separator = max(",;\t", key=text.split("\n", 1)[0].count)
    try:
        return _from_table(path, list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)))
    except csv.Error as error:
        raise SheetFault(f"{path.name}: cannot be read as CSV: {error}") from error


def _write_xlsx(sheet: Sheet, path: Path, right_to_left: bool) -> None:
    book = openpyxl.Workbook()
    page = book.active
    page.title = sheet.language
    for number, cells in enumerate(_table(sheet), 1):
        for column, text in enumerate(cells, 1):
            cell = page.cell(number, column, text)
            cell.data_type = "s"  # a text that begins with = is not a formula
            order = 2 if right_to_left and column == 4 else 0
            cell.alignment = Alignment(wrap_text=True, vertical="top", readingOrder=order)
            if number == 1:
                cell.font = Font(bold=True)
    for letter, width in zip("ABCD", _WIDTHS, strict=True):
        page.column_dimensions[letter].width = width
    page.freeze_panes = "D2"
    book.save(path)


def _read_xlsx(path: Path) -> Sheet:
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        table = [["" if cell is None else str(cell) for cell in row] for row in book.worksheets[0].values]
    except (BadZipFile, InvalidFileException, KeyError, ValueError, IndexError) as error:
        raise SheetFault(f"{path.name}: not an Excel workbook; save it as .xlsx") from error
    return _from_table(path, table)


def _write_po(sheet: Sheet, path: Path, right_to_left: bool) -> None:
    catalogue = polib.POFile(wrapwidth=100)
    catalogue.metadata = {
        "Project-Id-Version": "Farol",
        "Language": sheet.language,
        "X-Source-Language": sheet.source,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
    }
    for row in sheet.rows:
        catalogue.append(polib.POEntry(msgctxt=row.key, msgid=row.source, msgstr=row.text, comment=row.note))
    catalogue.save(str(path))


def _read_po(path: Path) -> Sheet:
    try:
        catalogue = polib.pofile(str(path), encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SheetFault(f"{path.name}: cannot be read as PO: {error}") from error
    language = catalogue.metadata.get("Language", "")
    rows = []
    for entry in catalogue:
        if entry.obsolete:
            continue
        if not entry.msgctxt:
            raise SheetFault(f"{path.name}: line {entry.linenum}: an entry without msgctxt, the name of the text")
        rows.append(Row(entry.msgctxt, entry.comment, entry.msgid, "" if entry.fuzzy else _lines(entry.msgstr)))
    return Sheet(catalogue.metadata.get("X-Source-Language", "en"), language, tuple(rows))
