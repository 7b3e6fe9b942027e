"""Works out what the search runs on: one Spot for each service at a location that may be shown.

Spots say nothing that the tables of HSDS do not; whoever changes a service, a location or a fact calls `refresh` in
the same transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date
from math import cos, radians, sin
from typing import Any

from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.directory.cards import gather
from bot.directory.hsds import TABLES, Service
from bot.directory.models import Spot
from bot.directory.terms import PAPERS, SERVICE_KINDS, Answer

_CHUNK = 500
_MANY = 2_000
"""Services from which on fresh statistics are worth their time."""
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
    if len(services) > _MANY and session.get_bind().dialect.name == "postgresql":
        # Just written, PostgreSQL knows nothing of these tables yet and would read them whole for every chunk.
        for table in TABLES.values():
            await session.execute(text(f"ANALYZE {table.__tablename__}"))
    made = 0
    for some in _chunks(services):
        rows = [_row(service, card) for service, card in await gather(session, some)]
        if rows:
            await session.execute(insert(Spot.__table__), rows)
        made += len(rows)
    return made


def _row(service: str, card: dict[str, Any]) -> dict[str, Any]:
    x, y, z = on_globe(card["latitude"], card["longitude"])
    first, last = map(date.fromisoformat, card["days"]) if card["days"] else (None, None)
    return {
        "service_at_location_id": card["id"],
        "service_id": service,
        "latitude": card["latitude"],
        "longitude": card["longitude"],
        "x": x,
        "y": y,
        "z": z,
        "kinds": sum(_BITS.get(kind, 0) for kind in card["kinds"]),
        "papers": trouble(Answer(card[name]) for name in PAPERS),
        "languages": f" {' '.join(card['languages'])} " if card["languages"] else "",
        "sample": card["sample"],
        "closed_until": date.fromisoformat(card["closed_until"]) if card["closed_until"] else None,
        "from_day": first,
        "to_day": last,
        "card": json.dumps(card, ensure_ascii=False, separators=(",", ":")),
    }


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
