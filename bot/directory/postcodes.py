"""Postcodes: from "75011" or "SE1 7EH" to a point, as far as data without a network allows.

The package countrystatecity-postal-codes (ODbL 1.0) knows the codes of many countries, for some the point as well, for
the others only the name of the town, which the gazetteer then finds. Of long codes only the part that names the area
is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from importlib import resources

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.directory import models
from bot.directory.names import Place
from bot.directory.spelling import fold

PACKAGE = "countrystatecity-postal-codes"

COUNTRIES = {
    "AT": 4, "BE": 4, "CY": 4, "DE": 5, "DO": 5, "FR": 5, "GB": 2, "GR": 5, "IT": 5, "MX": 5, "PL": 5, "PT": 4,
    "SE": 5, "TT": 6, "US": 5,
}  # fmt: skip
"""Countries whose codes are read, and how much of a code, without spaces, is kept.

Spain is not among them: what the package calls its postcodes are numbers of municipalities (28013 is not Aranjuez).
Colombia's have neither a name nor a point.
"""

_TYPED = (
    re.compile(r"(?<![\w+])(\d{4,6})(?![\w-])"),  # most countries
    re.compile(r"(?<![\w+])(\d{4})-\d{3}(?!\w)"),  # Portugal
    re.compile(r"(?<![\w+])(\d{3}[ ]\d{2}|\d{2}-\d{3})(?!\w)"),  # Sweden and Greece, Poland
    re.compile(r"(?<!\w)([A-Z]{1,2})\d[A-Z\d]?[ ]?\d[A-Z]{2}(?!\w)"),  # the United Kingdom: the area
)


async def by_code(session: AsyncSession, text: str, country: str | None) -> list[Place]:
    """The places of the first postcode in a text, one for each country that has it, or `country`'s alone."""
    code = _code_in(text)
    if code is None:
        return []
    table = models.Postcode
    wanted = select(table).where(table.code == code).order_by(table.country)
    found = [
        Place(
            f"postcode:{row.country}:{row.code}",
            "pin",
            f"{code} {row.name}".strip(),
            row.country,
            row.latitude,
            row.longitude,
        )
        for row in await session.scalars(wanted)
    ]
    return [place for place in found if place.country == country] or found


def _code_in(text: str) -> str | None:
    # Digits of any script; those of an Arabic keyboard first of all.
    plain = "".join(str(int(letter)) if letter.isdecimal() else letter for letter in text.upper())
    for pattern in _TYPED:
        if found := pattern.search(plain):
            return re.sub(r"\W", "", found[1])
    return None


def read(places: Iterable[tuple], names: Iterable[tuple[str, str, bool]]) -> Iterator[tuple]:
    """Rows of the table, given those of the towns: (code, country, name, latitude, longitude).

    A code whose point is not known lies where the town of its name lies: in that country, the biggest of the name.
    """
    towns = _towns(places, names)
    for country, length in COUNTRIES.items():
        file = resources.files("countrystatecity_postal_codes") / "data" / "by-country" / country / "postcodes.json"
        seen: set[str] = set()
        for entry in json.loads(file.read_text("utf-8")):
            code = re.sub(r"\W", "", entry["code"])[:length]
            if code in seen:
                continue
            locality = entry["localityName"] or ""
            point = (entry["latitude"], entry["longitude"])
            town = _town_of(locality, country, towns)
            if point[0] is None:
                point = town[1:] if town else None
            name = locality.title() if locality.isupper() else locality
            if point:
                seen.add(code)
                yield code, country, (name or (town[0] if town else ""))[:80], float(point[0]), float(point[1])


def _towns(places: Iterable[tuple], names: Iterable[tuple[str, str, bool]]) -> dict[tuple[str, str], tuple]:
    """(country, folded name) -> name, latitude, longitude of the biggest town of that name."""
    about = {id_: (population, name, country, lat, lon) for id_, kind, name, country, lat, lon, population in places
             if kind == "town"}  # fmt: skip
    best: dict[tuple[str, str], tuple] = {}
    for folded, id_, _ in names:
        if id_ in about:
            population, name, country, lat, lon = about[id_]
            if (country, folded) not in best or population > best[country, folded][0]:
                best[country, folded] = (population, name, lat, lon)
    return {key: value[1:] for key, value in best.items()}


def _town_of(locality: str, country: str, towns: dict[tuple[str, str], tuple]) -> tuple | None:
    """The town a locality is, or lies in: "San Ángel, Ciudad de México", "LYON 3EME", "Bourg-en-Bresse Cedex"."""
    parts = [locality, *reversed(locality.split(","))]
    for part in parts:
        words = fold(part).split()
        for end in range(len(words), 0, -1):
            if town := towns.get((country, " ".join(words[:end]))):
                return town
    return None
