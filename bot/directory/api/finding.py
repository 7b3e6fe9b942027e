"""Which entries a list holds: queries of ids, of what is public only."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.directory.api.parameters import BadParameters, Postcode, Wanted
from bot.directory.api.words import says
from bot.directory.circle import squared_chord, within
from bot.directory.exchange.scope import PUBLIC
from bot.directory.hsds import (
    Address,
    Attribute,
    Location,
    Organization,
    Service,
    ServiceAtLocation,
    Taxonomy,
    TaxonomyTerm,
)
from bot.directory.models import Spot
from bot.directory.spots import on_globe
from bot.directory.terms import TAXONOMIES, fixed_terms


class UnknownPostcode(LookupError):
    """No public place has it, so nobody knows where it is."""


@dataclass(frozen=True)
class Matches:
    """A query of ids, in the order of the list. `by_id`: that order is the ids' own."""

    ids: Select
    by_id: bool = True

    def total(self) -> Select:
        """How many there are."""
        return select(func.count()).select_from(self.ids.order_by(None).subquery())


async def services(session: AsyncSession, wanted: Wanted) -> Matches:
    """Ids of services."""
    return Matches(select(Service.id).where(PUBLIC.services(), *_about_services(session, wanted)).order_by(Service.id))


async def places(session: AsyncSession, wanted: Wanted) -> Matches:
    """Ids of services at locations. By their distance, when one is asked for."""
    query = (
        select(ServiceAtLocation.id)
        .join(Service, ServiceAtLocation.service_id == Service.id)
        .where(PUBLIC.places(), *_about_services(session, wanted, places=True))
    )
    if wanted.proximity is None:
        if wanted.postcode:
            query = query.where(
                ServiceAtLocation.location_id.in_(select(Address.location_id).where(_has(wanted.postcode)))
            )
        return Matches(query.order_by(ServiceAtLocation.id))
    point = wanted.proximity.point or await _middle(session, wanted.postcode)
    here = within(_dialect(session), *point, wanted.proximity.metres / 1000)
    query = query.join(Spot, Spot.service_at_location_id == ServiceAtLocation.id).where(here)
    return Matches(query.order_by(squared_chord(*on_globe(*point)), ServiceAtLocation.id), by_id=False)


async def organizations(session: AsyncSession, wanted: Wanted) -> Matches:
    """Ids of organizations."""
    query = select(Organization.id).where(PUBLIC.organizations())
    if wanted.search:
        names = (Organization.name, Organization.alternate_name)
        query = query.where(says(_dialect(session), wanted.search, names, (Organization.description,)))
    return Matches(query.order_by(Organization.id))


async def taxonomies(session: AsyncSession, wanted: Wanted) -> Matches:
    """Ids of taxonomies: ours, and those with a term that can be shown or with no term."""
    term = aliased(TaxonomyTerm)
    of_it = exists().where(term.taxonomy_id == Taxonomy.id)
    shown = exists().where(term.taxonomy_id == Taxonomy.id, _term_is_public(term))
    query = select(Taxonomy.id).where(or_(Taxonomy.id.in_(TAXONOMIES), shown, ~of_it))
    if wanted.search:
        query = query.where(says(_dialect(session), wanted.search, (Taxonomy.name,), (Taxonomy.description,)))
    return Matches(query.order_by(Taxonomy.id))


async def terms(session: AsyncSession, wanted: Wanted) -> Matches:
    """Ids of taxonomy terms."""
    query = select(TaxonomyTerm.id).where(_term_is_public(TaxonomyTerm))
    if wanted.search:
        names = (TaxonomyTerm.name, TaxonomyTerm.code)
        query = query.where(says(_dialect(session), wanted.search, names, (TaxonomyTerm.description,)))
    if wanted.taxonomy_id:
        query = query.where(TaxonomyTerm.taxonomy_id == wanted.taxonomy_id)
    if wanted.parent_id:
        query = query.where(TaxonomyTerm.parent_id == wanted.parent_id)
    if wanted.top_only:
        query = query.where(TaxonomyTerm.parent_id.is_(None))
    return Matches(query.order_by(TaxonomyTerm.id))


