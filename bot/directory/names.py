"""The gazetteer's rows as values: places, by name and by nearness."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.directory import models
from bot.directory.distance import box_around, distance_km
from bot.directory.spelling import has_case

TOWN = 15_000
"""Inhabitants from which a name is believed without further signs."""

LONGEST_NAME = 60

NOWHERE = "XX"
"""The country of the invented town of the samples; ISO 3166 leaves this code to users."""

_AT_A_TIME = 1000
_CITY_STATE = 10  # at least one inhabitant of the country in so many lives there


@dataclass(frozen=True)
class Place:
    """A point with a name. `kind`: town, country or pin (a shared location: its name is the nearest known town's)."""

    id: str
    kind: str
    name: str
    country: str | None
    latitude: float
    longitude: float
    population: int = 0

    def label(self, language: str = "en") -> str:
        """The name and the country's, for people: "Santiago, Chile"."""
        country = country_name(self.country, language) if self.country else None
        return f"{self.name}, {country}" if country and country != self.name else self.name

    def km_from(self, other: Place) -> float:
        """Kilometres to another place."""
        return distance_km(self.latitude, self.longitude, other.latitude, other.longitude)


@dataclass(frozen=True)
class Hit:
    """A place under one of its names; `main` if it is the name it goes by."""

    place: Place
    main: bool

    @property
    def weight(self) -> float:
        """How likely it is to be meant.

        Being the main name is a bonus and no more: "Roma" is first of all Rome, whatever the three small towns say
        that are called exactly that.
        """
        return max(self.place.population, 500) * (3 if self.main else 1)


def country_name(code: str, language: str = "en") -> str | None:
    """A country's name in a language ("es", "pt-BR"); in English where CLDR has no other."""
    for locale in (_locale(language), _locale("en")):
        if locale and (name := locale.territories.get(code)):
            return name
    return None


def towns_meant(name: str, hits: list[Hit], country: str | None) -> list[Hit]:
    """The towns among the hits of a name, or none if a country is meant.

    "Mexico" is hardly Mexico City, nor "Lebanon" the one in Pennsylvania; but "Luxembourg" is a town as well, Granada
    is bigger than Grenada, and nobody in Morocco names the country to say where they are.
    """
    towns = [hit for hit in hits if hit.place.kind == "town"]
    lands = {hit.place.country: hit.place.population for hit in hits if hit.place.kind == "country"}
    if not lands:
        return towns
    return [
        hit
        for hit in towns
        if hit.place.population >= TOWN
        and (
            (hit.main and hit.place.country in lands)
            or hit.place.population * _CITY_STATE >= max(lands.values())
            or (hit.place.country == country and (hit.main or not has_case(name)))
        )
    ]


async def look_up(session: AsyncSession, names: Iterable[str]) -> dict[str, list[Hit]]:
    """Every place known under one of these folded names, by name."""
    wanted = sorted({name for name in names if 1 < len(name) <= LONGEST_NAME})
    hits: dict[str, list[Hit]] = {}
    for start in range(0, len(wanted), _AT_A_TIME):
        rows = await session.execute(
            select(models.PlaceName.name, models.PlaceName.main, *_COLUMNS)
            .join(models.Place, models.Place.id == models.PlaceName.place_id)
            .where(models.PlaceName.name.in_(wanted[start : start + _AT_A_TIME]))
        )
        for name, main, *place in rows:
            hits.setdefault(name, []).append(Hit(Place(*place), main))
    return hits


async def names_from(session: AsyncSession, start: str, *, most: int, length: int | None = None) -> list[str]:
    """Folded names that begin with `start` (and have about this length), at most so many."""
    name = models.PlaceName.name
    wanted = select(name).where(name >= start, name < start + chr(0x10FFFF)).distinct().limit(most)
    if length:
        wanted = wanted.where(func.length(name).between(length - 2, length + 2))
    return list(await session.scalars(wanted))


async def nearest(session: AsyncSession, latitude: float, longitude: float) -> Place:
    """A pin: the very point, under the name of the nearest known town (none within 150 km: no name)."""
    for radius in (8, 40, 150):
        box = box_around(latitude, longitude, radius)
        rows = await session.execute(
            select(*_COLUMNS).where(
                models.Place.kind == "town",
                models.Place.latitude.between(box.south, box.north),
                or_(*(models.Place.longitude.between(west, east) for west, east in box.longitudes)),
            )
        )
        pin = Place("pin", "pin", "", None, latitude, longitude)
        if near := min((Place(*row) for row in rows), key=pin.km_from, default=None):
            return Place("pin", "pin", near.name, near.country, latitude, longitude)
    return pin


_COLUMNS = (
    models.Place.id, models.Place.kind, models.Place.name, models.Place.country, models.Place.latitude,
    models.Place.longitude, models.Place.population,
)  # fmt: skip


@lru_cache(maxsize=64)
def _locale(language: str) -> Locale | None:
    for code in (language, language.replace("_", "-").split("-")[0]):
        try:
            return Locale.parse(code.replace("_", "-"), sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return None
