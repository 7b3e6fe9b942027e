"""Which town and which country a point lies in or near, from the gazetteer: for data that gives only the point."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import cos, floor, radians

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.directory.distance import distance_km
from bot.directory.models import Place as Town
from bot.directory.names import NOWHERE, TOWN

_CELL = 0.5
"""Degrees; a town within 30 km lies in the point's cell or one beside it, up to 57 degrees north or south."""
_TOWN_KM = 10
_COUNTRY_KM = 30
_AGREE = 3

_Town = tuple[float, float, str, str, int]
"""Latitude, longitude, name, country, population."""


@dataclass(frozen=True)
class Nearby:
    """The town at most 10 km away, the nearest of 15,000 people if there is one, since GeoNames also has quarters and
    hamlets; and the country, where the three nearest of any size within 30 km agree on it."""

    town: str | None = None
    country: str | None = None


class Surroundings:
    """All towns of the gazetteer by cells of half a degree: about 60 MB for 200,000 towns, for the time of an import."""

    def __init__(self, towns: Iterable[_Town]) -> None:
        self._cells: dict[tuple[int, int], list[_Town]] = defaultdict(list)
        for town in towns:
            self._cells[floor(town[0] / _CELL), floor(town[1] / _CELL)].append(town)

    @classmethod
    async def load(cls, session: AsyncSession) -> Surroundings:
        """From the database; without a gazetteer nothing is near anything."""
        rows = await session.execute(
            select(Town.latitude, Town.longitude, Town.name, Town.country, Town.population).where(
                Town.kind == "town", Town.country != NOWHERE
            )
        )
        return cls(tuple(row) for row in rows)

    def of(self, latitude: float, longitude: float) -> Nearby:
        """What lies near a point."""
        row, column = floor(latitude / _CELL), floor(longitude / _CELL)
        wide = 1 + floor(1 / max(0.05, cos(radians(latitude))) / 2)
        around = [
            (distance_km(latitude, longitude, town[0], town[1]), town)
            for r in range(row - 1, row + 2)
            for c in range(column - wide, column + wide + 1)
            for town in self._cells.get((r, c), ())
        ]
        nearest = sorted((km, town) for km, town in around if km <= _COUNTRY_KM)
        countries = {town[3] for _, town in nearest[:_AGREE]}
        close = [town for km, town in nearest if km <= _TOWN_KM]
        town = next((one for one in close if one[4] >= TOWN), close[0] if close else None)
        return Nearby(town[2] if town else None, countries.pop() if len(countries) == 1 else None)
