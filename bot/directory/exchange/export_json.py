"""The directory as one HSDS JSON file: nested objects, each row at least once, one object a line.

{"version": "3.0",
 "services": [...],        as compiled/service.json, with their places; their organization by its own fields only
 "organizations": [...],   as compiled/organization.json, without services, with locations where nothing is offered
 "locations": [...],       those of no organization where nothing is offered
 "taxonomies": [...], "taxonomy_terms": [...],
 and, where there are any, rows that belong to nothing: "phones", "contacts", ..., "meta_table_descriptions"}
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TextIO

from sqlalchemy import ColumnElement, Select, and_, exists, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from bot.directory.exchange.export import snapshot
from bot.directory.exchange.nested import CHILDREN, Nest, Object
from bot.directory.exchange.scope import LINKED, PARTS, Scope
from bot.directory.hsds import TABLES, Attribute, Location, Metadata, Organization, Service, ServiceAtLocation

VERSION = "3.0"
"""Of HSDS."""

_BATCH = 250


async def write(
    session: AsyncSession, scope: Scope, file: TextIO, told: Callable[[int], None] = lambda services: None
) -> None:
    """Write the file; `told` hears how many services have been written. Memory holds one batch at a time."""
    await snapshot(session)
    file.write(f'{{"version": "{VERSION}"')
    async for key, objects in _parts(session, scope):
        first = True
        async for some in objects:
            for one in some:
                file.write(f',\n"{key}": [\n' if first else ",\n")
                file.write(json.dumps(one, ensure_ascii=False, allow_nan=False))
                first = False
            if key == "services":
                told(len(some))
        if not first:
            file.write("\n]")
    file.write("\n}\n")


Batches = AsyncIterator[list[Object]]


async def _parts(session: AsyncSession, scope: Scope) -> AsyncIterator[tuple[str, Batches]]:
    def objects(wanted: Select, build: Callable) -> Batches:
        return _batches(session, wanted, lambda ids: build(Nest(session, scope), ids))

    yield (
        "services",
        objects(
            select(Service.id).where(scope.services()), lambda nest, ids: nest.services(ids, whole_organization=False)
        ),
    )
    yield (
        "organizations",
        objects(
            select(Organization.id).where(scope.organizations()),
            lambda nest, ids: _organizations(session, scope, nest, ids),
        ),
    )
    unserved = and_(scope.locations(), _unserved())
    yield (
        "locations",
        objects(
            select(Location.id).where(unserved, Location.organization_id.is_(None)),
            lambda nest, ids: nest.rows("location", ids),
        ),
    )
    taxonomies, terms = TABLES["taxonomy"], TABLES["taxonomy_term"]
    yield "taxonomies", objects(select(taxonomies.id), lambda nest, ids: nest.rows("taxonomy", ids))
    yield "taxonomy_terms", objects(select(terms.id), lambda nest, ids: nest.terms(ids))
    # Rows whose owner is gone may have belonged to a place that was hidden.
    if scope.dataset is None and scope.confidential:
        for table in (*PARTS, "meta_table_description"):
            columns = [TABLES[table].__table__.c[name] for name in PARTS.get(table, ())]
            alone = and_(true(), *(column.is_(None) for column in columns))
            yield (
                _plural(table),
                objects(select(TABLES[table].id).where(alone), lambda nest, ids, table=table: nest.rows(table, ids)),
            )
        yield (
            "attributes",
            objects(
                select(Attribute.id).where(_links_nowhere(Attribute.link_id, LINKED)),
                lambda nest, ids: nest.rows("attribute", ids),
            ),
        )
        logged = (*LINKED, "attribute", "taxonomy_term", "taxonomy")
        yield (
            "metadata",
            objects(
                select(Metadata.id).where(_links_nowhere(Metadata.resource_id, logged)),
                lambda nest, ids: nest.rows("metadata", ids),
            ),
        )


async def _batches(session: AsyncSession, wanted: Select, build: Callable) -> Batches:
    """Objects by the ids that `wanted` selects, in their order."""
    column = wanted.selected_columns[0]
    last = ""
    while True:
        ids = list(await session.scalars(wanted.where(column > last).order_by(column).limit(_BATCH)))
        if not ids:
            return
        yield await build(ids)
        last = ids[-1]


async def _organizations(session: AsyncSession, scope: Scope, nest: Nest, ids: Iterable[str]) -> list[Object]:
    ids = list(ids)
    locations = await session.scalars(
        select(Location.id).where(Location.organization_id.in_(ids), scope.locations(), _unserved())
    )
    return await nest.organizations(ids, locations=list(locations))


def _unserved() -> ColumnElement[bool]:
    return ~exists().where(ServiceAtLocation.location_id == Location.id)


def _links_nowhere(column: ColumnElement[str], tables: Iterable[str]) -> ColumnElement[bool]:
    return and_(*(~exists().where(TABLES[table].id == column) for table in tables))


def _plural(table: str) -> str:
    """What HSDS calls a list of these rows."""
    for children in CHILDREN.values():
        for key, child in children:
            if child == table:
                return key
    return f"{table}s"
