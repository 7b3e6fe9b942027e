"""HSDS as JSON: nested services, organizations, locations and the like, lists and pages of them, and tabular.json.

The nesting is that of the standard's compiled schemas
(https://docs.openreferral.org/en/v3.0/hsds/schema_reference.html): a part stands inside its owner, under its table's
plural, and the owner's id is its foreign key.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import ijson

from bot.directory.exchange.scratch import Scratch
from bot.directory.exchange.source import Faults, Progress, Raw, Unreadable
from bot.directory.exchange.standard import FILES
from bot.directory.hsds import TABLES

PARTS = {
    "services": "service", "organizations": "organization", "locations": "location", "programs": "program",
    "service_at_locations": "service_at_location", "phones": "phone", "schedules": "schedule",
    "contacts": "contact", "addresses": "address", "languages": "language", "accessibility": "accessibility",
    "service_areas": "service_area", "funding": "funding", "cost_options": "cost_option",
    "required_documents": "required_document", "organization_identifiers": "organization_identifier",
    "attributes": "attribute", "metadata": "metadata",
}  # fmt: skip
"""Key of a list inside an owner -> table of what is in it."""

WHOLES = {
    "organization": ("organization", "organization_id"), "program": ("program", "program_id"),
    "service": ("service", "service_id"), "location": ("location", "location_id"),
    "taxonomy_term": ("taxonomy_term", "taxonomy_term_id"), "taxonomy_detail": ("taxonomy", "taxonomy_id"),
}  # fmt: skip
"""Key of an object that its owner refers to -> its table and the owner's column."""

SIGNS = (
    ("service_at_location", {"location", "location_id", "service", "service_id"}),
    ("service", {"status", "service_at_locations", "organization", "program", "eligibility_description"}),
    ("location", {"location_type", "latitude", "addresses"}),
    ("taxonomy_term", {"taxonomy_detail", "taxonomy", "parent_id", "term_uri", "code"}),
    ("taxonomy", {"version"}),
    ("organization", {"description", "website", "services", "locations"}),
)  # fmt: skip
"""Table -> keys of which a record of it has one at least; the first that fits counts. HSDS records do not say."""

COLLECTIONS = PARTS | {
    "taxonomies": "taxonomy", "taxonomy_terms": "taxonomy_term", "meta_table_descriptions": "meta_table_description",
}  # fmt: skip
"""Key of a list at the top of a file that holds several kinds of record, as `farol directory export` writes it."""

_FILES = {name: table for table, name in FILES.items()}


