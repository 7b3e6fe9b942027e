"""Places near a point: nearest first, honest distances, and never a wrong promise about papers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.db import now as present
from bot.directory.distance import box_around, distance_km
from bot.directory.hours import opening
from bot.directory.models import (
    FACTS,
    KINDS,
    Address,
    Answer,
    Attribute,
    Language,
    Location,
    Organization,
    Phone,
    Schedule,
    Service,
    ServiceAtLocation,
    TaxonomyTerm,
    fact_term,
    kind_term,
)

_PAPERS = ("id_required", "status_required", "shares_with_immigration")
_AT_ONCE = 100
"""Places whose hours are read together: databases limit the parameters of a statement."""
_TROUBLE = {Answer.NO: 0, Answer.UNKNOWN: 1, Answer.YES: 2}


@dataclass(frozen=True)
class Found:
    """A service at a place, with all that can be shown of it. None and "unknown" mean that nobody has told us.

    `number` is its position in the whole list, from 1; None together with `distance_km` when it was asked for by id.
    `precision` "city" means that the point, and so the distance, is the middle of the town and not the door.
    `id_required` and its kin are words, yes, no or unknown: compare them, never test their truth.
    """

    id: str
    number: int | None
    name: str
    organization: str
    kinds: tuple[str, ...]
    description: str | None
    distance_km: float | None
    address: str | None
    city: str | None
    country: str | None
    phone: str | None
    email: str | None
    website: str | None
    hours: str | None
    open_now: bool | None
    next_change: datetime | None
    languages: tuple[str, ...]
    id_required: Answer
    status_required: Answer
    shares_with_immigration: Answer
    walk_in: Answer
    anonymous: Answer
    last_verified: date | None
    state: str | None
    source_title: str | None
    source_url: str | None
    sample: bool
    precision: str
    latitude: float
    longitude: float


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


@dataclass(frozen=True)
class _Near:
    """A candidate, before its details are read; `rank` sorts before distance."""

    id: str
    distance_km: float
    rank: tuple[int, ...]


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
    `only_open` leaves out every place that is not known to be open at `now`.
    """
    near: list[_Near] = []
    radius, moment = radius_km[0], now or present()
    for radius in radius_km:
        near = await _within(session, kind, latitude, longitude, radius, language, papers)
        if only_open:
            near = await _open(session, near, moment)
        if near:
            break
    else:
        nearest = await _nearest_km(session, kind, latitude, longitude)
        return SearchResult((), 0, radius, len(radius_km) > 1, nearest)
    page = near[offset : offset + limit]
    found = await _read(session, {one.id: (offset + i, one.distance_km) for i, one in enumerate(page, 1)}, moment)
    return SearchResult(found, len(near), radius, radius != radius_km[0])


async def details(session: AsyncSession, id: str, now: datetime | None = None) -> Found | None:
    """The place with this id, or None if it is not in the directory (any more)."""
    found = await _read(session, {id: (None, None)}, now or present())
    return found[0] if found else None


# --- Finding ---


def _active(kind: str | None) -> Select:
    """Ids and points of what may be shown, not narrowed to any region."""
    chosen = (
        select(ServiceAtLocation.id, Location.latitude, Location.longitude)
        .join(Location, ServiceAtLocation.location_id == Location.id)
        .join(Service, ServiceAtLocation.service_id == Service.id)
        .where(Service.status == "active", Location.latitude.is_not(None), Location.longitude.is_not(None))
    )
    if kind is None:
        return chosen
    return chosen.where(
        select(Attribute.id)
        .where(Attribute.taxonomy_term_id == kind_term(kind), Attribute.link_id == Service.id)
        .exists()
    )


async def _within(
    session: AsyncSession,
    kind: str | None,
    latitude: float,
    longitude: float,
    radius: float,
    language: str | None,
    papers: bool | None,
) -> list[_Near]:
    box = box_around(latitude, longitude, radius)
    chosen = _active(kind).where(
        Location.latitude.between(box.south, box.north),
        or_(*(Location.longitude.between(west, east) for west, east in box.longitudes)),
    )
    facts = []
    if papers is False:
        for name in _PAPERS:
            fact = aliased(Attribute)
            is_it = and_(fact.link_id == Service.id, fact.taxonomy_term_id == fact_term(name))
            chosen = chosen.outerjoin(fact, is_it).add_columns(fact.value)
            facts.append(name)
    if language:
        speaks = select(Language.id).where(
            Language.code == language, or_(Language.service_id == Service.id, Language.location_id == Location.id)
        )
        chosen = chosen.add_columns(speaks.exists())
    near: dict[str, _Near] = {}
    for id_, lat, lon, *extra in await session.execute(chosen):
        one = _Near(id_, distance_km(latitude, longitude, lat, lon), _rank(extra[: len(facts)], extra[len(facts) :]))
        # An import may say both yes and no; then the worse counts.
        if one.distance_km <= radius and (id_ not in near or near[id_].rank < one.rank):
            near[id_] = one
    # The id settles equal distances, so that a second page never repeats or skips one.
    return sorted(near.values(), key=lambda one: (one.rank, one.distance_km, one.id))


async def _open(session: AsyncSession, near: list[_Near], moment: datetime) -> list[_Near]:
    """Those that are known to be open."""
    found: set[str] = set()
    for start in range(0, len(near), _AT_ONCE):
        read = await _read(session, {one.id: (None, None) for one in near[start : start + _AT_ONCE]}, moment)
        found |= {one.id for one in read if one.open_now is True}
    return [one for one in near if one.id in found]


