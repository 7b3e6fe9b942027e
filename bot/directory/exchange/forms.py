"""Which form a file has, told by what is in it and not by its name."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Protocol, runtime_checkable

import ijson

from bot.directory.exchange.hsds_csv import HsdsCsv
from bot.directory.exchange.hsds_json import HsdsJson, top_keys
from bot.directory.exchange.openstreetmap import OpenStreetMap
from bot.directory.exchange.source import Faults, Place, Progress, Raw, Unreadable
from bot.directory.exchange.spreadsheet import Spreadsheet

_WORKBOOK = "xl/workbook.xml"


@runtime_checkable
class TableSource(Protocol):
    """A form that holds the tables of HSDS; `spoken_of` are those it has something to say about, once it is read."""

    form: str
    spoken_of: set[str]

    def tables(self, progress: Progress) -> Iterator[tuple[str, Iterator[Raw]]]:
        """Each table with its rows, what is referred to first."""


class PlaceSource(Protocol):
    """A form that holds places, each of them whole."""

    form: str

    def places(self, progress: Progress) -> Iterator[Place]:
        """The places in the file's order."""


def recognise(path: Path, faults: Faults, today: date) -> TableSource | PlaceSource:
    """A reader for what is there. Raises Unreadable if it is nothing that Farol knows."""
    if path.is_dir():
        if records := sorted(path.glob("*.json")):
            records = [one for one in records if one.name != "datapackage.json"]
        return HsdsJson(records, faults) if records and not any(path.glob("*.csv")) else HsdsCsv(path, faults)
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise Unreadable(f"{path}: cannot be read ({error.strerror})") from error
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            is_workbook = _WORKBOOK in archive.namelist()
        return Spreadsheet(path, faults, today) if is_workbook else HsdsCsv(path, faults)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return _of_json(path, faults)
    if not start.strip():
        raise Unreadable(f"{path}: is empty")
    if b"\x00" in start or b"," not in start:
        raise Unreadable(
            f"{path}: is of no form that Farol knows: HSDS (JSON, or CSV in a folder or .zip), OpenStreetMap (Overpass"
            " JSON), or a spreadsheet (.xlsx, .csv) with the columns that 'farol directory template' writes"
        )
    return Spreadsheet(path, faults, today)


def _of_json(path: Path, faults: Faults) -> TableSource | PlaceSource:
    with path.open("rb") as file:
        try:
            keys = top_keys(file) or []
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise Unreadable(f"{path.name}: is not readable as JSON ({error})") from error
    return OpenStreetMap(path, faults) if "elements" in keys else HsdsJson([path], faults)