# --- Conditions ---


def _about_services(session: AsyncSession, wanted: Wanted, *, places: bool = False) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.search:
        names = (Service.name, Service.alternate_name)
        found.append(says(_dialect(session), wanted.search, names, (Service.description,)))
    if wanted.organization_id:
        found.append(Service.organization_id == wanted.organization_id)
    if wanted.modified_after:
        found.append(Service.last_modified >= wanted.modified_after)
    if wanted.taxonomy_term_id:
        said = Attribute.taxonomy_term_id == wanted.taxonomy_term_id
        found.append(_applies(said, places))
    if wanted.taxonomy_id:
        own = select(TaxonomyTerm.id).where(TaxonomyTerm.taxonomy_id == wanted.taxonomy_id)
        found.append(_applies(Attribute.taxonomy_term_id.in_(own), places))
    return found


def _applies(said: ColumnElement[bool], places: bool) -> ColumnElement[bool]:
    """A term is said of the service, or of the place itself; of a service's places, only those that are public count."""
    links = select(Attribute.link_id).where(said, Attribute.taxonomy_term_id.not_in(PUBLIC.hidden_facts))
    if places:
        return or_(*(column.in_(links) for column in (Service.id, ServiceAtLocation.id, ServiceAtLocation.location_id)))
    there = select(ServiceAtLocation.service_id).join(Service, ServiceAtLocation.service_id == Service.id)
    shown = there.where(PUBLIC.places(), or_(ServiceAtLocation.id.in_(links), ServiceAtLocation.location_id.in_(links)))
    return or_(Service.id.in_(links), Service.id.in_(shown.correlate(None)))


def _term_is_public(term: type[TaxonomyTerm]) -> ColumnElement[bool]:
    """Ours; or said of something that is public; or said of nothing. What is said only of hidden places tells of them."""
    used = exists().where(Attribute.taxonomy_term_id == term.id)
    own, there = aliased(Attribute), aliased(Attribute)
    of_services = exists().where(own.taxonomy_term_id == term.id, own.link_id == Service.id, PUBLIC.services())
    of_places = exists().where(
        there.taxonomy_term_id == term.id,
        or_(there.link_id == ServiceAtLocation.id, there.link_id == ServiceAtLocation.location_id),
        ServiceAtLocation.service_id == Service.id,
        PUBLIC.places(),
    )
    of_owners = exists().where(own.taxonomy_term_id == term.id, own.link_id == Organization.id, PUBLIC.organizations())
    return or_(term.id.in_(list(fixed_terms())), ~used, of_services, of_places, of_owners)


# --- Postcodes ---


def _has(postcode: Postcode) -> ColumnElement[bool]:
    """Whether an address has it; people write SW1A1AA and SW1A 1AA, 1000-123 and 1000 123."""
    plain = func.upper(func.replace(func.replace(Address.postal_code, " ", ""), "-", ""))
    return and_(plain == postcode.code, Address.country == postcode.country if postcode.country else true())


async def _middle(session: AsyncSession, postcode: Postcode) -> tuple[float, float]:
    """The middle of the public places with this postcode. Raises UnknownPostcode, BadParameters for two countries."""
    rows = (
        await session.execute(
            select(Address.country, func.avg(Location.latitude), func.avg(Location.longitude))
            .join(Location, Address.location_id == Location.id)
            .where(_has(postcode), PUBLIC.locations())
            .where(Location.latitude.between(-90, 90), Location.longitude.between(-180, 180))
            .group_by(Address.country)
            .order_by(Address.country)
        )
    ).all()
    if not rows:
        raise UnknownPostcode
    if len(rows) > 1:
        raise BadParameters(
            f"postcode: {postcode.code} is in {', '.join(row[0] for row in rows)}; name the country: "
            f"{rows[0][0]}-{postcode.code}"
        )
    return float(rows[0][1]), float(rows[0][2])


def _dialect(session: AsyncSession) -> str:
    return session.get_bind().dialect.name
