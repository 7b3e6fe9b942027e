"""Places near a point: nearest first, honest distances, and never a wrong promise about papers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import now as present
from bot.directory import found as reading
from bot.directory.circle import squared_chord, within
from bot.directory.distance import km_of
from bot.directory.found import Found
from bot.directory.models import Spot
from bot.directory.spots import kind_bit

__all__ = ["Found", "SearchResult", "details", "search"]

_AT_ONCE = 50
"""Places whose hours are read together."""
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
    """The place with this id, or None if it is not in the directory (any more)."""
    return await reading.details(session, id, now or present())


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
    rows = (await session.execute(_near(session, here, radius).limit(limit).offset(offset))).all()
    if not rows:
        # An empty page of a list that is not empty: the window function has nothing to stand on.
        total = (
            await session.scalar(select(func.count()).select_from(_near(session, here, radius).subquery()))
            if offset
            else 0
        )
        return _Page((), total or 0)
    wanted = {id_: (number, km_of(chord**0.5)) for number, (id_, chord, _) in enumerate(rows, offset + 1)}
    return _Page(await reading.read(session, wanted, moment), rows[0][2])


async def _open(session: AsyncSession, here: _Here, radius: float, limit: int, offset: int, moment: datetime) -> _Page:
    """Those that are known to be open. `total` is how many there are up to the one after this page."""
    known: list[Found] = []
    async for one in _all(session, here, radius, moment):
        if one.open_now is True and not one.closed_until:
            known.append(one)
            if len(known) > offset + limit:
                break
    numbered = [_numbered(one, number) for number, one in enumerate(known, 1)]
    return _Page(tuple(numbered[offset : offset + limit]), len(known))


async def _all(session: AsyncSession, here: _Here, radius: float, moment: datetime) -> AsyncIterator[Found]:
    offset = 0
    while True:
        page = await _page(session, here, radius, _AT_ONCE, offset, moment)
        for one in page.found:
            yield one
        offset += _AT_ONCE
        if offset >= page.total:
            return


def _numbered(one: Found, number: int) -> Found:
    return replace(one, number=number)


def _near(session: AsyncSession, here: _Here, radius: float) -> Select:
    """Ids, squared straight distances and the number of all, of the spots within `radius` in the order they are shown."""
    dialect = session.get_bind().dialect.name
    chord = squared_chord(here.latitude, here.longitude)
    # The id settles equal distances, so that a second page never repeats or skips one.
    order = (*_ranks(here), chord, Spot.service_at_location_id)
    return (
        select(Spot.service_at_location_id, chord.label("chord"), func.count().over())
        .where(*_conditions(here), within(dialect, here.latitude, here.longitude, radius))
        .order_by(*order)
    )


def _ranks(here: _Here) -> list[ColumnElement]:
    """What counts before distance; smaller comes first."""
    ranks: list[ColumnElement] = [case((Spot.closed_until >= here.day, 1), else_=0)]
    if here.no_papers:
        ranks.append(Spot.papers)
    if here.language:
        ranks.append(case((Spot.languages.contains(f" {here.language} ", autoescape=True), 0), else_=1))
    return ranks


def _conditions(here: _Here) -> list[ColumnElement]:
    wanted: list[ColumnElement] = [or_(Spot.to_day.is_(None), Spot.to_day >= here.day)]
    if here.kind is not None:
        wanted.append(Spot.kinds.op("&")(kind_bit(here.kind)) != 0)
    if not here.samples:
        wanted.append(Spot.sample.is_(False))
    return wanted


async def _nearest_km(session: AsyncSession, here: _Here) -> float | None:
    real = _Here(here.latitude, here.longitude, here.kind, here.day, samples=False)
    for radius in _WIDER:
        row = (await session.execute(_near(session, real, radius).limit(1))).first()
        if row:
            return km_of(row.chord**0.5)
    return None


def _local_day(moment: datetime, longitude: float) -> date:
    """The day it is at that longitude, by the sun; clocks differ from it by some hours, at night, when all is shut."""
    return (moment + timedelta(hours=longitude / 15)).date()
