"""Changes one row of the staff's own files, content/directory/*.csv and *.xlsx, and leaves the rest as it is.

A CSV keeps every other byte: its line ends, its quotes, its order. A workbook is saved anew by openpyxl: cells,
formats and lists stay, charts and macros do not.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from openpyxl import Workbook, load_workbook

from bot.directory.listing import staff_files


class NotThere(LookupError):
    """No file in the folder has a row with this id."""


def set_cells(folder: Path, id_: str, cells: dict[str, str]) -> Path:
    """Set cells of the place `id_`; a column that the file does not have is added at the end. Returns the file.

    Raises NotThere.
    """
    return _change(
        folder, lambda path: _set_in_csv(path, id_, cells) if _is_csv(path) else _set_in_book(path, id_, cells)
    )


def remove(folder: Path, id_: str) -> Path:
    """Take the row of a place out of its file, which is how a place of the staff's files ends. Raises NotThere."""
    return _change(folder, lambda path: _remove_from_csv(path, id_) if _is_csv(path) else _remove_from_book(path, id_))


def _change(folder: Path, change: Callable[[Path], bool]) -> Path:
    for path in staff_files(folder):
        if change(path):
            return path
    raise NotThere(f"{folder}: no file has a place of this id")


def _is_csv(path: Path) -> bool:
    return path.suffix == ".csv"


# --- CSV ---


def _set_in_csv(path: Path, id_: str, cells: dict[str, str]) -> bool:
    text = path.read_bytes().decode()
    records = [record for record in _records(text) if len(record) > 1]
    header = [_cell(text, span).lstrip("\ufeff").strip() for span in records[0]] if records else []
    row = _find(text, records, header, id_)
    if row is None:
        return False
    edits: list[tuple[int, int, str]] = []
    for column, value in cells.items():
        if column in header:
            edits.append((*row[header.index(column)], _quoted(value)))
            continue
        header.append(column)
        for record in records:
            end = record[-1][1]
            edits.append(
                (end, end, "," + (column if record is records[0] else _quoted(value) if record is row else ""))
            )
    # From the end, so that places before stay where they are; those added at one place come in the order given.
    for start, end, new in sorted(reversed(edits), key=lambda edit: edit[0], reverse=True):
        text = text[:start] + new + text[end:]
    _write(path, lambda temporary: temporary.write_bytes(text.encode()))
    return True


def _remove_from_csv(path: Path, id_: str) -> bool:
    text = path.read_bytes().decode()
    records = [record for record in _records(text) if len(record) > 1]
    header = [_cell(text, span).lstrip("\ufeff").strip() for span in records[0]] if records else []
    row = _find(text, records, header, id_)
    if row is None:
        return False
    start, end = row[0][0], row[-1][1]
    end += len("\r\n") if text.startswith("\r\n", end) else 1
    _write(path, lambda temporary: temporary.write_bytes((text[:start] + text[end:]).encode()))
    return True


def _find(text: str, records: list, header: list[str], id_: str) -> list[tuple[int, int]] | None:
    if "id" not in header:
        return None
    place = header.index("id")
    return next((row for row in records[1:] if len(row) > place and _cell(text, row[place]).strip() == id_), None)


def _records(text: str) -> Iterator[list[tuple[int, int]]]:
    """Where each cell of each line of a CSV begins and ends, quotes included."""
    record: list[tuple[int, int]] = []
    start = at = 0
    quoted = False
    while at < len(text):
        sign = text[at]
        if quoted:
            if sign == '"' and text.startswith('""', at):
                at += 1
            elif sign == '"':
                quoted = False
        elif sign == '"' and at == start:
            quoted = True
        elif sign in ",\r\n":
            record.append((start, at))
            if sign != ",":
                yield record
                record = []
                at += text.startswith("\r\n", at)
            start = at + 1
        at += 1
    if record or start < len(text):
        yield [*record, (start, len(text))]


def _cell(text: str, span: tuple[int, int]) -> str:
    cell = text[slice(*span)]
    return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if any(sign in value for sign in ',"\r\n') else value


# --- Workbooks ---


def _set_in_book(path: Path, id_: str, cells: dict[str, str]) -> bool:
    book, header, line = _open(path, id_)
    if line is None:
        return False
    sheet = book.worksheets[0]
    for column, value in cells.items():
        if column not in header:
            header.append(column)
            sheet.cell(1, len(header), column)
        sheet.cell(line, header.index(column) + 1, value).number_format = "@"
    _write(path, book.save)
    return True


def _remove_from_book(path: Path, id_: str) -> bool:
    book, _, line = _open(path, id_)
    if line is None:
        return False
    book.worksheets[0].delete_rows(line)
    _write(path, book.save)
    return True


def _open(path: Path, id_: str) -> tuple[Workbook, list[str], int | None]:
    """The workbook, the columns of its first sheet, and the line of the place in it."""
    book = load_workbook(path)
    rows = list(book.worksheets[0].iter_rows(values_only=True))
    header = [str(cell or "").strip() for cell in rows[0]] if rows else []
    while header and not header[-1]:
        header.pop()
    if "id" not in header:
        return book, header, None
    place = header.index("id")
    line = next((n for n, row in enumerate(rows[1:], 2) if str(row[place] or "").strip() == id_), None)
    return book, header, line


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Beside the file first, then in its place: whoever reads meanwhile sees the old one or the new one."""
    temporary = path.with_name(f".{path.name}.new")
    write(temporary)
    shutil.copymode(path, temporary)
    os.replace(temporary, path)
