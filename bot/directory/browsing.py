"""The places of all datasets as those who keep them look at them: found by name, town or id, with what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import now
from bot.directory.hsds import Address, Attribute, Organization, Phone, Service, ServiceAtLocation, TaxonomyTerm
from bot.directory.models import Listing
from bot.directory.terms import FACTS, KINDS, PAPERS, Answer, answer

AT_ONCE = 50
OLD = timedelta(days=180)
"""A place nobody has verified for so long is to be called."""


@dataclass(frozen=True)
class Wanted:
    """What is looked for; empty fields narrow nothing. `state`: stale, closed, draft."""

    words: str = ""
    country: str = ""
    dataset: str = ""
    state: str = ""


@dataclass(frozen=True)
class Shown:
    """A place: where it is from, what is known of papers (fact -> answer), and since when anybody knows."""

    id: str
    dataset: str
    name: str
    organization: str
    town: str
    country: str
    kinds: tuple[str, ...]
    papers: dict[str, Answer]
    verified: date | None
    verified_by: str
    source: str
    source_url: str
    source_read: str
    closed_until: date | None
    closed: bool
    draft: bool
    sample: bool
    phone: str
    email: str
    website: str
    address: str

    @property
    def stale(self) -> bool:
        """Whether somebody should call."""
        return self.verified is None or self.verified < now().date() - OLD


async def places(session: AsyncSession, wanted: Wanted, page: int = 0) -> tuple[list[Shown], int]:
    """A page of places by name, and how many there are in all."""
    query = _narrowed(select(Listing, Service, Organization.name), wanted)
    total = await session.scalar(_narrowed(select(func.count(Listing.id)), wanted))
    rows = await session.execute(query.order_by(Service.name, Listing.id).offset(page * AT_ONCE).limit(AT_ONCE))
    return await _shown(session, rows.all()), total or 0


async def place(session: AsyncSession, id_: str) -> Shown | None:
    """One place by the id people know it by."""
    query = _narrowed(select(Listing, Service, Organization.name), Wanted()).where(Listing.id == id_)
    found = await _shown(session, (await session.execute(query)).all())
    return found[0] if found else None


async def datasets(session: AsyncSession) -> list[tuple[str, int]]:
    """Every dataset with how many places it brought."""
    rows = await session.execute(
        select(Listing.dataset, func.count()).group_by(Listing.dataset).order_by(Listing.dataset)
    )
    return [row._tuple() for row in rows]


async def countries(session: AsyncSession) -> list[str]:
    """Every country with a place."""
    there = (
        select(Address.country)
        .join(ServiceAtLocation, ServiceAtLocation.location_id == Address.location_id)
        .join(Listing, Listing.service_id == ServiceAtLocation.service_id)
    )
    return sorted(set(await session.scalars(there.distinct())) - {None, ""})


def _narrowed(query: Select, wanted: Wanted) -> Select:
    query = query.join(Service, Service.id == Listing.service_id)
    query = query.join(Organization, Organization.id == Service.organization_id)
    there = (
        select(Address.id)
        .join(ServiceAtLocation, ServiceAtLocation.location_id == Address.location_id)
        .where(ServiceAtLocation.service_id == Listing.service_id)
    )
    for word in wanted.words.lower().split()[:6]:
        fits = (
            func.lower(column).contains(word, autoescape=True)
            for column in (Service.name, Organization.name, Listing.id)
        )
        in_town = there.where(func.lower(Address.city).contains(word, autoescape=True)).exists()
        query = query.where(or_(*fits, in_town))
    if wanted.country:
        query = query.where(there.where(Address.country == wanted.country).exists())
    if wanted.dataset:
        query = query.where(Listing.dataset == wanted.dataset)
    if wanted.state == "stale":
        query = query.where(or_(Service.assured_date.is_(None), Service.assured_date < now().date() - OLD))
        query = query.where(Service.status == "active")
    elif wanted.state == "closed":
        today = now().date().isoformat()
        for_now = _fact("closed_until").where(Attribute.value >= today)
        query = query.where(or_(Service.status != "active", exists(for_now)))
    elif wanted.state == "draft":
        query = query.where(exists(_fact("state").where(Attribute.value == "draft")))
    return query


def _fact(name: str) -> Select:
    return (
        select(Attribute.id)
        .join(TaxonomyTerm, TaxonomyTerm.id == Attribute.taxonomy_term_id)
        .where(Attribute.link_id == Service.id, TaxonomyTerm.taxonomy_id == FACTS, TaxonomyTerm.code == name)
    )


async def _shown(session: AsyncSession, rows: list) -> list[Shown]:
    services = [service.id for _, service, _ in rows]
    kinds: dict[str, list[str]] = {}
    facts: dict[str, dict[str, str]] = {}
    said = await session.execute(
        select(Attribute.link_id, TaxonomyTerm.taxonomy_id, TaxonomyTerm.code, Attribute.value)
        .join(TaxonomyTerm, Attribute.taxonomy_term_id == TaxonomyTerm.id)
        .where(Attribute.link_id.in_(services), TaxonomyTerm.taxonomy_id.in_((KINDS, FACTS)))
    )
    for service, taxonomy, code, value in said:
        if taxonomy == KINDS:
            kinds.setdefault(service, []).append(code)
        elif value:
            facts.setdefault(service, {})[code] = value
    where = await session.execute(
        select(ServiceAtLocation.service_id, Address)
        .join(Address, Address.location_id == ServiceAtLocation.location_id)
        .where(ServiceAtLocation.service_id.in_(services))
        .order_by(Address.id.desc())
    )
    addresses = {service: address for service, address in where}
    numbers = await session.execute(select(Phone.service_id, Phone.number).where(Phone.service_id.in_(services)))
    phones = dict(row._tuple() for row in numbers)
    found = []
    for listing, service, organization in rows:
        known, at = facts.get(service.id, {}), addresses.get(service.id)
        found.append(
            Shown(
                listing.id,
                listing.dataset,
                service.name,
                organization,
                (at and at.city) or "",
                (at and at.country) or "",
                tuple(kinds.get(service.id, ())),
                {fact: answer(known.get(fact)) for fact in PAPERS},
                service.assured_date,
                known.get("verified_by", ""),
                known.get("source_title", ""),
                known.get("source_url", ""),
                known.get("source_read", ""),
                _day(known.get("closed_until")),
                service.status != "active",
                known.get("state") == "draft",
                known.get("sample") == "yes",
                phones.get(service.id, ""),
                service.email or "",
                service.url or "",
                (at and at.address_1) or "",
            )  # fmt: skip
        )
    return found


def _day(text: str | None) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        return None
    return day if day and day >= now().date() else None
