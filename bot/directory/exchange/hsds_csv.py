"""HSDS as tabular CSV: a folder or a .zip with one file a table and, where it has one, a datapackage.json.

Files go by the names that the datapackage gives them, or by the official ones
(https://docs.openreferral.org/en/v3.0/hsds/datapackage.html). Rows are read one after the other, never all at once.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from bot.directory.exchange.source import Faults, Progress, Raw, Unreadable
from bot.directory.exchange.standard import FILES
from bot.directory.hsds import TABLES

_PACKAGE = "datapackage.json"
_LONGEST_CELL = 50_000_000
"""A service area may be the outline of a country; Python's csv stops at 131,072 letters unless told."""


class HsdsCsv:
    """The tables of a folder or an archive. Raises Unreadable for what cannot be read as a whole."""

    form = "HSDS, tabular CSV"

    def __init__(self, path: Path, faults: Faults) -> None:
        self._path = path
        self._faults = faults
        self._sizes = _members(path)
        self._files = self._find()
        if not self._files:
            raise Unreadable(f"{path}: holds none of the files of HSDS, such as services.csv")

    @property
    def spoken_of(self) -> set[str]:
        """The tables that the file has something to say about, were it that they are empty."""
        return set(self._files)

    def tables(self, progress: Progress) -> Iterator[tuple[str, Iterator[Raw]]]:
        """Each table that is there with its rows, what is referred to first; the rows must be read in that order."""
        total = sum(self._sizes[file] for file in self._files.values()) or 1
        before = 0
        for table in TABLES:
            if file := self._files.get(table):
                yield table, self._rows(table, file, before, total, progress)
                before += self._sizes[file]

    def _find(self) -> dict[str, str]:
        """Table -> member of the folder or archive."""
        by_name = {PurePosixPath(member).name: member for member in sorted(self._sizes, reverse=True)}
        named = FILES | self._package(by_name.get(_PACKAGE))
        files = {table: by_name[name] for table, name in named.items() if name in by_name}
        for member in sorted(self._sizes):
            if member not in files.values() and PurePosixPath(member).name != _PACKAGE:
                self._faults.warn(member, "file", "is no file of the standard; left out")
        return files

    def _package(self, member: str | None) -> dict[str, str]:
        """What the datapackage calls the files of the tables; folders in its paths do not count."""
        if member is None:
            return {}
        try:
            with self._open(member) as file:
                resources = json.load(file)["resources"]
            return {
                one["name"]: PurePosixPath(one["path"]).name
                for one in resources
                if one.get("name") in FILES and isinstance(one.get("path"), str)
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            self._faults.warn(member, "file", "is not readable as a datapackage; the files go by their official names")
            return {}

    def _rows(self, table: str, member: str, before: int, total: int, progress: Progress) -> Iterator[Raw]:
        name = PurePosixPath(member).name
        csv.field_size_limit(_LONGEST_CELL)
        with self._open(member) as file:
            reader = csv.reader(io.TextIOWrapper(file, "utf-8-sig", newline=""), strict=True)
            try:
                header = self._header(table, name, next(reader, []))
                columns = [(place, column) for place, column in enumerate(header) if column]
                for number, cells in enumerate(reader):
                    if number % 1000 == 0:
                        progress(name, (before + file.tell()) / total)
                    where = f"{name}:{reader.line_num}"
                    if len(cells) != len(header):
                        if cells:
                            self._faults.refuse(where, "row", f"has {len(cells)} cells, not {len(header)}")
                        continue
                    yield Raw(table, {column: cells[place] for place, column in columns}, where)
            except UnicodeDecodeError as error:
                raise Unreadable(f"{name}: has letters that are not UTF-8; save it as 'CSV UTF-8'") from error
            except csv.Error as error:
                raise Unreadable(f"{name}:{reader.line_num}: is not readable as CSV ({error})") from error
            except zipfile.BadZipFile as error:
                raise Unreadable(f"{name}: the archive is damaged ({error}); pack it anew") from error

    def _header(self, table: str, name: str, cells: list[str]) -> list[str]:
        """The columns, those that are left out as ""."""
        header = [cell.strip() for cell in cells]
        known = {column.name for column in TABLES[table].__table__.columns}
        if "id" not in header:
            hint = (
                "; its columns are separated by semicolons, save it with commas" if any(";" in c for c in cells) else ""
            )
            raise Unreadable(f"{name}:1: the first line must name the columns, and 'id' is not among them{hint}")
        for column in dict.fromkeys(header):
            if column not in known:
                self._faults.warn(f"{name}:1", column or "header", "is no column of the standard; left out")
            elif header.count(column) > 1:
                raise Unreadable(f"{name}:1: the column '{column}' stands there {header.count(column)} times")
        return [column if column in known else "" for column in header]

    @contextmanager
    def _open(self, member: str) -> Iterator[BinaryIO]:
        if self._path.is_dir():
            with (self._path / member).open("rb") as file:
                yield file
        else:
            with zipfile.ZipFile(self._path) as archive, archive.open(member) as file:
                yield file


def _members(path: Path) -> dict[str, int]:
    """The files in a folder or an archive, and their sizes in bytes."""
    if path.is_dir():
        return {one.name: one.stat().st_size for one in path.iterdir() if one.is_file() and one.name[0] != "."}
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                one.filename: one.file_size
                for one in archive.infolist()
                if not one.is_dir() and not one.filename.startswith("__MACOSX/")
            }
    except zipfile.BadZipFile as error:
        raise Unreadable(f"{path}: is no readable .zip archive ({error})") from error
