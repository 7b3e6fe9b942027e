"""From the staff's files to the directory: content/directory/*.csv, one row a place.

All rows of all files are checked before anything is written, and everything is written in one transaction. The columns
are explained for the staff in content/directory/README.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database, now
from bot.directory.models import (
    FACTS,
    KINDS,
    SERVICE_KINDS,
    TEXT_FACTS,
    YES_NO_FACTS,
    Address,
    Answer,
    Attribute,
    Language,
    Listing,
    Location,
    Organization,
    Phone,
    Schedule,
    Service,
    ServiceAtLocation,
    Taxonomy,
    TaxonomyTerm,
    fact_term,
    kind_term,
    stable_id,
)
from bot.directory.rows import COLUMNS, Row, read

__all__ = ["COLUMNS", "Report", "Row", "check", "load"]

_CHUNK = 500


@dataclass(frozen=True)
class Report:
    """What loading did, by the rows' ids. With any fault, nothing was written and the rest is empty."""

    faults: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    inactive: tuple[str, ...] = ()


async def load(database: Database, folder: Path, *, today: date | None = None) -> Report:
    """Bring the directory up to what the files in `folder` say; a place gone from the files becomes inactive."""
    listed, faults = check(folder, today=today)
    if faults:
        return Report(faults=faults)
    async with database.begin() as session:
        return await _write(session, listed)


def check(folder: Path, *, today: date | None = None) -> tuple[dict[str, list[Row]], tuple[str, ...]]:
    """Read all files: the good rows by file name, and every fault.

    A fault reads "file:line column: what is wrong; what would be right".
    """
    faults: list[str] = []
    listed: dict[str, list[Row]] = {}
    seen: dict[str, str] = {}
    for path in sorted(folder.glob("*.csv")):
        listed[path.name] = list(read(path, today or now().date(), seen, faults))
    if not listed:
        faults.append(f"{folder}: no .csv file here; the places are read from files such as partners.csv")
    return listed, tuple(faults)


# --- Writing ---


async def _write(session: AsyncSession, listed: dict[str, list[Row]]) -> Report:
    await _ensure_terms(session)
    known = {
        id_: (service_id, digest, file, status)
        for id_, service_id, digest, file, status in await session.execute(
            select(Listing.id, Listing.service_id, Listing.digest, Listing.file, Service.status).join(Service)
        )
    }
    rows = {row.id: (row, file) for file, rows in listed.items() for row in rows}
    added = [id_ for id_ in rows if id_ not in known]
    unchanged = [
        id_ for id_, (row, file) in rows.items() if id_ in known and known[id_][1:] == (row.digest, file, "active")
    ]
    changed = [id_ for id_ in rows if id_ in known and id_ not in set(unchanged)]
    gone = sorted(id_ for id_, (*_, status) in known.items() if id_ not in rows and status != "inactive")

    await _remove(session, changed)
    await _insert(session, [rows[id_] for id_ in (*added, *changed)])
    for ids in _chunks(gone):
        services = [known[id_][0] for id_ in ids]
        await session.execute(
            update(Service).where(Service.id.in_(services)).values(status="inactive", last_modified=now())
        )
    return Report(added=tuple(added), changed=tuple(changed), unchanged=tuple(unchanged), inactive=tuple(gone))


async def _ensure_terms(session: AsyncSession) -> None:
    """Our two taxonomies; a kind added to SERVICE_KINDS appears with the next load."""
    taxonomies = {
        KINDS: ("Farol service kinds", "What a person can look for"),
        FACTS: ("Farol facts", "What matters to people without papers, and where the listing comes from"),
    }
    terms = {kind_term(kind): (kind, KINDS) for kind in SERVICE_KINDS}
    terms |= {fact_term(fact): (fact, FACTS) for fact in (*YES_NO_FACTS, *TEXT_FACTS)}
    there = set(await session.scalars(select(Taxonomy.id)))
    await _add(session, Taxonomy, [
        {"id": id_, "name": name, "description": text} for id_, (name, text) in taxonomies.items() if id_ not in there
    ])  # fmt: skip
    there = set(await session.scalars(select(TaxonomyTerm.id)))
    await _add(session, TaxonomyTerm, [
        {"id": id_, "code": code, "name": code, "description": code, "taxonomy_id": taxonomy}
        for id_, (code, taxonomy) in terms.items() if id_ not in there
    ])  # fmt: skip


