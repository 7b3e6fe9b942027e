"""Takes rows of HSDS into the directory: compares, writes what differs, and reports what became of each listing.

Whatever a file's form, its reader turns it into `Entry`s (a row of one table and where it stood) and hands them over in
batches, owners before or together with what belongs to them. Everything happens in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import now
from bot.directory import spots
from bot.directory.hsds import TABLES, Attribute, Service
from bot.directory.models import Listing
from bot.directory.terms import TAXONOMIES, fixed_terms

_CHUNK = 500
_PARTS = {
    "service_at_location": ("service_id",),
    "organization_identifier": ("organization_id",),
    "contact": ("organization_id", "service_id", "service_at_location_id", "location_id"),
    "address": ("location_id",),
    "phone": ("location_id", "service_id", "organization_id", "contact_id", "service_at_location_id"),
    "schedule": ("service_id", "location_id", "service_at_location_id"),
    "language": ("service_id", "location_id", "phone_id"),
    "accessibility": ("location_id",),
    "cost_option": ("service_id",),
    "funding": ("organization_id", "service_id"),
    "required_document": ("service_id",),
    "service_area": ("service_id",),
    "attribute": ("link_id",),
}
"""Table -> the columns that name what a row is a part of. Parts that a file no longer has go away with the import."""
_OWNERS = ("service", "location", "organization", "service_at_location", "contact", "phone")
_POINTERS = ("service_id", "location_id", "service_at_location_id", "link_id")
"""Columns by which a changed row leads to the services whose spots must be worked out again."""
_PLACES = ("service", "location", "service_at_location", "organization")
"""Tables whose own rows do."""


@dataclass(frozen=True)
class Entry:
    """One row. `values`: every column by its HSDS name, `id` among them, dates as date and datetime, missing ones None.

    `listing` is what people call the place it belongs to: the id of a row in a list of places, or of the service;
    None for what belongs to none (an organization, a term). `where` is said in faults: "services.csv:12".
    """

    table: str
    values: dict[str, Any]
    where: str = ""
    listing: str | None = None


@dataclass(frozen=True)
class Fault:
    """A row, or one cell of it, that was not taken over, or (`refused` False) was in part."""

    where: str
    column: str
    reason: str
    refused: bool = True

    def __str__(self) -> str:
        return f"{self.where} {self.column}: {self.reason}"


@dataclass(frozen=True)
class Report:
    """What became of the listings, by their ids, and of the rows of each table: (added, changed, unchanged, removed).

    `missing`: listings an earlier file of this dataset had and this one has not; `retired` says that they are no
    longer shown.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    retired: bool = False
    tables: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    @property
    def refused(self) -> int:
        """How many rows were not taken over."""
        return len({(fault.where) for fault in self.faults if fault.refused})


async def ensure_terms(session: AsyncSession) -> None:
    """Our own taxonomies and terms; one added to bot.directory.terms appears with the next intake."""
    taxonomies, terms = TABLES["taxonomy"], TABLES["taxonomy_term"]
    there = set(await session.scalars(select(taxonomies.id).where(taxonomies.id.in_(TAXONOMIES))))
    new = [
        {"id": id_, "name": name, "description": about} for id_, (name, about) in TAXONOMIES.items() if id_ not in there
    ]
    if new:
        await session.execute(insert(taxonomies.__table__), new)
    there = set(await session.scalars(select(terms.id).where(terms.taxonomy_id.in_(TAXONOMIES))))
    new = [
        {"id": id_, "code": code, "name": code, "description": code, "taxonomy_id": taxonomy}
        for id_, (code, taxonomy) in fixed_terms().items()
        if id_ not in there
    ]
    if new:
        await session.execute(insert(terms.__table__), new)


