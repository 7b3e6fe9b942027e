"""The directory as HSDS's tabular files: a CSV file for each table and a datapackage.json that describes them.

Written for programs: every cell stands as it is in the database, so that what goes out comes back the same. Text that
begins with "=" is not defused here; people who want a spreadsheet take export_sheet's. An empty cell is a missing value:
CSV cannot tell it from an empty text.

The datapackage promises what the standard demands as far as the data keep it: where a row has no postal code, "required"
is left out, so that the files always agree with their own description.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO
from zipfile import ZIP_DEFLATED, ZipFile

from sqlalchemy import Column, Date, Float, RowMapping, Table, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import UtcTime
from bot.directory.exchange.export import snapshot
from bot.directory.exchange.nested import POINTERS, told
from bot.directory.exchange.scope import PARTS, Scope
from bot.directory.exchange.standard import FILES
from bot.directory.hsds import TABLES

ENUMS = {
    ("service", "status"): ("active", "inactive", "defunct", "temporarily closed"),
    ("location", "location_type"): ("physical", "postal", "virtual"),
    ("address", "address_type"): ("physical", "postal", "virtual"),
    ("schedule", "freq"): ("WEEKLY", "MONTHLY"),
    ("schedule", "wkst"): ("MO", "TU", "WE", "TH", "FR", "SA", "SU"),
}
_URIS = {
    ("organization", "website"), ("organization", "uri"), ("service", "url"), ("location", "url"),
    ("schedule", "schedule_link"), ("required_document", "uri"), ("accessibility", "url"), ("taxonomy", "uri"),
    ("taxonomy_term", "term_uri"),
}  # fmt: skip
_TIMES = {("schedule", "opens_at"), ("schedule", "closes_at")}
_KEEPS = {
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "email": re.compile(r"[A-Za-z0-9_-]+([.+][A-Za-z0-9_-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}"),
    "uri": re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?([/?#]([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"),
    "time": re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d"),
}
"""Values that everybody's checkers take; what is not one of these only loosens the description."""
_BATCH = 2000


async def write(
    session: AsyncSession, scope: Scope, path: Path, done: Callable[[int], None] = lambda services: None
) -> dict[str, int]:
    """Write a folder, or a .zip if `path` is called so; returns the number of rows by table.

    `done` hears how many services have been written. Raises FileExistsError for a folder with something in it.
    """
    await snapshot(session)
    counts: dict[str, int] = {}
    loose: set[tuple[str, str, str]] = set()
    with _files(path) as create:
        for name, file in FILES.items():
            with create(file) as out:
                counts[name] = await _table(session, scope, name, csv.writer(out), loose, done)
        with create("datapackage.json") as out:
            json.dump(datapackage(loose), out, ensure_ascii=False, indent=2)
    return counts


def datapackage(loose: set[tuple[str, str, str]] = frozenset()) -> dict[str, Any]:
    """The description of the files as Frictionless has it. `loose`: (table, column, "required", "format" or "enum")
    that the data do not keep."""
    return {
        "name": "human_services_data",
        "title": "Human Services Data Specification",
        "profile": "tabular-data-package",
        "version": "3.0.0",
        "homepage": "http://docs.openreferral.org",
        "resources": [
            {
                "name": name, "path": file, "format": "csv", "mediatype": "text/csv", "encoding": "utf-8",
                "profile": "tabular-data-resource", "schema": _schema(TABLES[name].__table__, loose),
            }
            for name, file in FILES.items()
        ],
    }  # fmt: skip


# --- Rows ---


async def _table(
    session: AsyncSession, scope: Scope, name: str, out: Any, loose: set, done: Callable[[int], None]
) -> int:
    model = TABLES[name].__table__
    columns = list(model.columns)
    out.writerow([column.name for column in columns])
    count, last = 0, ""
    while True:
        query = select(model).where(model.c.id > last).order_by(model.c.id).limit(_BATCH)
        rows = list((await session.execute(query)).mappings())
        if not rows:
            return count
        last = rows[-1]["id"]
        given = await _given(session, scope, name, rows)
        dropped = await _dropped(session, scope, name, rows)
        kept = [row for row in rows if row["id"] in given]
        for row in kept:
            cells = [
                None
                if (column.name, row[column.name]) in dropped or (name, column.name) in scope.hidden_columns
                else told(row[column.name])
                for column in columns
            ]
            _loosen(name, columns, cells, loose)
            out.writerow(cells)
        count += len(kept)
        if name == "service":
            done(len(kept))


