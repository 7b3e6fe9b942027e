"""Other ways to find the nearest places, measured on the same rows in the same run.

They only return ids and distances; Farol's search also reads everything that is shown of a place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database
from bot.directory.terms import kind_term

_HAVERSINE = (
    "2 * 6371.0088 * asin(sqrt(min({least}1.0, power(sin(radians(l.latitude - :lat) / 2), 2) + cos(radians(:lat))"
    " * cos(radians(l.latitude)) * power(sin(radians(l.longitude - :lon) / 2), 2))))"
)
_PLAIN = (
    "SELECT sal.id, {distance} AS km FROM service_at_location sal JOIN location l ON l.id = sal.location_id"
    " JOIN service s ON s.id = sal.service_id WHERE s.status = 'active' AND EXISTS (SELECT 1 FROM attribute a"
    " WHERE a.taxonomy_term_id = :term AND a.link_id = s.id) ORDER BY km LIMIT 5"
)
_POSTGIS = (
    "SELECT r.id, ST_Distance(r.geog, ST_MakePoint(:lon, :lat)::geography) AS m FROM rival r WHERE EXISTS"
    " (SELECT 1 FROM attribute a WHERE a.taxonomy_term_id = :term AND a.link_id = r.service_id)"
    " ORDER BY r.geog <-> ST_MakePoint(:lon, :lat)::geography LIMIT 5"
)

Timed = Callable[[Callable[..., Awaitable[Any]]], Awaitable[dict[str, float]]]


@dataclass(frozen=True)
class Rival:
    """One way: a statement, and what makes its index, if it has one."""

    statement: str
    prepare: tuple[str, ...] = ()
    indexed: bool = False

    async def measure(self, database: Database, timed: Timed) -> dict[str, Any]:
        """Its times, or {"missing": why}."""
        try:
            for statement in self.prepare:
                async with database.begin() as session:
                    await session.execute(text(statement))
        except DBAPIError as error:
            return {"missing": str(error.orig).splitlines()[0]}
        found = text(self.statement)

        async def ask(session: AsyncSession, latitude: float, longitude: float, kind: str) -> Any:
            values = {"lat": latitude, "lon": longitude, "term": kind_term(kind)}
            return (await session.execute(found, values)).all()

        return await timed(ask)


def of(database: str) -> dict[str, Rival]:
    """The rivals on a kind of database, by what the table calls them."""
    if database == "SQLite":
        return {"plain: haversine over all rows": Rival(_PLAIN.format(distance=_HAVERSINE.format(least="")))}
    plain = _HAVERSINE.format(least="").replace("min(", "least(")
    return {
        "plain: haversine over all rows": Rival(_PLAIN.format(distance=plain)),
        "PostGIS, KNN": Rival(
            _POSTGIS,
            (
                "CREATE EXTENSION IF NOT EXISTS postgis",
                "CREATE TABLE rival AS SELECT sal.id, sal.service_id, ST_MakePoint(l.longitude, l.latitude)::geography"
                " AS geog FROM service_at_location sal JOIN location l ON l.id = sal.location_id",
                "CREATE INDEX ON rival USING gist (geog)",
                "ANALYZE rival",
            ),
            indexed=True,
        ),
    }
