"""The places that imports brought into the database, as their keepers look at them: `coverage` counts and lists them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.directory.hsds import Address, Attribute, Phone, Service, ServiceAtLocation, TaxonomyTerm
from bot.directory.models import Listing
from bot.directory.terms import FACTS, KINDS, Answer, answer

_AT_ONCE = 500


@dataclass(frozen=True)
class Kept:
    """What `coverage` asks of a place; named as in a row of the staff's files. `country` is "??" where nobody knows."""

    dataset: str
    id: str
    name: str
    country: str
    kinds: tuple[str, ...]
    sample: Answer
    id_required: Answer
    status_required: Answer
    last_verified: date | None
    source_read: date | None
    phone: str | None
    email: str | None
    website: str | None


async def kept(session: AsyncSession, but: str) -> AsyncIterator[Kept]:
    """The places of all datasets except `but` that are not closed for good, by dataset and id."""
    last: tuple[str, str] = ("", "")
    while True:
        rows = (
            await session.execute(
                select(Listing.dataset, Listing.id, Service)
                .join(Service, Listing.service_id == Service.id)
                .where(Listing.dataset != but, Service.status.in_(("active", "temporarily closed")))
                .where((Listing.dataset > last[0]) | ((Listing.dataset == last[0]) & (Listing.id > last[1])))
                .order_by(Listing.dataset, Listing.id)
                .limit(_AT_ONCE)
            )
        ).all()
        if not rows:
            return
        services = [service.id for _, _, service in rows]
        kinds, facts = await _said(session, services)
        countries, phones = await _countries(session, services), await _phones(session, services)
        for dataset, id_, service in rows:
            known = facts.get(service.id, {})
            yield Kept(
                dataset, id_, service.name, countries.get(service.id, "??"), tuple(kinds.get(service.id, ())),
                answer(known.get("sample")), answer(known.get("id_required")), answer(known.get("status_required")),
                service.assured_date, _day(known.get("source_read")), phones.get(service.id), service.email,
                service.url,
            )  # fmt: skip
        last = (rows[-1][0], rows[-1][1])
        session.expunge_all()


async def _said(session: AsyncSession, services: list[str]) -> tuple[dict[str, list[str]], dict[str, dict[str, str]]]:
    """Kinds, and facts with their values, by service."""
    kinds: dict[str, list[str]] = {}
    facts: dict[str, dict[str, str]] = {}
    rows = await session.execute(
        select(Attribute.link_id, TaxonomyTerm.taxonomy_id, TaxonomyTerm.code, Attribute.value)
        .join(TaxonomyTerm, Attribute.taxonomy_term_id == TaxonomyTerm.id)
        .where(Attribute.link_id.in_(services), TaxonomyTerm.taxonomy_id.in_((KINDS, FACTS)))
    )
    for service, taxonomy, code, value in rows:
        if taxonomy == KINDS:
            kinds.setdefault(service, []).append(code)
        elif value:
            facts.setdefault(service, {})[code] = value
    return kinds, facts


async def _countries(session: AsyncSession, services: list[str]) -> dict[str, str]:
    rows = await session.execute(
        select(ServiceAtLocation.service_id, Address.country)
        .join(Address, Address.location_id == ServiceAtLocation.location_id)
        .where(ServiceAtLocation.service_id.in_(services))
        .order_by(Address.id)
    )
    return dict(row._tuple() for row in rows)


async def _phones(session: AsyncSession, services: list[str]) -> dict[str, str]:
    rows = await session.execute(select(Phone.service_id, Phone.number).where(Phone.service_id.in_(services)))
    found = dict(row._tuple() for row in rows)
    there = await session.execute(
        select(ServiceAtLocation.service_id, Phone.number)
        .join(Phone, (Phone.location_id == ServiceAtLocation.location_id)
              | (Phone.service_at_location_id == ServiceAtLocation.id))
        .where(ServiceAtLocation.service_id.in_(services))
    )  # fmt: skip
    return dict(row._tuple() for row in there) | found


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
