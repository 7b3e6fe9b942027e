"""Where is that? From what people type for a town, in any script, to a point on the map.

`build` (see gazetteer.py) loads towns and country names once, at set-up; afterwards a look-up is a handful of index
probes on any database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from bot.directory.gazetteer import build, is_built
from bot.directory.mentions import find_in, mentioned
from bot.directory.names import (
    LONGEST_NAME,
    NOWHERE,
    TOWN,
    Hit,
    Place,
    country_name,
    look_up,
    names_from,
    nearest,
    towns_meant,
)
from bot.directory.postcodes import by_code
from bot.directory.spelling import fold, one_slip, two_slips_at_most, without_affix, without_before, without_ending

__all__ = ["Place", "Resolution", "build", "country_name", "find_in", "fold", "is_built", "resolve"]

MAX_CHOICES = 4

_COMPARABLE = 5  # times smaller, and still what a stranger may mean
_NEARBY_KM = 60
_MOST_ALIKE = 1500
_KNOWN = 100_000
_FAMOUS = 500_000
_PIN = re.compile(r"geo:\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)(?:[;?,].*)?", re.I)
_APART = re.compile(r"[,،、;()/\n]|\s[-–—]\s")


@dataclass(frozen=True)
class Resolution:
    """What a text may mean, best first.

    `ambiguous`: towns of like size in different countries; ask, offering `candidates` (at most four). `guessed`: only
    a similar spelling is known; say which. `country`: the text names a whole country, so a town has to be asked for.
    """

    candidates: tuple[Place, ...] = ()
    ambiguous: bool = False
    guessed: bool = False
    country: str | None = None

    @property
    def place(self) -> Place | None:
        """The best candidate, unless the person has to choose."""
        return self.candidates[0] if self.candidates and not self.ambiguous else None


@dataclass(frozen=True)
class _Reading:
    """One way to read a text: a name and, perhaps, the country or town it is said to be in."""

    name: str
    within: str | None = None


async def resolve(session: AsyncSession, text: str, country: str | None = None) -> Resolution:
    """Find the place that `text` names ("in Croydon", "Santiago, Chile", "بباريس", "geo:51.5,-0.1").

    `country`, where the conversation is, comes first; then the better known. Empty if nothing is like it. Postcodes
    ("28013", "SE1 7EH") are found where the country is known or has them alone. A pin
    ("geo:LATITUDE,LONGITUDE") is always found: its point is exact and only its name is looked up.
    """
    if pin := _pin(text):
        return Resolution((await nearest(session, *pin),))
    readings = list(dict.fromkeys(_readings(text)))
    hits = await look_up(session, {name for one in readings for name in (one.name, one.within) if name})
    for reading in readings:
        if found := _understand(reading, hits, country):
            return found
    if mentions := await mentioned(session, text, country):
        return _choose(mentions[0], country)
    if found := await by_code(session, text, country):
        sure = len(found) > 1 or found[0].country == country
        return Resolution(tuple(found[:MAX_CHOICES]), ambiguous=len(found) > 1, guessed=not sure)
    return await _similar(session, without_before(fold(text)), country)


def _pin(text: str) -> tuple[float, float] | None:
    if match := _PIN.fullmatch(text.strip()):
        latitude, longitude = float(match[1]), float(match[2])
        if -90 <= latitude <= 90 and -180 <= longitude <= 180:
            return latitude, longitude
    return None


def _readings(text: str) -> Iterator[_Reading]:
    """The ways to read a text, the most literal first."""
    text = text[: 3 * LONGEST_NAME]
    whole = fold(text)
    yield _Reading(whole)
    parts = [part for part in (without_before(fold(part)) for part in _APART.split(text)) if part]
    yield from (_Reading(parts[0], part) for part in parts[1:])
    yield from (_Reading(part, parts[0]) for part in parts[1:])
    bare = without_before(whole)
    yield _Reading(bare)
    words = bare.split()
    for cut in range(1, min(4, len(words))):
        yield _Reading(" ".join(words[:-cut]), " ".join(words[-cut:]))
        yield _Reading(" ".join(words[cut:]), " ".join(words[:cut]))
    yield from map(_Reading, parts[:1])
    yield _Reading(without_before(fold(without_ending(text))))
    for name in (whole, bare, *parts[:1]):
        for form in without_affix(name):
            yield _Reading(form)
            yield _Reading(without_before(form))


def _understand(reading: _Reading, hits: dict[str, list[Hit]], country: str | None) -> Resolution | None:
    """What this reading means, if it means anything."""
    named = hits.get(reading.name, [])
    towns = [hit for hit in named if hit.place.kind == "town"]
    if reading.within:
        towns = _inside(towns, hits.get(reading.within, []))
    else:
        towns = towns_meant(reading.name, named, country)
    if towns:
        return _choose(towns, country)
    lands = [hit.place for hit in named if hit.place.kind == "country"]
    if lands and not reading.within:
        return Resolution(country=max(lands, key=lambda land: land.population).country)
    return None


def _inside(towns: list[Hit], around: list[Hit]) -> list[Hit]:
    """Those of `towns` in the country, or near the town, that `around` names."""
    lands = {hit.place.country for hit in around if hit.place.kind == "country"}
    if chosen := [hit for hit in towns if hit.place.country in lands]:
        return chosen
    cities = sorted((hit.place for hit in around if hit.place.kind == "town"), key=lambda place: -place.population)[:3]
    return [
        hit
        for hit in towns
        if any(hit.place.id != city.id and hit.place.km_from(city) <= _NEARBY_KM for city in cities)
    ]


def _choose(hits: Iterable[Hit], country: str | None, *, guessed: bool = False) -> Resolution:
    """Order the hits and say whether the person has to choose."""
    ranked: dict[str, Place] = {}
    for hit in sorted(hits, key=lambda hit: (hit.place.country != country, -hit.weight, hit.place.id)):
        ranked.setdefault(hit.place.id, hit.place)
    best, *others = ranked.values()
    if best.country != country:
        rivals = {best.country: best}
        for place in others:
            if place.population >= TOWN and place.population * _COMPARABLE >= best.population:
                rivals.setdefault(place.country, place)
        if len(rivals) > 1:
            return Resolution(tuple(rivals.values())[:MAX_CHOICES], ambiguous=True, guessed=guessed)
    return Resolution((best, *others)[:MAX_CHOICES], guessed=guessed)


async def _similar(session: AsyncSession, name: str, country: str | None) -> Resolution:
    """Places whose longer name begins so ("L'Hospitalet"), or differs by one slip, or by two after the same beginning.

    Any word is two letters from some town, so the more slips, the longer the word and the bigger the town must be.
    """
    if not 5 <= len(name) <= 24:
        return Resolution()
    longer = await look_up(session, await names_from(session, f"{name} ", most=_MOST_ALIKE))
    likely = _likely(longer, country, home=TOWN, abroad=_KNOWN)
    if not likely and len(name) >= 6:
        # Fingers slip anywhere but seldom on the first letter.
        slips = await look_up(session, (other for other in one_slip(name) if other[:1] == name[:1]))
        likely = _likely(slips, country, home=TOWN, abroad=_KNOWN)
    if not likely and len(name) >= 8:
        start = name[: max(3, len(name) // 2 - 1)]
        alike = await names_from(session, start, most=_MOST_ALIKE, length=len(name))
        slips = await look_up(session, (other for other in alike if two_slips_at_most(name, other)))
        likely = _likely(slips, country, home=_KNOWN, abroad=_FAMOUS)
    return _choose(likely, country, guessed=True) if likely else Resolution()


def _likely(hits: dict[str, list[Hit]], country: str | None, *, home: int, abroad: int) -> list[Hit]:
    """Towns big enough; abroad a lesser-known name of a town counts only if it is famous."""

    def is_likely(hit: Hit) -> bool:
        if hit.place.country in (country, NOWHERE):
            return (hit.place.population or TOWN) >= home  # boroughs have no population of their own
        return hit.place.population >= (abroad if hit.main else _FAMOUS)

    return [hit for of_name in hits.values() for hit in of_name if hit.place.kind == "town" and is_likely(hit)]