async def _remove(session: AsyncSession, ids: list[str]) -> None:
    """Take out changed rows with all that hangs on them; they are written anew under the same ids."""
    for some in _chunks(ids):
        services = [stable_id("service", id_) for id_ in some]
        locations = [stable_id("location", id_) for id_ in some]
        await session.execute(
            delete(Attribute).where(or_(Attribute.link_id.in_(services), Attribute.link_id.in_(locations)))
        )
        # Deleting these two takes the rest with it (ON DELETE CASCADE).
        await session.execute(delete(Service).where(Service.id.in_(services)))
        await session.execute(delete(Location).where(Location.id.in_(locations)))


async def _insert(session: AsyncSession, rows: list[tuple[Row, str]]) -> None:
    organizations = {stable_id("organization", row.organization.casefold()): row.organization for row, _ in rows}
    there = set()
    for ids in _chunks(list(organizations)):
        there |= set(await session.scalars(select(Organization.id).where(Organization.id.in_(ids))))
    await _add(session, Organization, [
        {"id": id_, "name": name, "description": ""} for id_, name in organizations.items() if id_ not in there
    ])  # fmt: skip
    tables: dict[type, list[dict]] = {
        table: []
        for table in (Service, Location, ServiceAtLocation, Address, Phone, Schedule, Language, Attribute, Listing)
    }
    for row, file in rows:
        for table, values in _records(row, file):
            tables[table].append(values)
    for table, values in tables.items():
        await _add(session, table, values)


def _records(row: Row, file: str) -> Iterator[tuple[type, dict]]:
    """The row as HSDS tells it."""
    organization = stable_id("organization", row.organization.casefold())
    service, location = stable_id("service", row.id), stable_id("location", row.id)
    there = stable_id("service_at_location", row.id)
    yield Service, {"id": service, "organization_id": organization, "name": row.name, "status": "active",
                    "description": row.description or None, "url": row.website or None, "email": row.email or None,
                    "assured_date": row.last_verified, "last_modified": now()}  # fmt: skip
    yield Location, {"id": location, "organization_id": organization, "location_type": "physical", "name": row.name,
                     "latitude": row.latitude, "longitude": row.longitude}  # fmt: skip
    yield ServiceAtLocation, {"id": there, "service_id": service, "location_id": location}
    yield Address, {"id": stable_id("address", row.id), "location_id": location, "address_1": row.address,
                    "city": row.city, "state_province": "", "postal_code": "", "country": row.country,
                    "address_type": "physical"}  # fmt: skip
    if row.phone:
        yield Phone, {"id": stable_id("phone", row.id), "service_id": service, "number": row.phone}
    if row.hours:
        yield Schedule, {"id": stable_id("schedule", row.id), "service_at_location_id": there, "description": row.hours}
    for code in row.languages:
        yield Language, {"id": stable_id("language", f"{row.id}/{code}"), "service_id": service, "code": code}
    for kind in row.kinds:
        yield Attribute, _attribute(row.id, "service", service, kind_term(kind), None)
    for fact in (*YES_NO_FACTS, *TEXT_FACTS):
        value = getattr(row, fact)
        if value and value != Answer.UNKNOWN:
            entity, link = ("location", location) if fact == "precision" else ("service", service)
            yield Attribute, _attribute(row.id, entity, link, fact_term(fact), str(value))
    yield Listing, {"id": row.id, "file": file, "service_id": service, "digest": row.digest}


def _attribute(row_id: str, entity: str, link: str, term: str, value: str | None) -> dict:
    return {"id": stable_id("attribute", f"{row_id}/{term}"), "link_id": link, "link_entity": entity,
            "taxonomy_term_id": term, "value": value}  # fmt: skip


async def _add(session: AsyncSession, table: type, values: list[dict]) -> None:
    if values:
        await session.execute(insert(table), values)


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
