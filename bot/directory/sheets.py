"""The lines of a sheet, whether it was saved as CSV or as an Excel workbook: cells as text, and the line's number."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException


class SheetFault(Exception):
    """The file cannot be read on from this line; `reason` says why and what would be right."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


def lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Every line of a .csv file, or of the first sheet of an .xlsx workbook. Raises SheetFault."""
    return _of_workbook(path) if path.suffix.lower() == ".xlsx" else _of_csv(path)


def _of_csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SheetFault(line, "has letters that are not UTF-8; save it as 'CSV UTF-8'") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        reason = f"is not readable as CSV ({error}); look for a quote that is never closed"
        raise SheetFault(reader.line_num, reason) from error


def _of_workbook(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        # data_only: what a formula came to when the file was saved, not the formula.
        book = load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise SheetFault(1, f"is not readable as an Excel workbook ({error}); save it anew as .xlsx") from error
    try:
        width = 0
        for number, row in enumerate(book.worksheets[0].iter_rows(values_only=True), 1):
            cells = [_text(cell) for cell in row]
            # Excel keeps empty cells to the right of what is used.
            while len(cells) > width and not cells[-1]:
                cells.pop()
            width = width or len(cells)
            yield number, cells + [""] * (width - len(cells))
    finally:
        book.close()


def _text(cell: Any) -> str:
    """As a person would have typed it: days as 2026-05-31, whole numbers without a point."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    return str(cell)
