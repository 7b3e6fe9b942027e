"""What is known of a service at a place, gathered from the tables of HSDS: its card.

Cards are written when the directory changes and read when somebody asks, so that a search is one statement. A card is
a dict that JSON can hold; `found` makes of it what is shown, with the opening hours of that very moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.directory.hours import opening
from bot.directory.hsds import (
    Accessibility,
    Address,
    Attribute,
    CostOption,
    Language,
    Location,
    Organization,
    Phone,
    RequiredDocument,
    Schedule,
    Service,
    ServiceAtLocation,
    TaxonomyTerm,
)
from bot.directory.terms import FACTS, GROUPS, KINDS, PAPERS, TRANSLATIONS, Answer, answer
from bot.directory.timetable import opening_hours

_ANSWERS = (*PAPERS, "walk_in", "anonymous", "free", "wheelchair")


@dataclass(frozen=True)
class Found:
    """A service at a place, with all that can be shown of it. None and "unknown" mean that nobody has told us.

    `number` is its position in the whole list, from 1; None together with `distance_km` when it was asked for by id.
    `precision` "city" means that the point, and so the distance, is the middle of the town and not the door.
    `id_required` and its kin are words, yes, no or unknown: compare them, never test their truth.
    `confidential` places have no address here, and their point is rounded to about ten kilometres.
    `names` and `descriptions` are by language, where there are translations.
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
    free: Answer = Answer.UNKNOWN
    wheelchair: Answer = Answer.UNKNOWN
    confidential: bool = False
    mobile: bool = False
    closed_until: date | None = None
    populations: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    cost: str | None = None
    accessibility: str | None = None
    names: dict[str, str] | None = None
    descriptions: dict[str, str] | None = None


_LISTS = {field.name for field in fields(Found) if str(field.type).startswith("tuple")}
_DAYS = ("last_verified", "closed_until")


def found(card: dict[str, Any], now: datetime, number: int | None = None, distance_km: float | None = None) -> Found:
    """What a card shows at the moment `now` (aware)."""
    values = {name: tuple(value) if name in _LISTS else value for name, value in card.items() if name != "days"}
    values |= {name: _day(card[name]) for name in _DAYS} | {name: Answer(card[name]) for name in _ANSWERS}
    if values["closed_until"] and values["closed_until"] < now.date():
        values["closed_until"] = None
    state = opening(card["hours"], now, card["latitude"], card["longitude"], card["country"])
    return Found(
        number=number, distance_km=distance_km, open_now=state.open_now, next_change=state.next_change, **values
    )


async def gather(session: AsyncSession, services: Iterable[str]) -> list[tuple[str, dict[str, Any]]]:
    """(service id, card) of every place where one of `services` may be shown, by a fixed number of statements.

    Active services at points that exist; data of others may hold latitudes of 100. A card has the fields of Found but
    for those of the moment, and `days`: the first and last day of something that comes on certain days only.
    """
    rows = await session.execute(
        select(ServiceAtLocation.id, Service, Location, Organization.name)
        .join(Service, ServiceAtLocation.service_id == Service.id)
        .join(Location, ServiceAtLocation.location_id == Location.id)
        .join(Organization, Service.organization_id == Organization.id)
        .where(Service.id.in_(list(services)), Service.status == "active")
        .where(Location.latitude.between(-90, 90), Location.longitude.between(-180, 180))
        .order_by(ServiceAtLocation.id)
    )
    there = {id_: (service, location, organization) for id_, service, location, organization in rows}
    if not there:
        return []
    # What is said of this very place counts before what is said of the service anywhere.
    owners = {id_: (id_, service.id, location.id) for id_, (service, location, _) in there.items()}
    everything = list(dict.fromkeys(owner for some in owners.values() for owner in some))
    said = await _said(session, everything)
    tied = {
        table: await _by_owner(session, table, columns, everything)
        for table, columns in (
            (Address, ("location_id",)),
            (Phone, ("service_at_location_id", "service_id", "location_id")),
            (Schedule, ("service_at_location_id", "service_id", "location_id")),
            (Language, ("service_id", "location_id")),
            (Accessibility, ("location_id",)),
            (CostOption, ("service_id",)),
            (RequiredDocument, ("service_id",)),
        )
    }
    return [(service.id, _card(id_, owners[id_], there[id_], said, tied)) for id_, (service, _, _) in there.items()]


