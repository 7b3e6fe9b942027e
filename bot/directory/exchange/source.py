"""What every form of file is read into: rows as they stood there, and the faults that are told about them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.directory.intake import Entry, Fault
from bot.directory.listing import DATASET as STAFF

Progress = Callable[[str, float], None]
"""Told what is being done and how much of it is done, 0 to 1."""

_SHOWN = 20
_NUMBERS = re.compile(r"[:/]\d+")


class Unreadable(Exception):
    """The file as a whole cannot be taken: what is wrong with it and what would be right."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A row of a table of HSDS as it stood in a file: text from CSV, also numbers from JSON. `where`: "phones.csv:12"."""

    table: str
    values: dict[str, Any]
    where: str


def kept_by(id_: str, dataset: str) -> str:
    """Why a place that another dataset brought is refused: two sources would undo each other's work for ever."""
    hint = "" if dataset == STAFF else f"; a newer file of the same data needs --dataset {dataset}"
    return f"'{id_}' is kept by the dataset '{dataset}' already{hint}"


class Faults:
    """Collects faults. Every refusal is kept; of warnings alike the first 20 and how many more there were.

    Alike are those of one file and column, so that a large file with one bad habit fills neither screen nor memory.
    """

    def __init__(self) -> None:
        self._told: list[Fault] = []
        self._alike: Counter[tuple[str, str]] = Counter()
        self.refusals = 0

    def refuse(self, where: str, column: str, reason: str) -> None:
        """The row is not taken over."""
        self.refusals += 1
        self._told.append(Fault(where, column, reason))

    def warn(self, where: str, column: str, reason: str) -> None:
        """The row is taken over, but for what is said here."""
        alike = (_NUMBERS.sub("", where), column)
        self._alike[alike] += 1
        if self._alike[alike] <= _SHOWN:
            self._told.append(Fault(where, column, reason, refused=False))

    def all(self) -> tuple[Fault, ...]:
        """Everything told, in order, and at the end what was counted only."""
        more = [
            Fault(file, column, f"{count - _SHOWN} more warnings about this column", refused=False)
            for (file, column), count in self._alike.items()
            if count > _SHOWN
        ]
        return (*self._told, *more)


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a file that is no table of HSDS: what it is called, and what it makes; None if it was refused."""

    listing: str
    where: str
    entries: tuple[Entry, ...] | None
