"""A place on disk where rows that come in any order, some of them several times, wait until they can be written.

Nested data names the same phone under a service, its location and its organization: it is one row with several owners.
A temporary SQLite file holds the rows, so that memory does not grow with the file; it is gone after the import.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.directory.exchange.source import Raw

_AT_ONCE = 5_000


class Scratch:
    """Rows by table and id. A cell told twice keeps what was told first; `close` removes the file."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="farol-import-")
        self._db = sqlite3.connect(Path(self._folder.name) / "rows.db", isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE rows (number INTEGER PRIMARY KEY, name TEXT, id TEXT, place TEXT, cells TEXT,"
            " UNIQUE (name, id));"
        )
        self._waiting: dict[tuple[str, Any], Raw] = {}
        self._nameless = 0

    def add(self, raw: Raw) -> None:
        """Keep a row, or what it says beyond what is known of it."""
        id_ = raw.values.get("id")
        if not isinstance(id_, str):
            # Nothing to know it by: kept apart, to be refused with its place in the file.
            self._nameless += 1
            id_ = f"\x00{self._nameless}"
        known = self._waiting.get((raw.table, id_))
        if known:
            _complete(known.values, raw.values)
        else:
            self._waiting[raw.table, id_] = raw
            if len(self._waiting) >= _AT_ONCE:
                self._flush()

    def count(self, table: str) -> int:
        """How many rows a table has."""
        self._flush()
        return self._db.execute("SELECT count(*) FROM rows WHERE name = ?", (table,)).fetchone()[0]

    def rows(self, table: str) -> Iterator[Raw]:
        """The rows of a table in the order in which they came."""
        self._flush()
        for place, cells in self._db.execute("SELECT place, cells FROM rows WHERE name = ? ORDER BY number", (table,)):
            yield Raw(table, json.loads(cells), place)

    def close(self) -> None:
        """Remove everything."""
        self._db.close()
        self._folder.cleanup()

    def _flush(self) -> None:
        if not self._waiting:
            return
        new = []
        find = "SELECT number, cells FROM rows WHERE name = ? AND id = ?"
        self._db.execute("BEGIN")
        for (table, id_), raw in self._waiting.items():
            key = (table, _storable(id_))
            if there := self._db.execute(find, key).fetchone():
                known = json.loads(there[1])
                if _complete(known, raw.values):
                    self._db.execute("UPDATE rows SET cells = ? WHERE number = ?", (json.dumps(known), there[0]))
            else:
                new.append((*key, raw.where, json.dumps(raw.values)))
        self._db.executemany("INSERT INTO rows (name, id, place, cells) VALUES (?, ?, ?, ?)", new)
        self._db.execute("COMMIT")
        self._waiting.clear()


def _complete(known: dict[str, Any], more: dict[str, Any]) -> bool:
    """Fill what is empty in `known`; True if that was anything."""
    news = {name: cell for name, cell in more.items() if known.get(name) in (None, "") and cell not in (None, "")}
    known.update(news)
    return bool(news)


def _storable(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").hex() if not text.isascii() else text
