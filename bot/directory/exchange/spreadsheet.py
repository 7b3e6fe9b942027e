"""A plain spreadsheet: one row a place, the columns of content/directory/README.md, .csv or .xlsx."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from pathlib import Path

from bot.directory.exchange.source import Faults, Progress, Unreadable
from bot.directory.intake import Entry
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
        self.refused: set[str] = set()
        """Always empty: the id of a row with a fault is not known for sure, see `named`."""
        self.named: set[str] = set()

    async def places(self, progress: Progress) -> Iterator[tuple[str, list[Entry]]]:
        raise NotImplementedError