def _rank(papers: list[str | None], speaks: list[bool]) -> tuple[int, ...]:
    """Smaller comes first.

    The worst of the three facts decides, since one is enough to put a person in danger; then each of them, so that
    a place that asks for an identity document never stands above one that does not.
    """
    trouble = [_TROUBLE[_answer(value)] for value in papers]
    return (
        (max(trouble), *trouble, *(not spoken for spoken in speaks))
        if trouble
        else tuple(not spoken for spoken in speaks)
    )


async def _nearest_km(session: AsyncSession, kind: str | None, latitude: float, longitude: float) -> float | None:
    sample = select(Attribute.id).where(
        Attribute.taxonomy_term_id == fact_term("sample"),
        Attribute.link_id == Service.id,
        Attribute.value == Answer.YES,
    )
    points = await session.execute(_active(kind).where(~sample.exists()))
    return min((distance_km(latitude, longitude, lat, lon) for _, lat, lon in points), default=None)


# --- Reading what was found ---


async def _read(
    session: AsyncSession, wanted: dict[str, tuple[int | None, float | None]], now: datetime
) -> tuple[Found, ...]:
    """The details of `wanted` (id: number, distance), in that order."""
    rows = await session.execute(
        select(ServiceAtLocation.id, Service, Location, Organization.name)
        .join(Service, ServiceAtLocation.service_id == Service.id)
        .join(Location, ServiceAtLocation.location_id == Location.id)
        .join(Organization, Service.organization_id == Organization.id)
        .where(ServiceAtLocation.id.in_(wanted), Service.status == "active")
        .where(Location.latitude.is_not(None), Location.longitude.is_not(None))
    )
    there = {id_: (service, location, organization) for id_, service, location, organization in rows}
    owners = {id_: (id_, service.id, location.id) for id_, (service, location, _) in there.items()}
    everything = [owner for some in owners.values() for owner in some]
    kinds, facts = await _attributes(session, everything)
    addresses = await _by_owner(session, Address, ("location_id",), everything)
    phones = await _by_owner(session, Phone, ("service_at_location_id", "service_id", "location_id"), everything)
    schedules = await _by_owner(session, Schedule, ("service_at_location_id", "service_id", "location_id"), everything)
    languages = await _by_owner(session, Language, ("service_id", "location_id"), everything)

    def found(id_: str) -> Found:
        service, location, organization = there[id_]
        number, distance = wanted[id_]
        known = facts.get(location.id, {}) | facts.get(service.id, {})
        # What is said of this very place counts before what is said of the service anywhere.
        phone, schedule, address = (_first(table, owners[id_]) for table in (phones, schedules, addresses))
        hours = schedule.description if schedule else None
        country = address.country if address else None
        state = opening(hours, now, location.latitude, location.longitude, country)
        spoken = [one.code for owner in owners[id_] for one in languages.get(owner, ()) if one.code]
        return Found(
            id=id_,
            number=number,
            name=service.name,
            organization=organization,
            kinds=tuple(sorted(kinds.get(service.id, ()))),
            description=service.description,
            distance_km=distance,
            address=(address.address_1 or None) if address else None,
            city=address.city if address else None,
            country=country,
            phone=phone.number if phone else None,
            email=service.email,
            website=service.url,
            hours=hours,
            open_now=state.open_now,
            next_change=state.next_change,
            languages=tuple(sorted(set(spoken))),
            **{name: _answer(known.get(name)) for name in (*_PAPERS, "walk_in", "anonymous")},
            last_verified=service.assured_date,
            state=known.get("state"),
            source_title=known.get("source_title"),
            source_url=known.get("source_url"),
            sample=known.get("sample") == Answer.YES,
            precision=known.get("precision") or "exact",
            latitude=location.latitude,
            longitude=location.longitude,
        )

    return tuple(found(id_) for id_ in wanted if id_ in there)


async def _attributes(
    session: AsyncSession, links: list[str]
) -> tuple[dict[str, list[str]], dict[str, dict[str, str]]]:
    """Service kinds and facts, each by what they are said of."""
    kinds: dict[str, list[str]] = {}
    facts: dict[str, dict[str, str]] = {}
    rows = await session.execute(
        select(Attribute.link_id, TaxonomyTerm.taxonomy_id, TaxonomyTerm.code, Attribute.value)
        .join(TaxonomyTerm, Attribute.taxonomy_term_id == TaxonomyTerm.id)
        .where(Attribute.link_id.in_(links), TaxonomyTerm.taxonomy_id.in_((KINDS, FACTS)))
    )
    for link, taxonomy, code, value in rows:
        if taxonomy == KINDS:
            kinds.setdefault(link, []).append(code)
        elif value:
            facts.setdefault(link, {})[code] = value
    return kinds, facts


async def _by_owner(session: AsyncSession, table: type, columns: tuple[str, ...], ids: list[str]) -> dict[str, list]:
    """Rows of `table` by whichever of `columns` ties them to one of `ids`."""
    rows = await session.scalars(
        select(table).where(or_(*(getattr(table, column).in_(ids) for column in columns))).order_by(table.id)
    )
    tied: dict[str, list] = {}
    for row in rows:
        for column in columns:
            if owner := getattr(row, column):
                tied.setdefault(owner, []).append(row)
    return tied


def _first(rows: dict[str, list], owners: tuple[str, ...]) -> object | None:
    return next((row for owner in owners for row in rows.get(owner, ())), None)


def _answer(value: str | None) -> Answer:
    # Anything an import brings that is neither yes nor no promises nothing.
    return Answer(value) if value in (Answer.YES, Answer.NO) else Answer.UNKNOWN
