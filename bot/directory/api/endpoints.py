"""The API's endpoints in one table: its routes and its description are both made from it.

Where HSDS 3.0's own openapi.json contradicts itself, it says here what was chosen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.directory.api import finding
from bot.directory.api.finding import Matches
from bot.directory.api.parameters import BadParameters, Wanted
from bot.directory.exchange.nested import Nest, Object
from bot.directory.exchange.scope import PUBLIC, chunks
from bot.directory.hsds import Location, Service, ServiceAtLocation, Taxonomy

SCHEMAS = "https://raw.githubusercontent.com/openreferral/specification/3.0/schema/"
MOST_NESTED = 1000
"""Services, locations or places that one answer nests."""

Find = Callable[[AsyncSession, Wanted], Awaitable[Matches]]
Build = Callable[[AsyncSession, list[str], Wanted], Awaitable[list[Object]]]


@dataclass(frozen=True)
class Endpoint:
    """A kind of thing: the list of them at /`name`, and one of them at /`name`/{id}.

    `operations`: the operationIds of list and entry, as HSDS calls them. `listed` and `whole`: schemas below SCHEMAS
    that an entry of the list may have, and that of one entry.
    """

    name: str
    about: str
    operations: tuple[str, str]
    listed: tuple[str, ...]
    whole: str
    list_parameters: tuple[str, ...]
    find: Find
    build: Build
    build_whole: Build
    parameters: tuple[str, ...] = ()


# --- Building ---


async def _services(session: AsyncSession, ids: list[str], wanted: Wanted) -> list[Object]:
    if wanted.minimal:
        rows = []
        for some in chunks(ids):
            rows += (await session.execute(select(Service.id, Service.last_modified).where(Service.id.in_(some)))).all()
        return [
            {"id": id_} | ({"modified_date": moment.isoformat().replace("+00:00", "Z")} if moment else {})
            for id_, moment in sorted(rows)
        ]
    if not wanted.full:
        return await Nest(session, PUBLIC).service_list(ids)
    if len(ids) > 1:
        places = select(func.count()).where(ServiceAtLocation.service_id.in_(ids))
        _not_too_many(await session.scalar(places), "places")
    return await Nest(session, PUBLIC).services(ids)


async def _service(session: AsyncSession, ids: list[str], wanted: Wanted) -> list[Object]:
    return await Nest(session, PUBLIC).services(ids)


async def _places(session: AsyncSession, ids: list[str], wanted: Wanted) -> list[Object]:
    nest = Nest(session, PUBLIC)
    return await (nest.places(ids) if wanted.full else nest.place_list(ids))


async def _place(session: AsyncSession, ids: list[str], wanted: Wanted) -> list[Object]:
    return await Nest(session, PUBLIC).places(ids)


async def _organizations(session: AsyncSession, ids: list[str], wanted: Wanted) -> list[Object]:
    if wanted.full or wanted.full_service:
        return await _organization(session, ids, wanted)
    return await Nest(session, PUBLIC).organization_list(ids)


async def _organization(session: AsyncSession, ids: list[str], wanted: Wanted) -> list[Object]:
    """Whole organizations. One that has more than MOST_NESTED services, or locations, comes without that list."""
    services = select(Service.id, Service.organization_id, Service.name, Service.status).where(
        Service.organization_id.in_(ids), PUBLIC.services()
    )
    rows = (await session.execute(services.order_by(Service.id).limit(MOST_NESTED + 1))).mappings().all()
    where = select(Location.id).where(Location.organization_id.in_(ids), PUBLIC.locations())
    locations = list(await session.scalars(where.limit(MOST_NESTED + 1)))
    if len(ids) > 1:
        _not_too_many(len(rows), "services")
        _not_too_many(len(locations), "locations")
    if len(rows) > MOST_NESTED:
        rows = []
    if len(locations) > MOST_NESTED:
        locations = []
    nested = [dict(row) for row in rows]
    if wanted.full_service:
        nested = await Nest(session, PUBLIC).services([row["id"] for row in nested])
    by_owner: dict[str, list[Object]] = {}
    for one in nested:
        by_owner.setdefault(one["organization_id"], []).append(one)
    made = await Nest(session, PUBLIC).organizations(ids, locations=locations)
    return [one | ({"services": by_owner[one["id"]]} if one["id"] in by_owner else {}) for one in made]


async def _taxonomies(session: AsyncSession, ids: list[str], wanted: Wanted) -> list[Object]:
    return await Nest(session, PUBLIC).rows("taxonomy", ids)


async def _terms(session: AsyncSession, ids: list[str], wanted: Wanted) -> list[Object]:
    return await Nest(session, PUBLIC).terms(ids)


def _not_too_many(count: int | None, what: str) -> None:
    if (count or 0) > MOST_NESTED:
        raise BadParameters(f"this page has {count} {what} or more; ask for a smaller per_page")


# --- The table ---

_PAGING = ("search", "page", "per_page", "format")
_ABOUT_SERVICES = ("taxonomy_term_id", "taxonomy_id", "organization_id", "modified_after")

ENDPOINTS = (
    Endpoint(
        "services", "Services: what is offered, by whom, for whom.",
        ("getPaginatedListOfServices", "getFullyNestedServiceById"),
        ("compiled/service_list.json", "compiled/service.json"), "compiled/service.json",
        (*_PAGING, *_ABOUT_SERVICES, "minimal", "full"), finding.services, _services, _service,
    ),
    Endpoint(
        "taxonomies", "Taxonomies: lists of terms.",
        ("getPaginatedListOfTaxonomies", "getTaxonomyById"),
        ("taxonomy.json",), "taxonomy.json",
        _PAGING, finding.taxonomies, _taxonomies, _taxonomies,
    ),
    Endpoint(
        # HSDS gives the two operationIds of the terms to each other's paths; here each has its own.
        # Of top_only it says "terms that have not child terms"; the name says terms at the top, and so it is here.
        "taxonomy_terms", "Taxonomy terms: service kinds, facts, populations, and those of others.",
        ("getPaginatedListOfTaxonomyTerms", "getTaxonomyTermById"),
        ("taxonomy_term.json",), "taxonomy_term.json",
        (*_PAGING, "taxonomy_id", "top_only", "parent_id"), finding.terms, _terms, _terms,
    ),
    Endpoint(
        "organizations", "Organizations: who runs services.",
        ("getPaginatedListOfOrganizations", "getOrganizationById"),
        ("compiled/organization_list.json", "compiled/organization.json"), "compiled/organization.json",
        ("search", "full_service", "full", "page", "per_page", "format"),
        finding.organizations, _organizations, _organization, ("full_service",),
    ),
    Endpoint(
        # HSDS names compiled/service.json for one of these, and describes (and shows) a service_at_location.
        "service_at_locations", "Services at locations: where something is offered.",
        ("getPaginatedListOfServiceAtLocation", "getServiceAtLocationWithNestedDataById"),
        ("compiled/service_at_location_list.json", "compiled/service_at_location.json"),
        "compiled/service_at_location.json",
        ("search", *_ABOUT_SERVICES, "full", "page", "per_page", "format", "postcode", "proximity"),
        finding.places, _places, _place,
    ),
)  # fmt: skip

OWN_ID = {
    "services": Service.id, "taxonomies": Taxonomy.id, "taxonomy_terms": finding.TaxonomyTerm.id,
    "organizations": finding.Organization.id, "service_at_locations": ServiceAtLocation.id,
}  # fmt: skip
"""The column that a list of each kind selects."""
