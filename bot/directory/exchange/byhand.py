"""What our own people noted about a place of the database by hand, and how it outlives the next import.

A note is a row of HSDS's `metadata` for each value that was changed: what it was, what it is, when and by whom. The
source's next file does not know of it: somebody called yesterday, and the file still says 2023. So an import keeps what
was noted, until the file itself says (service.assured_date) that the source has looked at the place since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Select, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import now
from bot.directory import spots
from bot.directory.exchange.source import Faults
from bot.directory.hsds import Attribute, Metadata, Service, ServiceAtLocation
from bot.directory.intake import Entry
from bot.directory.models import Listing
from bot.directory.terms import fact_term, stable_id

VERIFIED, CLOSED = "verify", "close"
"""HSDS `metadata.last_action_type` of the rows that are notes of ours."""

_CHUNK = 500
_CLOSED_FOR_GOOD = "defunct"
_COLUMNS = ("assured_date", "status")
_FACTS = ("verified_by", "closed_until")


@dataclass(frozen=True)
class Noted:
    """A place of the database: the id people know it by, its dataset and its service."""

    listing: str
    dataset: str
    service: str


async def find(session: AsyncSession, id_: str) -> Noted | None:
    """The place with this id: of its listing, its service, or its service at a location."""
    service = await session.scalar(select(ServiceAtLocation.service_id).where(ServiceAtLocation.id == id_))
    row = await session.scalar(
        select(Listing).where(or_(Listing.id == id_, Listing.service_id.in_([id_, service or id_]))).limit(1)
    )
    return Noted(row.id, row.dataset, row.service_id) if row else None


async def verify(session: AsyncSession, place: Noted, by: str, day: date) -> None:
    """Somebody called or went there on `day` and everything was as it is written."""
    await _change(session, place, VERIFIED, by, now().date(), {"assured_date": day, "verified_by": by})


async def close(session: AsyncSession, place: Noted, by: str, until: date | None) -> None:
    """Closed until a day (the last on which it is closed), or for good (None)."""
    values = {"status": _CLOSED_FOR_GOOD} if until is None else {"closed_until": until.isoformat()}
    await _change(session, place, CLOSED, by, now().date(), values)


async def _change(
    session: AsyncSession, place: Noted, action: str, by: str, today: date, values: dict[str, Any]
) -> None:
    service = await session.get_one(Service, place.service)
    for name, value in values.items():
        if name in _COLUMNS:
            before = getattr(service, name)
            # last_modified stays the source's: another one would make the same file a change.
            await session.execute(update(Service).where(Service.id == place.service).values({name: value}))
        else:
            fact = await session.scalar(_fact(place.service, name))
            before = fact and fact.value
            await session.execute(
                delete(Attribute).where(Attribute.link_id == place.service)
                .where(Attribute.taxonomy_term_id == fact_term(name))
            )  # fmt: skip
            await session.execute(insert(Attribute), [_attribute(place.service, name, str(value))])
        await _note(session, place.service, action, by, today, name, before, value)
    await spots.refresh(session, [place.service])


def _fact(service: str, name: str) -> Select[tuple[Attribute]]:
    return select(Attribute).where(Attribute.link_id == service, Attribute.taxonomy_term_id == fact_term(name))


def _attribute(service: str, name: str, value: str) -> dict[str, Any]:
    return {
        "id": stable_id("attribute", f"byhand/{service}/{name}"), "link_id": service, "link_entity": "service",
        "taxonomy_term_id": fact_term(name), "value": value,
    }  # fmt: skip


async def _note(
    session: AsyncSession, service: str, action: str, by: str, today: date, name: str, before: Any, after: Any
) -> None:
    """One note for each value and day: the same command twice is one note."""
    id_ = stable_id("metadata", f"byhand/{service}/{name}/{today}")
    there = await session.get(Metadata, id_)
    await session.execute(delete(Metadata).where(Metadata.id == id_))
    row = {
        "id": id_, "resource_id": service, "resource_type": "service", "last_action_date": today,
        "last_action_type": action, "field_name": name, "replacement_value": str(after), "updated_by": by,
        "previous_value": there.previous_value if there else "" if before is None else str(before),
    }  # fmt: skip
    await session.execute(insert(Metadata), [row])


# --- Outliving an import ---


async def keep_by_hand(session: AsyncSession, entries: list[Entry], faults: Faults) -> list[Entry]:
    """The entries with what was noted by hand in place of what the file says; it is told where that differs."""
    services = {entry.values["id"] for entry in entries if entry.table == "service"}
    facts = {
        entry.values["link_id"]
        for entry in entries
        if entry.table == "attribute" and entry.values["taxonomy_term_id"] in _TERMS
    }
    notes = await _notes(session, services | facts)
    if not notes:
        return entries
    kept = [entry for one in entries if (entry := _with_notes(one, notes.get(_service_of(one), {}), faults))]
    return [*kept, *_facts_of(entries, notes)]


_TERMS = {fact_term(name): name for name in _FACTS}


def _service_of(entry: Entry) -> str | None:
    return entry.values["id"] if entry.table == "service" else entry.values.get("link_id")


async def _notes(session: AsyncSession, services: Iterable[str]) -> dict[str, dict[str, Metadata]]:
    """The latest note of each value, by service."""
    services = sorted(services)
    found: dict[str, dict[str, Metadata]] = {}
    for start in range(0, len(services), _CHUNK):
        rows = await session.scalars(
            select(Metadata)
            .where(
                Metadata.resource_id.in_(services[start : start + _CHUNK]),
                Metadata.last_action_type.in_((VERIFIED, CLOSED)),
            )
            .order_by(Metadata.last_action_date)
        )
        for row in rows:
            found.setdefault(row.resource_id, {})[row.field_name] = row
    return found


def _with_notes(entry: Entry, notes: dict[str, Metadata], faults: Faults) -> Entry | None:
    if entry.table == "attribute" and _TERMS.get(entry.values["taxonomy_term_id"]) in notes:
        return None
    if entry.table != "service" or not notes:
        return entry
    values = dict(entry.values)
    said = values.get("assured_date")
    if (note := notes.get("status")) and not (said and said > note.last_action_date):
        if values.get("status") == "active":
            faults.warn(entry.where, "status", f"closed by hand on {note.last_action_date}; stays closed")
            values["status"] = note.replacement_value
    if (note := notes.get("assured_date")) and (said is None or said < date.fromisoformat(note.replacement_value)):
        values["assured_date"] = date.fromisoformat(note.replacement_value)
    return replace(entry, values=values)


def _facts_of(entries: list[Entry], notes: dict[str, dict[str, Metadata]]) -> Iterator[Entry]:
    """The facts noted by hand of the services among the entries, so that they are not removed as gone."""
    for entry in entries:
        if entry.table != "service":
            continue
        for name, note in notes.get(entry.values["id"], {}).items():
            if name in _FACTS:
                values = _attribute(entry.values["id"], name, note.replacement_value)
                yield Entry("attribute", values, entry.where, entry.listing)
