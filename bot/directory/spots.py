"""Works out what the search runs on: one Spot for each service at a location that may be shown.

Spots say nothing that the tables of HSDS do not; whoever changes a service, a location or a fact calls `refresh` in
the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from math import cos, radians, sin
from operator import or_
from typing import Any

from sqlalchemy import Select, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.directory.hsds import Attribute, Language, Location, Schedule, Service, ServiceAtLocation, TaxonomyTerm
from bot.directory.models import Spot
from bot.directory.terms import FACTS, KINDS, PAPERS, SERVICE_KINDS, Answer, answer

_CHUNK = 500
_TROUBLE = {Answer.NO: 0, Answer.UNKNOWN: 1, Answer.YES: 2}
_BITS = {kind: 1 << number for number, kind in enumerate(SERVICE_KINDS)}


def kind_bit(kind: str) -> int:
    """The bit of Spot.kinds for a service kind. Raises KeyError for one that is none."""
    return _BITS[kind]


def trouble(papers: Iterable[Answer]) -> int:
    """How much of a danger a place's three answers about papers are; a smaller number is safer.

    The worst of them decides, since one is enough to put a person in danger; then each in turn, so that a place that
    asks for an identity document never stands above one that does not. Unknown is worse than no and better than yes.
    """
    each = [_TROUBLE[one] for one in papers]
    number = max(each)
    for one in each:
        number = number * 3 + one
    return number


def on_globe(latitude: float, longitude: float) -> tuple[float, float, float]:
    """The point on a globe of radius 1."""
    up, round_ = radians(latitude), radians(longitude)
    return cos(up) * cos(round_), cos(up) * sin(round_), sin(up)


async def refresh(session: AsyncSession, services: Iterable[str] | None = None) -> int:
    """Bring the spots of these services (None: of all) up to what the tables say; returns how many there are now."""
    if services is None:
        await session.execute(delete(Spot))
        services = list(await session.scalars(select(Service.id)))
        return await _fill(session, services)
    services = list(services)
    for some in _chunks(services):
        await session.execute(delete(Spot).where(Spot.service_id.in_(some)))
    return await _fill(session, services)


async def _fill(session: AsyncSession, services: list[str]) -> int:
    made = 0
    for some in _chunks(services):
        rows = await _rows(session, some)
        if rows:
            await session.execute(insert(Spot.__table__), rows)
        made += len(rows)
    return made


@dataclass
class _Known:
    """What is said of a service or a location."""

    facts: dict[str, str] = field(default_factory=dict)
    kinds: int = 0
    languages: set[str] = field(default_factory=set)


_NOTHING = _Known()


async def _rows(session: AsyncSession, services: list[str]) -> list[dict[str, Any]]:
    there = (await session.execute(_shown(services))).all()
    known = await _known(session, [*services, *{row.location_id for row in there}, *(row.id for row in there)])
    days = await _days(session, [row.id for row in there])
    rows = []
    for row in there:
        # What is said of this very place counts before what is said of the service anywhere.
        said = [known.get(id_, _NOTHING) for id_ in (row.location_id, row.service_id, row.id)]
        facts = {code: value for one in said for code, value in one.facts.items()}
        mobile = facts.get("mobile") == Answer.YES
        first, last = days.get(row.id, (None, None)) if mobile else (None, None)
        x, y, z = on_globe(row.latitude, row.longitude)
        spoken = sorted({code for one in said for code in one.languages})
        rows.append({
            "service_at_location_id": row.id,
            "service_id": row.service_id,
            "latitude": row.latitude,
            "longitude": row.longitude,
            "x": x,
            "y": y,
            "z": z,
            "kinds": reduce(or_, (one.kinds for one in said)),
            "papers": trouble(answer(facts.get(name)) for name in PAPERS),
            "languages": f" {' '.join(spoken)} " if spoken else "",
            "sample": facts.get("sample") == Answer.YES,
            "closed_until": _date(facts.get("closed_until")),
            "from_day": first,
            "to_day": last,
        })  # fmt: skip
    return rows


def _shown(services: list[str]) -> Select:
    """Active services at points that exist; data of others may hold latitudes of 100."""
    return (
        select(
            ServiceAtLocation.id,
            ServiceAtLocation.service_id,
            ServiceAtLocation.location_id,
            Location.latitude,
            Location.longitude,
        )
        .join(Location, ServiceAtLocation.location_id == Location.id)
        .join(Service, ServiceAtLocation.service_id == Service.id)
        .where(
            Service.id.in_(services),
            Service.status == "active",
            Location.latitude.between(-90, 90),
            Location.longitude.between(-180, 180),
        )
        .order_by(ServiceAtLocation.id)
    )


async def _known(session: AsyncSession, ids: list[str]) -> dict[str, _Known]:
    known: dict[str, _Known] = {}
    for some in _chunks(ids):
        said = await session.execute(
            select(Attribute.link_id, TaxonomyTerm.taxonomy_id, TaxonomyTerm.code, Attribute.value)
            .join(TaxonomyTerm, Attribute.taxonomy_term_id == TaxonomyTerm.id)
            .where(Attribute.link_id.in_(some), TaxonomyTerm.taxonomy_id.in_((KINDS, FACTS)))
        )
        for link, taxonomy, code, value in said:
            one = known.setdefault(link, _Known())
            if taxonomy == KINDS:
                one.kinds |= _BITS.get(code, 0)
            elif value:
                # Said twice, once yes and once no: the worse counts.
                one.facts[code] = max(one.facts.get(code, ""), value) if code in PAPERS else value
        spoken = await session.execute(
            select(Language.service_id, Language.location_id, Language.code).where(
                Language.service_id.in_(some) | Language.location_id.in_(some), Language.code.is_not(None)
            )
        )
        for service, location, code in spoken:
            for owner in (service, location):
                if owner:
                    known.setdefault(owner, _Known()).languages.add(code)
    return known


async def _days(session: AsyncSession, ids: list[str]) -> dict[str, tuple[date | None, date | None]]:
    """The first and the last day of each, where all its schedules have days."""
    days: dict[str, tuple[date | None, date | None]] = {}
    rows = await session.execute(
        select(Schedule.service_at_location_id, Schedule.valid_from, Schedule.valid_to).where(
            Schedule.service_at_location_id.in_(ids), Schedule.valid_to.is_not(None)
        )
    )
    for id_, start, end in rows:
        first, last = days.get(id_, (start, end))
        days[id_] = (min(filter(None, (first, start)), default=None), max(last, end))
    return days


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
