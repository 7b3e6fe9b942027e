"""A plain spreadsheet: one row a place, the columns of content/directory/README.md, .csv or .xlsx."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from bot.directory.exchange.source import Faults, Place, Progress, Unreadable
from bot.directory.listing import entries
from bot.directory.rows import COLUMNS, MORE_COLUMNS, Row, numbered
from bot.directory.terms import Answer


class Spreadsheet:
    """One file. A row with a fault is refused, the others are taken."""

    form = "spreadsheet, one row a place"

    def __init__(self, path: Path, faults: Faults, today: date) -> None:
        self._path = path
        self._faults = faults
        self._today = today

    def places(self, progress: Progress) -> Iterator[Place]:
        """The rows of the file. Raises Unreadable for what is wrong with it as a whole."""
        whole: list[str] = []

        def fault(line: int, column: str, reason: str) -> None:
            where = f"{self._path.name}:{line}"
            if column in ("file", "header"):
                whole.append(f"{where} {column}: {reason}")
            else:
                self._faults.refuse(where, column, reason)

        for line, id_, row in numbered(self._path, self._today, {}, fault):
            where = f"{self._path.name}:{line}"
            if line % 100 == 0:
                progress(where, 0.5)
            yield Place(id_, where, tuple(entries(row, where)) if row else None)
        if whole:
            raise Unreadable("\n".join(whole))


def cells_of(row: Row) -> dict[str, str]:
    """The row as the staff would write it, empty cells included: what `rows.read` reads as the same row again."""
    cells = {name: _cell(getattr(row, name)) for name in (*COLUMNS, *MORE_COLUMNS)}
    return cells | {f"{field}:{language}": text for field, language, text in row.translations}


def _cell(value: Any) -> str:
    if isinstance(value, tuple):
        return ";".join(map(str, value))
    if value is None or value is Answer.UNKNOWN:
        return ""
    return repr(value) if isinstance(value, float) else str(value)