class HsdsJson:
    """One or more files. They are read whole into a Scratch first: what is referred to may come last."""

    form = "HSDS, JSON"

    def __init__(self, paths: list[Path], faults: Faults) -> None:
        self._paths = paths
        self._faults = faults
        self._scratch = Scratch()
        self.spoken_of: set[str] = set()

    def tables(self, progress: Progress) -> Iterator[tuple[str, Iterator[Raw]]]:
        """Each table that is there with its rows, what is referred to first. Raises Unreadable."""
        try:
            total = sum(path.stat().st_size for path in self._paths) or 1
            before = 0
            for path in self._paths:
                with path.open("rb") as file:
                    for number, (table, record, where) in enumerate(self._records(path.name, file)):
                        self._flatten(table, record, where)
                        if number % 200 == 0:
                            progress(f"reading {path.name}", (before + file.tell()) / total / 2)
                before += path.stat().st_size
            counts = {table: count for table in TABLES if (count := self._scratch.count(table))}
            if not counts:
                raise Unreadable(f"{self._paths[0]}: holds no records")
            done, all_ = 0, sum(counts.values())
            for table, count in counts.items():
                progress(table, 0.5 + done / all_ / 2)
                yield table, self._scratch.rows(table)
                done += count
        finally:
            self._scratch.close()

    # --- Finding the records ---

    def _records(self, name: str, file: BinaryIO) -> Iterator[tuple[str, dict[str, Any], str]]:
        """Table, record and place ("file.json/contents/3") of everything at the top of a file."""
        try:
            keys = top_keys(file)
            if keys is None:
                yield from self._listed(name, file, "item", name)
            elif "contents" in keys:
                yield from self._listed(name, file, "contents.item", f"{name}/contents")
            elif "id" not in keys and (kinds := [key for key in keys if key in COLLECTIONS]):
                for key in kinds:
                    file.seek(0)
                    self.spoken_of.add(COLLECTIONS[key])
                    for number, record in enumerate(ijson.items(file, f"{key}.item", use_float=True)):
                        if self._is_object(record, where := f"{name}/{key}/{number}"):
                            yield COLLECTIONS[key], record, where
            elif tabular := [key for key in keys if key in _FILES]:
                for key in tabular:
                    file.seek(0)
                    self.spoken_of.add(_FILES[key])
                    for number, record in enumerate(ijson.items(file, f"{key}.item", use_float=True)):
                        if self._is_object(record, where := f"{name}/{key}/{number}"):
                            yield _FILES[key], record, where
                for key in (key for key in keys if key not in _FILES):
                    self._faults.warn(f"{name}/{key}", "file", "is no file of the standard; left out")
            else:
                # One record, or several one after the other (JSON lines).
                file.seek(0)
                records = ijson.items(file, "", use_float=True, multiple_values=True)
                for number, record in enumerate(records):
                    yield from self._recognised(record, f"{name}/{number}" if number else name)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise Unreadable(f"{name}: is not readable as JSON ({error})") from error

    def _listed(self, name: str, file: BinaryIO, prefix: str, place: str) -> Iterator[tuple[str, dict, str]]:
        file.seek(0)
        for number, record in enumerate(ijson.items(file, prefix, use_float=True)):
            yield from self._recognised(record, f"{place}/{number}")

    def _recognised(self, record: Any, where: str) -> Iterator[tuple[str, dict, str]]:
        if not self._is_object(record, where):
            return
        table = next((table for table, signs in SIGNS if signs & record.keys()), None)
        if table is None:
            self._faults.refuse(where, "record", "is of no kind that the standard has; services have a 'status'")
        else:
            yield table, record, where

    def _is_object(self, record: Any, where: str) -> bool:
        if not isinstance(record, dict):
            self._faults.refuse(where, "record", "is no object with columns as its keys")
        return isinstance(record, dict)

    # --- Taking them apart ---

    def _flatten(self, table: str, record: dict[str, Any], where: str, more: dict[str, Any] | None = None) -> None:
        self.spoken_of.add(table)
        cells = dict(more or ())
        columns = TABLES[table].__table__.columns
        id_ = record.get("id")
        for key, value in record.items():
            if key in WHOLES and isinstance(value, dict):
                target, column = WHOLES[key]
                self._flatten(target, value, f"{where}/{key}", _runner(record, cells) if key == "program" else None)
                cells[column] = value.get("id")
            elif key in PARTS and isinstance(value, list):
                self.spoken_of.add(PARTS[key])
                for number, part in enumerate(value):
                    place = f"{where}/{key}/{number}"
                    if self._is_object(part, place):
                        self._flatten(PARTS[key], part, place, _owner(PARTS[key], table, id_))
            elif key in columns or not isinstance(value, dict | list):
                cells[key] = value
            elif value:
                self._faults.warn(where, key, "is no part of the standard; left out")
        self._scratch.add(Raw(table, cells, where))


def top_keys(file: BinaryIO) -> list[str] | None:
    """The keys at the top of a JSON object, in order; None for a list. Raises ijson.JSONError.

    Reads no further than `elements`, `contents` or the second object (JSON lines): large files have those.
    """
    file.seek(0)
    keys: list[str] = []
    depth = 0
    for event, value in ijson.basic_parse(file, multiple_values=True):
        if event == "start_array" and depth == 0:
            return None
        if event == "map_key" and depth == 1:
            keys.append(value)
            if value in ("elements", "contents"):
                return keys
        depth += {"start_map": 1, "start_array": 1, "end_map": -1, "end_array": -1}.get(event, 0)
        if depth == 0:
            return keys
    return keys


def _runner(service: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """A program inside a service does not say whose it is: of the organization that runs the service."""
    whole = service.get("organization")
    named = whole.get("id") if isinstance(whole, dict) else None
    return {"organization_id": named or service.get("organization_id") or more.get("organization_id")}


def _owner(table: str, owner: str, id_: Any) -> dict[str, Any]:
    """What a part says of the record that it stands in."""
    if table == "attribute":
        return {"link_id": id_, "link_entity": owner}
    if table == "metadata":
        return {"resource_id": id_, "resource_type": owner}
    column = f"{owner}_id"
    return {column: id_} if column in TABLES[table].__table__.columns else {}