def _card(
    id_: str, of: tuple[str, ...], there: tuple, said: _Said, tied: dict[type, dict[str, list]]
) -> dict[str, Any]:
    service, location, organization = there
    known = said.facts(of)
    phone, address = (_first(tied[table], of) for table in (Phone, Address))
    schedules = _most_special(tied[Schedule], of)
    hidden = known.get("confidential") == Answer.YES
    mobile = known.get("mobile") == Answer.YES
    return {
        "id": id_,
        "name": service.name,
        "organization": organization,
        "kinds": said.codes(KINDS, of),
        "description": service.description,
        "address": (address.address_1 or None) if address and not hidden else None,
        "city": address.city if address else None,
        "country": address.country if address else None,
        "phone": phone.number if phone else None,
        "email": service.email,
        "website": service.url,
        "hours": opening_hours(schedules),
        "languages": sorted({one.code for owner in of for one in tied[Language].get(owner, ()) if one.code}),
        **{name: str(answer(known.get(name))) for name in _ANSWERS},
        "last_verified": service.assured_date.isoformat() if service.assured_date else None,
        "state": known.get("state"),
        "source_title": known.get("source_title"),
        "source_url": known.get("source_url"),
        "sample": known.get("sample") == Answer.YES,
        # A hidden address must not be read off the map, or be found out by asking from three sides.
        "precision": "city" if hidden else known.get("precision") or "exact",
        "latitude": round(location.latitude, 1) if hidden else location.latitude,
        "longitude": round(location.longitude, 1) if hidden else location.longitude,
        "confidential": hidden,
        "mobile": mobile,
        "closed_until": known.get("closed_until") if _day(known.get("closed_until")) else None,
        "populations": said.codes(GROUPS, of),
        "documents": [one.document for one in tied[RequiredDocument].get(service.id, ()) if one.document],
        "cost": next((_cost(one) for one in tied[CostOption].get(service.id, ())), None) or service.fees_description,
        "accessibility": next((one.description for one in tied[Accessibility].get(location.id, ())), None),
        "names": said.translations("name", of),
        "descriptions": said.translations("description", of),
        "days": _first_and_last(schedules) if mobile else None,
    }


def _first_and_last(schedules: list[Schedule]) -> tuple[str, str] | None:
    """ISO days, if every schedule ends."""
    if not schedules or not all(one.valid_to for one in schedules):
        return None
    first = min(one.valid_from or one.valid_to for one in schedules)
    return first.isoformat(), max(one.valid_to for one in schedules).isoformat()


class _Said:
    """Attributes: (taxonomy, code, value) by what they are said of."""

    def __init__(self, rows: dict[str, list[tuple[str, str, str | None]]]) -> None:
        self._rows = rows

    def codes(self, taxonomy: str, of: tuple[str, ...]) -> tuple[str, ...]:
        """The terms of a taxonomy that apply."""
        return tuple(
            sorted({code for owner in of for which, code, _ in self._rows.get(owner, ()) if which == taxonomy})
        )

    def facts(self, of: tuple[str, ...]) -> dict[str, str]:
        """Facts by name, the most special one first; said twice, once yes and once no: the worse counts."""
        facts: dict[str, str] = {}
        for owner in of:
            own: dict[str, str] = {}
            for which, code, value in self._rows.get(owner, ()):
                if which == FACTS and value:
                    own[code] = max(own.get(code, ""), value) if code in PAPERS else value
            facts = own | facts
        return facts

    def translations(self, field: str, of: tuple[str, ...]) -> dict[str, str] | None:
        """A field by language."""
        found = {
            code.partition(".")[2]: value
            for owner in reversed(of)
            for which, code, value in self._rows.get(owner, ())
            if which == TRANSLATIONS and value and code.startswith(f"{field}.")
        }
        return found or None


async def _said(session: AsyncSession, links: list[str]) -> _Said:
    rows: dict[str, list[tuple[str, str, str | None]]] = {}
    for link, taxonomy, code, value in await session.execute(
        select(Attribute.link_id, TaxonomyTerm.taxonomy_id, TaxonomyTerm.code, Attribute.value)
        .join(TaxonomyTerm, Attribute.taxonomy_term_id == TaxonomyTerm.id)
        .where(
            Attribute.link_id.in_(links), TaxonomyTerm.taxonomy_id.in_((KINDS, FACTS, GROUPS, TRANSLATIONS)),
            TaxonomyTerm.code.is_not(None),
        )
        .order_by(Attribute.id)
    ):  # fmt: skip
        rows.setdefault(link, []).append((taxonomy, code, value))
    return _Said(rows)


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


def _first(rows: dict[str, list], of: tuple[str, ...]) -> object | None:
    return next((row for owner in of for row in rows.get(owner, ())), None)


def _most_special(rows: dict[str, list], of: tuple[str, ...]) -> list:
    return next((rows[owner] for owner in of if rows.get(owner)), [])


def _cost(one: CostOption) -> str | None:
    amount = None
    if one.amount is not None:
        amount = f"{one.amount:g} {one.currency or ''}".strip()
    return ", ".join(filter(None, (one.option, amount, one.amount_description))) or None


def _day(text: str | None) -> date | None:
    """A day; None for what nobody can read as one."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