class Intake:
    """One import of one dataset. `take` batches, then `finish`; nothing is committed here."""

    def __init__(self, session: AsyncSession, dataset: str) -> None:
        self._session = session
        self._dataset = dataset
        self._counts: dict[str, list[int]] = {}
        self._seen: dict[str, set[str]] = {table: set() for table in TABLES}
        self._old_owners: dict[str, set[str]] = {table: set() for table in _OWNERS}
        self._spared: set[str] = set()
        self._was_empty: dict[str, bool] = {}
        self._listings: dict[str, str] = {}
        self._listing_of: dict[str, str] = {}
        self._new: set[str] = set()
        self._touched: set[str] = set()
        self._moved: set[str] = set()

    async def take(self, entries: Iterable[Entry]) -> None:
        """Write a batch: what is new is added, what differs is changed. A row given twice counts once, the last."""
        by_table: dict[str, dict[str, Entry]] = {}
        for entry in entries:
            by_table.setdefault(entry.table, {})[entry.values["id"]] = entry
        for table in TABLES:
            if rows := by_table.get(table):
                await self._write(table, rows)
        await self._note_listings(by_table.get("service", {}))

    def spare(self, table: str, ids: Iterable[str]) -> None:
        """Rows that the file has but that were refused: what is there of them stays, and is not missing."""
        self._seen[table].update(ids)
        if table == "service":
            self._spared.update(ids)

    async def finish(self, *, retire: bool, tables: Iterable[str] = tuple(TABLES)) -> Report:
        """Remove what no longer belongs to the rows of the file, bring the search up to date, and report.

        retire: listings that are missing from the file are no longer shown (their rows stay). tables: those that the
        file speaks of; a list of services without any opening hours does not say that there are none.
        """
        await self._remove_parts(set(tables))
        missing = await self._missing()
        if retire:
            for some in _chunks(list(missing.values())):
                await self._session.execute(
                    update(Service).where(Service.id.in_(some)).values(status="inactive", last_modified=now())
                )
            self._moved.update(missing.values())
        moved = await self._services_moved()
        await spots.refresh(self._session, moved)
        # A place that moved, or its address or hours, is a change of every listing there.
        listing_of = {service: listing for listing, service in self._listings.items()}
        self._touched.update(listing_of[service] for service in moved if service in listing_of)
        return Report(
            added=tuple(one for one in self._listings if one in self._new),
            changed=tuple(one for one in self._listings if one in self._touched and one not in self._new),
            unchanged=tuple(one for one in self._listings if one not in self._touched),
            missing=tuple(missing),
            retired=retire,
            tables={table: tuple(counts) for table, counts in self._counts.items()},
        )

    # --- Comparing and writing ---

    async def _write(self, table: str, rows: dict[str, Entry]) -> None:
        model = TABLES[table].__table__
        columns = [column.name for column in model.columns]
        blank = dict.fromkeys(columns)
        if table not in self._was_empty:
            self._was_empty[table] = (await self._session.execute(select(model.c.id).limit(1))).first() is None
        counts = self._counts.setdefault(table, [0, 0, 0, 0])
        added: list[dict] = []
        changed: list[dict] = []
        for ids in _chunks(list(rows)):
            # In a table that was empty only what this import wrote can be there: a first import asks for nothing.
            known = [id_ for id_ in ids if id_ in self._seen[table]] if self._was_empty[table] else ids
            found = await self._session.execute(select(model).where(model.c.id.in_(known))) if known else ()
            there = {row.id: tuple(row) for row in found}
            for id_ in ids:
                entry = rows[id_]
                values = blank | entry.values
                old = there.get(id_)
                if entry.listing is not None and table in _OWNERS:
                    self._listing_of[id_] = entry.listing
                if old is not None and table in _OWNERS:
                    self._old_owners[table].add(id_)
                if old is not None and not _differ(table, columns, old, values):
                    counts[2] += 1
                    continue
                (added if old is None else changed).append(_dated(table, values))
                self._touch(table, entry.listing, values)
        if added:
            await self._session.execute(insert(model), added)
        if changed:
            # executemany with the id under another name: a column may not be both key and new value.
            statement = update(model).where(model.c.id == bindparam("its_id"))
            statement = statement.values({name: bindparam(name) for name in columns if name != "id"})
            connection = await self._session.connection()
            await connection.execute(statement, [{"its_id": row.pop("id"), **row} for row in changed])
        counts[0] += len(added)
        counts[1] += len(changed)
        self._seen[table].update(rows)

    def _touch(self, table: str, listing: str | None, values: dict[str, Any]) -> None:
        if listing is not None:
            self._touched.add(listing)
        if table in _PLACES:
            self._moved.add(values["id"])
        self._moved.update(values[name] for name in _POINTERS if values.get(name))

    async def _note_listings(self, services: dict[str, Entry]) -> None:
        for id_, entry in services.items():
            if entry.listing is not None:
                self._listings[entry.listing] = id_
        wanted = {entry.listing: id_ for id_, entry in services.items() if entry.listing is not None}
        for names in _chunks(list(wanted)):
            there = {
                row.id: row
                for row in await self._session.execute(select(Listing.__table__).where(Listing.id.in_(names)))
            }
            new = [name for name in names if name not in there]
            self._new.update(new)
            self._touched.update(new)
            rows = [{"id": name, "dataset": self._dataset, "service_id": wanted[name]} for name in new]
            if rows:
                await self._session.execute(insert(Listing.__table__), rows)
            for name in names:
                if name in there and (there[name].dataset, there[name].service_id) != (self._dataset, wanted[name]):
                    await self._session.execute(
                        update(Listing).where(Listing.id == name).values(dataset=self._dataset, service_id=wanted[name])
                    )

    # --- Finishing ---

    async def _remove_parts(self, tables: set[str]) -> None:
        """Take away what belonged to a row of the file before and is not in the file any more."""
        for table, columns in _PARTS.items():
            if table not in tables:
                continue
            model = TABLES[table].__table__
            gone: set[str] = set()
            for column in columns:
                # A fact belongs to whatever its link_id names; any other column says the table in its name.
                owners = (
                    set().union(*self._old_owners.values())
                    if column == "link_id"
                    else self._old_owners[column.removesuffix("_id")]
                )
                for some in _chunks(sorted(owners)):
                    ids = await self._session.scalars(select(model.c.id).where(model.c[column].in_(some)))
                    gone.update(id_ for id_ in ids if id_ not in self._seen[table])
            for some in _chunks(sorted(gone)):
                for row in (await self._session.execute(select(model).where(model.c.id.in_(some)))).mappings():
                    owned = (row[column] for column in columns)
                    listing = next((self._listing_of[id_] for id_ in owned if id_ in self._listing_of), None)
                    self._touch(table, listing, dict(row))
                await self._session.execute(delete(Attribute).where(Attribute.link_id.in_(some)))
                await self._session.execute(delete(model).where(model.c.id.in_(some)))
            if gone:
                self._counts.setdefault(table, [0, 0, 0, 0])[3] += len(gone)

    async def _missing(self) -> dict[str, str]:
        """Listings of earlier files of this dataset that are still shown: their service by their id."""
        rows = await self._session.execute(
            select(Listing.id, Listing.service_id)
            .join(Service, Listing.service_id == Service.id)
            .where(Listing.dataset == self._dataset, Service.status == "active")
            .order_by(Listing.id)
        )
        return {id_: service for id_, service in rows if id_ not in self._listings and service not in self._spared}

    async def _services_moved(self) -> list[str]:
        """The services whose spots may differ now."""
        there = TABLES["service_at_location"]
        found = set()
        for some in _chunks(sorted(self._moved)):
            found.update(
                await self._session.scalars(
                    select(there.service_id).where(
                        or_(there.service_id.in_(some), there.location_id.in_(some), there.id.in_(some))
                    )
                )
            )
            # An organization's name stands on the card of each of its services.
            found.update(await self._session.scalars(select(Service.id).where(Service.organization_id.in_(some))))
        return sorted(found)


def _dated(table: str, values: dict[str, Any]) -> dict[str, Any]:
    """With the day of this change, where the file tells none."""
    if table == "service" and values.get("last_modified") is None:
        return values | {"last_modified": now()}
    return values


def _differ(table: str, columns: list[str], old: tuple[Any, ...], values: dict[str, Any]) -> bool:
    if old == tuple(values.values()):
        return False
    # The day of the last change is ours to set where the file tells none; it is no change by itself.
    ours = {"last_modified"} if table == "service" and values["last_modified"] is None else ()
    return any(before != values[name] for name, before in zip(columns, old) if name not in ours)


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