async def _given(session: AsyncSession, scope: Scope, name: str, rows: list[RowMapping]) -> set[str]:
    if name in ("contact", "metadata") and not scope.people:
        return set()
    if name in PARTS:
        owners = {row["id"]: tuple(row[column] for column in PARTS[name]) for row in rows}
        whole = await scope.whole(session, name, owners)
        # Rows that belong to nothing may have belonged to a place that is hidden.
        return whole if scope.everything else {id_ for id_ in whole if any(owners[id_])}
    if name in ("attribute", "metadata"):
        column = "link_id" if name == "attribute" else "resource_id"
        there = await scope.linked(session, {row[column] for row in rows})
        return {
            row["id"] for row in rows if row[column] in there and row.get("taxonomy_term_id") not in scope.hidden_facts
        }
    return await scope.given(session, name, {row["id"] for row in rows})


async def _dropped(session: AsyncSession, scope: Scope, name: str, rows: list[RowMapping]) -> set[tuple[str, str]]:
    """Columns with values that point at what is not given out."""
    found = set()
    for column, owner in () if scope.everything else POINTERS.get(name, ()):
        ids = {row[column] for row in rows if row[column]}
        found |= {(column, id_) for id_ in ids - await scope.given(session, owner, ids)}
    return found


def _loosen(name: str, columns: list[Column], cells: list[Any], loose: set[tuple[str, str, str]]) -> None:
    for column, cell in zip(columns, cells, strict=True):
        if cell is None or cell == "":
            if not column.nullable:
                loose.add((name, column.name, "required"))
        elif (form := _form(name, column)) and not _KEEPS[form].fullmatch(str(cell)):
            loose.add((name, column.name, "format"))
        elif cell not in ENUMS.get((name, column.name), (cell,)):
            loose.add((name, column.name, "enum"))


# --- The description ---


def _schema(model: Table, loose: set[tuple[str, str, str]]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "primaryKey": "id",
        "fields": [_field(model.name, column, loose) for column in model.columns],
    }
    keys = [
        {"fields": column.name, "reference": {"resource": key.column.table.name, "fields": "id"}}
        for column in model.columns
        for key in column.foreign_keys
        if key.column.table is not model  # a file that refers to itself trips some checkers, and HSDS names none
    ]
    return schema | ({"foreignKeys": keys} if keys else {})


def _field(name: str, column: Column, loose: set[tuple[str, str, str]]) -> dict[str, Any]:
    field: dict[str, Any] = {"name": column.name, "type": _type(name, column, loose)}
    form = _form(name, column)
    if form and form != "time" and (name, column.name, "format") not in loose:
        field["format"] = form
    constraints: dict[str, Any] = {
        "required": not column.nullable and (name, column.name, "required") not in loose, "unique": column.primary_key,
    }  # fmt: skip
    if (enum := ENUMS.get((name, column.name))) and (name, column.name, "enum") not in loose:
        constraints["enum"] = list(enum)
    return field | {"constraints": constraints}


def _type(name: str, column: Column, loose: set[tuple[str, str, str]]) -> str:
    if isinstance(column.type, UtcTime):
        return "datetime"
    if isinstance(column.type, Date):
        return "date"
    if isinstance(column.type, Float):
        return "number"
    time = (name, column.name) in _TIMES and (name, column.name, "format") not in loose
    return "time" if time else "string"


def _form(name: str, column: Column) -> str | None:
    if (name, column.name) in _TIMES:
        return "time"
    if (name, column.name) in _URIS:
        return "uri"
    if column.name in ("email", "assurer_email"):
        return "email"
    if column.primary_key or column.foreign_keys or column.name in ("link_id", "resource_id", "parent_organization_id"):
        return "uuid"
    return None


# --- Files ---


@contextmanager
def _files(path: Path) -> Iterator[Callable[[str], Any]]:
    """Gives a way to open each file for writing. A folder appears whole or not at all, and so does a .zip."""
    beside = path.with_name(f".{path.name}.part")
    if path.suffix == ".zip":
        try:
            with ZipFile(beside, "w", ZIP_DEFLATED) as archive:

                @contextmanager
                def member(name: str) -> Iterator[TextIO]:
                    with (
                        archive.open(name, "w", force_zip64=True) as raw,
                        io.TextIOWrapper(raw, "utf-8", newline="") as out,
                    ):
                        yield out

                yield member
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        return
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(f"{path}: is there already; name a new folder, or a .zip")
    beside.mkdir(parents=True)
    try:
        yield lambda name: (beside / name).open("w", encoding="utf-8", newline="")
        if path.exists():
            path.rmdir()
        beside.rename(path)
    finally:
        if beside.exists():
            for file in beside.iterdir():
                file.unlink()
            beside.rmdir()
