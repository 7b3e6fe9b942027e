"""The directory in the staff's own columns, one row a place, as a workbook or as CSV.

HSDS can say more than these columns hold: a place is written only when nothing of it would be lost, and the others are
counted with the reason. (Not looked at: the change log, and the day of the last change.)
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TextIO

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.directory.exchange.export import snapshot
from bot.directory.exchange.nested import CHILDREN, Nest, Object, told
from bot.directory.exchange.scope import Scope
from bot.directory.hsds import Attribute, Service, TaxonomyTerm
from bot.directory.listing import entries
from bot.directory.models import Listing
from bot.directory.rows import COLUMNS, MORE_COLUMNS, Row
from bot.directory.terms import (
    FACTS,
    GROUPS,
    KINDS,
    TEXT_FACTS,
    TRANSLATED,
    TRANSLATIONS,
    YES_NO_FACTS,
    Answer,
    answer,
    stable_id,
)

_BATCH = 250
_FORMULA = re.compile(r"[=+\-@\t\r]")
_HARMLESS = re.compile(r"[+-][\d .()/-]*")
"""Numbers of telephones and degrees."""
_DATES = ("source_read", "closed_until")
_BY_ITSELF = {
    ("service", "last_modified"), ("service", "status"), ("location", "name"), ("location", "organization_id"),
}  # fmt: skip
"""Columns that a row fills by itself, or that are looked at apart."""


class Misfit(Exception):
    """A place that the columns cannot hold; the message says why."""


@dataclass(frozen=True)
class Sheet:
    """How many places were written, and how many were not, by reason."""

    written: int
    left_out: dict[str, int]


async def write_xlsx(
    session: AsyncSession, scope: Scope, path: Path, done: Callable[[int], None] = lambda services: None
) -> Sheet:
    """One workbook with one sheet. Every cell is text: none is ever calculated."""
    left_out: Counter[str] = Counter()
    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet("places")
    page.freeze_panes = "B2"
    await snapshot(session)
    head = await _columns(session)

    def cell(text: str, bold: bool = False) -> WriteOnlyCell:
        made = WriteOnlyCell(page, text or None)
        if text:
            made.data_type = "s"  # a text that begins with = is not a formula
        if bold:
            made.font = Font(bold=True)
        return made

    page.append([cell(name, bold=True) for name in head])
    written = 0
    async for cells in _places(session, scope, head, left_out, done):
        if any(ILLEGAL_CHARACTERS_RE.search(text) for text in cells):
            left_out["an invisible character"] += 1
            continue
        page.append([cell(text) for text in cells])
        written += 1
    beside = path.with_name(f".{path.name}.part")
    book.save(beside)
    beside.replace(path)
    return Sheet(written, dict(left_out))


async def write_csv(
    session: AsyncSession, scope: Scope, file: TextIO, done: Callable[[int], None] = lambda services: None
) -> Sheet:
    """CSV for spreadsheets. A place with a text that a spreadsheet would calculate is left out: an apostrophe before it
    would come back as part of the name. `file` is opened with newline=""."""
    left_out: Counter[str] = Counter()
    await snapshot(session)
    head = await _columns(session)
    out = csv.writer(file)
    out.writerow(head)
    written = 0
    async for cells in _places(session, scope, head, left_out, done):
        if any(_FORMULA.match(text) and not _HARMLESS.fullmatch(text) for text in cells):
            left_out["a text that begins like a formula (take xlsx)"] += 1
            continue
        out.writerow(cells)
        written += 1
    return Sheet(written, dict(left_out))


def row_of(service: Object, listing: str) -> Row:
    """The row of a service (nested, with its places) that a list calls `listing`. Raises Misfit."""
    places = service.get("service_at_locations", [])
    if len(places) != 1:
        raise Misfit("no place" if not places else "more than one place")
    if service["status"] != "active":
        raise Misfit("not active")
    place, location = places[0], places[0]["location"]
    if "latitude" not in location or "longitude" not in location:
        raise Misfit("no point on the map")
    if location.get("name", service["name"]) != service["name"]:
        raise Misfit("a location with a name of its own")
    address = _only(location, "addresses", "address")
    said = _Said(service, location)
    facts = {fact: answer(said.fact(fact)) for fact in YES_NO_FACTS}
    texts = {fact: said.fact(fact) for fact in TEXT_FACTS if fact not in _DATES}
    days = {fact: _day(said.fact(fact)) for fact in _DATES}
    schedules = place.get("schedules", [])
    on_days = bool(schedules) and all("valid_from" in one for one in schedules)
    row = Row(
        id=listing,
        organization=service["organization"]["name"],
        name=service["name"],
        kinds=said.codes(KINDS),
        description=service.get("description", ""),
        address=address["address_1"],
        city=address["city"],
        country=address["country"],
        latitude=float(location["latitude"]),
        longitude=float(location["longitude"]),
        phone=_only(service, "phones", "phone", needed=False).get("number", ""),
        email=service.get("email", ""),
        website=service.get("url", ""),
        hours=schedules[0].get("description", "") if schedules else "",
        languages=tuple(sorted(one["code"] for one in service.get("languages", []) if "code" in one)),
        last_verified=_day(service.get("assured_date")),
        notes="",
        postal_code=address["postal_code"],
        region=address["state_province"],
        populations=said.codes(GROUPS),
        eligibility=service.get("eligibility_description", ""),
        cost=_only(service, "cost_options", "cost", needed=False).get("option", ""),
        documents=tuple(_documents(service, listing)),
        accessibility=_only(location, "accessibility", "accessibility", needed=False).get("description", ""),
        dates=tuple(filter(None, (_day(one["valid_from"]) for one in schedules))) if on_days else (),
        translations=tuple(said.translations()),
        **facts,
        **texts,
        **days,
    )
    lost = _flat(service) - _flat_row(row)
    if lost:
        table, values = min(lost, key=str)
        raise Misfit(f"more than a row can hold: {table} {', '.join(sorted(name for name, _ in values))}".strip())
    return row


# --- Places of the database ---


async def _places(
    session: AsyncSession, scope: Scope, head: list[str], left_out: Counter[str], done: Callable[[int], None]
) -> AsyncIterator[list[str]]:
    last = ""
    while True:
        wanted = select(Service.id).where(scope.services(), Service.id > last).order_by(Service.id).limit(_BATCH)
        ids = list(await session.scalars(wanted))
        if not ids:
            return
        last = ids[-1]
        listings = dict(
            (await session.execute(select(Listing.service_id, Listing.id).where(Listing.service_id.in_(ids)))).all()
        )
        for service in await Nest(session, scope).services(ids, whole_organization=False):
            try:
                row = row_of(service, listings.get(service["id"], service["id"]))
            except Misfit as misfit:
                left_out[str(misfit)] += 1
            else:
                yield _cells(row, head)
        done(len(ids))


async def _columns(session: AsyncSession) -> list[str]:
    """Those every list has, those it may have, and one for each language that some name or description is in."""
    codes = await session.scalars(
        select(TaxonomyTerm.code)
        .where(TaxonomyTerm.taxonomy_id == TRANSLATIONS)
        .where(select(Attribute.id).where(Attribute.taxonomy_term_id == TaxonomyTerm.id).exists())
        .order_by(TaxonomyTerm.code)
    )
    return [*COLUMNS, *MORE_COLUMNS, *(code.replace(".", ":", 1) for code in codes if code)]


def _cells(row: Row, head: list[str]) -> list[str]:
    translated = {f"{field}:{language}": text for field, language, text in row.translations}
    return [translated.get(name, "") if ":" in name else _cell(getattr(row, name)) for name in head]


def _cell(value: Any) -> str:
    if value is None or value is Answer.UNKNOWN:
        return ""
    if isinstance(value, tuple):
        return ";".join(_cell(one) for one in value)
    return repr(value) if isinstance(value, float) else str(value)


# --- What a row would lose ---


def _flat(service: Object) -> Counter[tuple[str, frozenset]]:
    """Every row of a nested service, without ids."""
    found: Counter[tuple[str, frozenset]] = Counter()

    def take(table: str, one: Object) -> None:
        found[table, _values(table, one)] += 1
        for key, child in CHILDREN.get(table, ()):
            for row in one.get(key, ()):
                take(child, row)
        for attribute in one.get("attributes", ()):
            term = attribute["taxonomy_term"]
            found["attribute", _attribute(table, term["id"], attribute.get("value"), attribute)] += 1

    take("service", service)
    take("organization", service["organization"])
    if "program" in service:
        take("program", service["program"])
    for place in service["service_at_locations"]:
        take("service_at_location", place)
        take("location", place["location"])
    return found


def _flat_row(row: Row) -> Counter[tuple[str, frozenset]]:
    """The same of what the row would make."""
    found: Counter[tuple[str, frozenset]] = Counter()
    for entry in entries(row):
        if entry.table == "attribute":
            values = entry.values
            made = _attribute(values["link_entity"], values["taxonomy_term_id"], values["value"], values)
            found["attribute", made] += 1
        elif entry.table != "taxonomy_term":
            found[entry.table, _values(entry.table, entry.values)] += 1
    return found


def _values(table: str, row: dict[str, Any]) -> frozenset:
    """What a row says. Of what it belongs to, only the kind counts: a telephone of the service, or of the place."""
    kept = set()
    for name, value in row.items():
        if value is None or value == "" or isinstance(value, (list, dict)) or name == "id":
            continue
        if (table, name) in _BY_ITSELF:
            continue
        kept.add((name, "" if name.endswith("_id") else told(value)))
    return frozenset(kept)


def _attribute(table: str, term: str, value: str | None, row: dict[str, Any]) -> frozenset:
    said = {("link_entity", table), ("taxonomy_term_id", term), ("value", value or "")}
    if row.get("link_type"):
        said.add(("link_type", row["link_type"]))
    return frozenset(said)


class _Said:
    """The attributes of a service and of its location."""

    def __init__(self, service: Object, location: Object) -> None:
        self._rows = [
            (one["taxonomy_term"].get("taxonomy_id"), one["taxonomy_term"].get("code", ""), one.get("value", ""))
            for of in (location, service)
            for one in of.get("attributes", ())
        ]

    def fact(self, code: str) -> str:
        return next((value for taxonomy, known, value in self._rows if (taxonomy, known) == (FACTS, code)), "")

    def codes(self, taxonomy: str) -> tuple[str, ...]:
        return tuple(sorted({code for which, code, _ in self._rows if which == taxonomy}))

    def translations(self) -> list[tuple[str, str, str]]:
        found = []
        for taxonomy, code, value in self._rows:
            field, _, language = code.partition(".")
            if taxonomy == TRANSLATIONS and field in TRANSLATED and value:
                found.append((field, language, value))
        return sorted(found)


def _documents(service: Object, listing: str) -> list[str]:
    """In the order in which the list had them, which their ids tell."""
    rows = service.get("required_documents", [])
    places = {stable_id("required_document", f"{listing}/{number}"): number for number in range(len(rows))}
    return [one.get("document", "") for one in sorted(rows, key=lambda one: places.get(one["id"], len(rows)))]


def _only(of: Object, key: str, what: str, *, needed: bool = True) -> Object:
    rows = of.get(key, [])
    if len(rows) > 1 or needed and not rows:
        raise Misfit(f"no {what}" if not rows else f"more than one {what}")
    return rows[0] if rows else {}


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Misfit("a day that cannot be read") from None
