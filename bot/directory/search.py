"""Places near a point: nearest first, honest distances, and never a wrong promise about papers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import now as present
from bot.directory.cards import Found, found
from bot.directory.circle import in_box, squared_chord
from bot.directory.distance import box_around, chord_of, km_of
from bot.directory.models import Spot
from bot.directory.spots import kind_bit, on_globe

__all__ = ["Found", "SearchResult", "details", "search"]

_AT_ONCE = 50
"""Places whose hours are looked at together."""
_WIDER = (300.0, 1000.0, 3000.0, 20_100.0)
"""Circles in which the nearest place of all is looked for; the last one holds the earth."""


@dataclass(frozen=True)
class SearchResult:
    """One page of `total` places within `radius_km`, the circle that was used; `widened` if the first held none.

    With none even there, `nearest_km` is how far the nearest real one is, or None if we know none at all.
    """

    found: tuple[Found, ...]
    total: int
    radius_km: float
    widened: bool = False
    nearest_km: float | None = None


async def search(
    session: AsyncSession,
    kind: str | None,
    latitude: float,
    longitude: float,
    *,
    limit: int = 3,
    offset: int = 0,
    radius_km: tuple[float, ...] = (25, 100),
    language: str | None = None,
    papers: bool | None = None,
    only_open: bool = False,
    now: datetime | None = None,
) -> SearchResult:
    """The places of `kind` (None: any) around a point, nearest first; the circle widens once if the first is empty.

    `papers=False` (the person has none, or will not show them) puts places known to ask for none first, then those
    nobody knows about, and last those known to ask for papers or to share data, whatever the distance; among equals
    the nearest. `language`, when the person asks for one, puts places known to speak it before the others likewise.
    What is closed for a time comes after all others, and a van only while it has a day to come.
    `only_open` leaves out every place that is not known to be open at `now`.
    """
    moment = now or present()
    here = _Here(latitude, longitude, kind, _local_day(moment, longitude), language, papers is False)
    radius = radius_km[0]
    for radius in radius_km:
        if only_open:
            result = await _open(session, here, radius, limit, offset, moment)
        else:
            result = await _page(session, here, radius, limit, offset, moment)
        if result.total:
            return SearchResult(result.found, result.total, radius, radius != radius_km[0])
    return SearchResult((), 0, radius, len(radius_km) > 1, await _nearest_km(session, here))


async def details(session: AsyncSession, id: str, now: datetime | None = None) -> Found | None:
    """The place with this id (of its service_at_location), or None if it is not in the directory (any more)."""
    card = await session.scalar(select(Spot.card).where(Spot.service_at_location_id == id))
    return found(json.loads(card), now or present()) if card else None


# --- Finding ---


@dataclass(frozen=True)
class _Here:
    """What is looked for, and where."""

    latitude: float
    longitude: float
    kind: str | None
    day: date
    language: str | None = None
    no_papers: bool = False
    samples: bool = True


@dataclass(frozen=True)
class _Page:
    found: tuple[Found, ...]
    total: int


async def _page(session: AsyncSession, here: _Here, radius: float, limit: int, offset: int, moment: datetime) -> _Page:
    rows = await _near(session, here, radius, limit, offset)
    if not rows and offset:
        # An empty page of a list that is not empty: the count has no row to stand in.
        first = await _near(session, here, radius, 1, 0)
        return _Page((), first[0].total if first else 0)
    shown = (
        found(json.loads(row.card), moment, number, km_of(row.chord**0.5))
        for number, row in enumerate(rows, offset + 1)
    )
    return _Page(tuple(shown), rows[0].total if rows else 0)


async def _open(session: AsyncSession, here: _Here, radius: float, limit: int, offset: int, moment: datetime) -> _Page:
    """Those that are known to be open. `total` is how many there are, counted up to the first of the next page."""
    known: list[Found] = []
    async for one in _all(session, here, radius, moment):
        if one.open_now is True and not one.closed_until:
            known.append(replace(one, number=len(known) + 1))
            if len(known) > offset + limit:
                break
    return _Page(tuple(known[offset : offset + limit]), len(known))


async def _all(session: AsyncSession, here: _Here, radius: float, moment: datetime) -> AsyncIterator[Found]:
    offset, total = 0, 1
    while offset < total:
        page = await _page(session, here, radius, _AT_ONCE, offset, moment)
        for one in page.found:
            yield one
        offset, total = offset + _AT_ONCE, page.total


async def _nearest_km(session: AsyncSession, here: _Here) -> float | None:
    real = replace(here, language=None, no_papers=False, samples=False)
    for radius in _WIDER:
        if rows := await _near(session, real, radius, 1, 0):
            return km_of(rows[0].chord ** 0.5)
    return None


def _local_day(moment: datetime, longitude: float) -> date:
    """The day it is at that longitude, by the sun; clocks differ from it by some hours, at night, when all is shut."""
    return (moment + timedelta(hours=longitude / 15)).date()


# --- The statement ---


async def _near(session: AsyncSession, here: _Here, radius: float, limit: int, offset: int) -> list[Any]:
    """Rows (card, squared straight distance `chord`, `total` of all) within `radius`, in the order they are shown."""
    box = box_around(here.latitude, here.longitude, radius)
    x, y, z = on_globe(here.latitude, here.longitude)
    values = {
        "x": x, "y": y, "z": z, "most": chord_of(radius) ** 2, "day": here.day, "limit": limit, "offset": offset,
        "kind": kind_bit(here.kind) if here.kind else 0, "language": f"% {here.language} %",
        "south": box.south, "north": box.north,
    }  # fmt: skip
    for number, (west, east) in enumerate(box.longitudes):
        values |= {f"west{number}": west, f"east{number}": east}
    statement = _statement(
        session.get_bind().dialect.name, len(box.longitudes), here.kind is not None, here.language is not None,
        here.no_papers, here.samples,
    )  # fmt: skip
    return list((await session.execute(statement, values)).all())


@lru_cache(maxsize=128)
def _statement(dialect: str, boxes: int, kind: bool, language: bool, no_papers: bool, samples: bool) -> Select:
    """Built once for each shape of a question: building takes longer than answering."""
    chord = squared_chord(*map(bindparam, "xyz"))
    edges = [(bindparam(f"west{number}"), bindparam(f"east{number}")) for number in range(boxes)]
    here = in_box(dialect, bindparam("south"), bindparam("north"), edges)
    wanted: list[ColumnElement] = [or_(Spot.to_day.is_(None), Spot.to_day >= bindparam("day"))]
    if kind:
        wanted.append(Spot.kinds.op("&")(bindparam("kind")) != 0)
    if not samples:
        wanted.append(Spot.sample.is_(False))
    # Smaller comes first: what is closed for a time after all others, then what was asked for, then distance. The id
    # settles equal distances, so that a second page never repeats or skips one.
    order: list[ColumnElement] = [case((Spot.closed_until >= bindparam("day"), 1), else_=0)]
    if no_papers:
        order.append(Spot.papers)
    if language:
        order.append(case((Spot.languages.like(bindparam("language")), 0), else_=1))
    order += [chord, Spot.service_at_location_id]
    return (
        select(Spot.card, chord.label("chord"), func.count().over().label("total"))
        .where(*wanted, here, chord <= bindparam("most"))
        .order_by(*order)
        .limit(bindparam("limit"))
        .offset(bindparam("offset"))
    )
