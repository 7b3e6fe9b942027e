"""From rows to the nested objects of HSDS 3.0, as its compiled schemas have them
(https://docs.openreferral.org/en/v3.0/hsds/schema_reference.html), read in batches by a fixed number of queries.

What is unknown is left out, lists that would be empty too: HSDS's JSON knows no null. A row keeps the columns that name
its owners, so that a phone of a service at one of its places is found under both and still is one phone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.directory.exchange.scope import PARTS, Scope, chunks
from bot.directory.hsds import TABLES

Object = dict[str, Any]

CHILDREN: dict[str, tuple[tuple[str, str], ...]] = {
    "service": (
        ("phones", "phone"), ("schedules", "schedule"), ("service_areas", "service_area"),
        ("languages", "language"), ("funding", "funding"), ("cost_options", "cost_option"),
        ("required_documents", "required_document"), ("contacts", "contact"),
    ),
    "service_at_location": (("contacts", "contact"), ("phones", "phone"), ("schedules", "schedule")),
    "location": (
        ("languages", "language"), ("addresses", "address"), ("contacts", "contact"),
        ("accessibility", "accessibility"), ("phones", "phone"), ("schedules", "schedule"),
    ),
    "organization": (
        ("funding", "funding"), ("contacts", "contact"), ("phones", "phone"), ("programs", "program"),
        ("organization_identifiers", "organization_identifier"),
    ),
    "contact": (("phones", "phone"),),
    "phone": (("languages", "language"),),
}  # fmt: skip
"""Table -> the lists an object of it holds, and the tables they are made of."""

_NO_ATTRIBUTES = ("taxonomy", "taxonomy_term", "attribute", "metadata")
"""Objects that have a change log at most."""


class Nest:
    """Builds objects from the rows of one transaction. All results are in the order of the ids that were asked for;
    rows that `scope` holds back are nowhere in them."""

    def __init__(self, session: AsyncSession, scope: Scope) -> None:
        self._session = session
        self._scope = scope
        self._rows: dict[str, dict[str, RowMapping]] = {}
        self._owned: dict[tuple[str, str], dict[str, list[str]]] = {}
        self._attributes: dict[str, list[RowMapping]] = {}
        self._log: dict[str, list[RowMapping]] = {}
        self._pointers: dict[str, set[str]] = {}

    # --- Whole objects ---

    async def services(self, ids: list[str], *, whole_organization: bool = True) -> list[Object]:
        """Services with all that belongs to them (compiled/service.json).

        whole_organization: False leaves the organization's own parts out, for files that hold it elsewhere.
        Its locations are never nested here: an organization with a thousand would repeat them in each of its services.
        """
        await self._load_services(ids)
        there = await self._load_places(service_ids=ids)
        owners = {"service": set(ids), **there}
        if whole_organization:
            owners["organization"] = set(self._rows["organization"])
        await self._load_parts(owners)
        return [self._service(id_, whole_organization, places=True) for id_ in ids if id_ in self._rows["service"]]

    async def places(self, ids: list[str]) -> list[Object]:
        """Services at locations, each with its service and its location (compiled/service_at_location.json)."""
        there = await self._load_places(ids=ids)
        services = {row["service_id"] for row in self._rows["service_at_location"].values()}
        await self._load_services(services)
        await self._load_parts({"service": services, "organization": set(self._rows["organization"]), **there})
        return [
            self._place(id_) | {"service": self._service(self._rows["service_at_location"][id_]["service_id"], True)}
            for id_ in ids
            if id_ in self._rows["service_at_location"]
        ]

    async def organizations(self, ids: list[str], *, locations: Iterable[str] = ()) -> list[Object]:
        """Organizations with all that belongs to them but services (compiled/organization.json); of their locations,
        `locations`."""
        locations = set(locations)
        await self._load("organization", "id", ids)
        await self._load("location", "id", locations)
        await self._load_parts({"organization": set(ids), "location": locations})
        by_owner: dict[str, list[str]] = {}
        for id_ in sorted(locations & set(self._rows["location"])):
            by_owner.setdefault(self._rows["location"][id_]["organization_id"], []).append(id_)
        return [
            self._object("organization", id_)
            | _unless_empty("locations", [self._object("location", one) for one in by_owner.get(id_, ())])
            for id_ in ids
            if id_ in self._rows["organization"]
        ]

    async def rows(self, table: str, ids: list[str]) -> list[Object]:
        """Rows of any table with what belongs to them, such as a location where nothing is offered."""
        await self._load(table, "id", ids)
        await self._load_parts({table: set(ids)})
        return [self._object(table, id_) for id_ in ids if id_ in self._rows[table]]

    async def terms(self, ids: list[str]) -> list[Object]:
        """Taxonomy terms, each with its taxonomy (taxonomy_term.json)."""
        await self._load_terms(ids)
        await self._load_log(ids)
        return [self._term(id_) | self._changes(id_) for id_ in ids if id_ in self._rows["taxonomy_term"]]

    # --- One-to-one fields only ---

    async def service_list(self, ids: list[str]) -> list[Object]:
        """Services with their organization and program, without lists (compiled/service_list.json)."""
        await self._load_services(ids)
        await self._settle_pointers()
        return [self._listed(id_) for id_ in ids if id_ in self._rows["service"]]

    async def place_list(self, ids: list[str]) -> list[Object]:
        """Services at locations, without lists (compiled/service_at_location_list.json)."""
        await self._load("service_at_location", "id", ids)
        there = self._rows["service_at_location"]
        await self._load("location", "id", {row["location_id"] for row in there.values()})
        await self._load_services({row["service_id"] for row in there.values()})
        await self._settle_pointers()
        return [
            self._plain("service_at_location", id_)
            | {
                "location": self._plain("location", there[id_]["location_id"]),
                "service": self._listed(there[id_]["service_id"]),
            }
            for id_ in ids
            if id_ in there
        ]

    async def organization_list(self, ids: list[str]) -> list[Object]:
        """Organizations, their own fields only (compiled/organization_list.json)."""
        await self._load("organization", "id", ids)
        await self._settle_pointers()
        return [self._plain("organization", id_) for id_ in ids if id_ in self._rows["organization"]]

    # --- Loading ---

    async def _load(self, table: str, column: str, values: Iterable[str]) -> set[str]:
        """Read the rows whose `column` is one of `values`; returns the ids of those that may be given out."""
        model = TABLES[table].__table__
        kept = self._rows.setdefault(table, {})
        owned = self._owned.setdefault((table, column), {})
        found: dict[str, RowMapping] = {}
        for some in chunks({value for value in values if value}):
            query = select(model).where(model.c[column].in_(some)).order_by(model.c.id)
            found.update({row["id"]: row for row in (await self._session.execute(query)).mappings()})
        good = await self._given(table, found)
        for id_, row in found.items():
            if id_ in good:
                kept[id_] = row
                if column != "id" and id_ not in owned.setdefault(row[column], []):
                    owned[row[column]].append(id_)
        return good

    async def _given(self, table: str, rows: dict[str, RowMapping]) -> set[str]:
        if table in ("service", "service_at_location", "organization"):
            return await self._scope.given(self._session, table, rows)
        if table not in PARTS or self._scope.everything:
            return set(rows)
        owners = {id_: tuple(row[column] for column in PARTS[table]) for id_, row in rows.items()}
        return await self._scope.whole(self._session, table, owners, self._rows)

    async def _load_services(self, ids: Iterable[str]) -> None:
        await self._load("service", "id", ids)
        rows = self._rows["service"].values()
        await self._load("organization", "id", {row["organization_id"] for row in rows})
        await self._load("program", "id", {row["program_id"] for row in rows})

    async def _load_places(self, *, ids: Iterable[str] = (), service_ids: Iterable[str] = ()) -> dict[str, set[str]]:
        there = await self._load("service_at_location", "id", ids)
        there |= await self._load("service_at_location", "service_id", service_ids)
        rows = self._rows["service_at_location"]
        locations = await self._load("location", "id", {rows[id_]["location_id"] for id_ in there})
        return {"service_at_location": there, "location": locations}

    async def _load_parts(self, owners: dict[str, set[str]]) -> None:
        """What belongs to these rows (by table), in the order of PARTS: phones of contacts, languages of phones."""
        owners = {table: set(ids) for table, ids in owners.items()}
        for table, columns in PARTS.items():
            if table == "contact" and not self._scope.people:
                continue
            for column in columns:
                if ids := owners.get(column.removesuffix("_id")):
                    owners.setdefault(table, set()).update(await self._load(table, column, ids))
        for table in ("organization", "program"):
            owners.setdefault(table, set()).update(self._rows.get(table, ()))
        everything = {id_ for ids in owners.values() for id_ in ids}
        await self._load_attributes(everything)
        await self._load_log(everything | {row["id"] for rows in self._attributes.values() for row in rows})
        await self._settle_pointers()

    async def _load_attributes(self, links: Iterable[str]) -> None:
        model = TABLES["attribute"].__table__
        wanted = set()
        for some in chunks(links):
            query = select(model).where(model.c.link_id.in_(some)).order_by(model.c.id)
            for row in (await self._session.execute(query)).mappings():
                if row["taxonomy_term_id"] not in self._scope.hidden_facts:
                    self._attributes.setdefault(row["link_id"], []).append(row)
                    wanted.add(row["taxonomy_term_id"])
        await self._load_terms(wanted)

    async def _load_terms(self, ids: Iterable[str]) -> None:
        await self._load("taxonomy_term", "id", ids)
        await self._load("taxonomy", "id", {row["taxonomy_id"] for row in self._rows["taxonomy_term"].values()})

    async def _load_log(self, ids: Iterable[str]) -> None:
        if not self._scope.people:
            return
        model = TABLES["metadata"].__table__
        for some in chunks(ids):
            query = select(model).where(model.c.resource_id.in_(some)).order_by(model.c.id)
            for row in (await self._session.execute(query)).mappings():
                self._log.setdefault(row["resource_id"], []).append(row)

    async def _settle_pointers(self) -> None:
        """Find out which rows that are only pointed at exist and are held back: the pointer goes too."""
        if self._scope.everything:
            return
        pointed = {
            "organization": {row["parent_organization_id"] for row in self._rows.get("organization", {}).values()}
            | {row["organization_id"] for row in self._rows.get("location", {}).values()},
            "program": {row["program_id"] for row in self._rows.get("service", {}).values()},
        }
        for table, ids in pointed.items():
            ids = {id_ for id_ in ids if id_} - set(self._rows.get(table, ()))
            given = await self._scope.given(self._session, table, ids)
            self._pointers.setdefault(table, set()).update(ids - given)

    # --- Building ---

    def _service(self, id_: str, whole_organization: bool, places: bool = False) -> Object:
        row = self._rows["service"][id_]
        made = self._object("service", id_)
        if places:
            there = self._owned[("service_at_location", "service_id")].get(id_, ())
            made |= _unless_empty("service_at_locations", [self._place(one) for one in there])
        build = self._object if whole_organization else self._plain
        made["organization"] = build("organization", row["organization_id"])
        if row["program_id"] in self._rows["program"]:
            made["program"] = self._object("program", row["program_id"])
        return made

    def _place(self, id_: str) -> Object:
        location = self._rows["service_at_location"][id_]["location_id"]
        return self._object("service_at_location", id_) | {"location": self._object("location", location)}

    def _listed(self, id_: str) -> Object:
        row = self._rows["service"][id_]
        made = self._plain("service", id_) | {"organization": self._plain("organization", row["organization_id"])}
        if row["program_id"] in self._rows["program"]:
            made["program"] = self._plain("program", row["program_id"])
        return made

    def _object(self, table: str, id_: str) -> Object:
        made = self._plain(table, id_)
        for key, child in CHILDREN.get(table, ()):
            ids = self._owned.get((child, f"{table}_id"), {}).get(id_, ())
            made |= _unless_empty(key, [self._object(child, one) for one in ids])
        if table not in _NO_ATTRIBUTES:
            said = [
                _plain(row) | {"taxonomy_term": self._term(row["taxonomy_term_id"])} | self._changes(row["id"])
                for row in self._attributes.get(id_, ())
            ]
            made |= _unless_empty("attributes", said)
        return made | self._changes(id_)

    def _term(self, id_: str) -> Object:
        made = self._plain("taxonomy_term", id_)
        if (taxonomy := self._rows["taxonomy_term"][id_]["taxonomy_id"]) in self._rows["taxonomy"]:
            made["taxonomy_detail"] = self._plain("taxonomy", taxonomy)
        return made

    def _changes(self, id_: str) -> Object:
        return _unless_empty("metadata", [_plain(row) for row in self._log.get(id_, ())])

    def _plain(self, table: str, id_: str) -> Object:
        row = self._rows[table][id_]
        made = _plain(row)
        for hidden_table, column in self._scope.hidden_columns:
            if hidden_table == table:
                made.pop(column, None)
        for column, owner in POINTERS.get(table, ()):
            if row[column] in self._pointers.get(owner, ()):
                made.pop(column, None)
        return made


POINTERS = {
    "organization": (("parent_organization_id", "organization"),),
    "location": (("organization_id", "organization"),),
    "service": (("program_id", "program"),),
}


def told(value: Any) -> Any:
    """A column's value in JSON: days and moments as ISO 8601 (moments in UTC), whole numbers without ".0"."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() else value
    return value


def _plain(row: RowMapping) -> Object:
    return {name: said for name, value in row.items() if (said := told(value)) is not None}


def _unless_empty(key: str, objects: list[Object]) -> Object:
    return {key: objects} if objects else {}
