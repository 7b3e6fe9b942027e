"""OpenStreetMap, as Overpass gives it out in JSON: {"elements": [{"type": "node", "id": 1, "tags": {...}}]}.

Get one with a query such as `[out:json]; nwr[~"^(amenity|healthcare|office)$"~"."](area); out center;`. Nothing in a
tag says whether papers are asked for, and nobody of ours has looked: all listings are drafts with papers unknown.
The data is (c) OpenStreetMap contributors under the ODbL (https://www.openstreetmap.org/copyright): each listing names
its source, and whoever gives the data on has to do so too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import ijson
import phonenumbers
from babel import Locale

from bot.directory import hours
from bot.directory.exchange import osm_tags
from bot.directory.exchange.source import Faults, Place, Progress, Unreadable
from bot.directory.exchange.surroundings import Nearby, Surroundings
from bot.directory.intake import Entry
from bot.directory.listing import entries
from bot.directory.rows import Row
from bot.directory.terms import TRANSLATED, Answer, stable_id

SOURCE = "© OpenStreetMap contributors (ODbL 1.0)"

_ANSWERS = {"yes": Answer.YES, "no": Answer.NO}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_LONGEST_ADDRESS = 160


class OpenStreetMap:
    """One file. `surroundings` fills in the town and country where the tags have none."""

    form = "OpenStreetMap (Overpass JSON)"

    def __init__(self, path: Path, faults: Faults) -> None:
        self._path = path
        self._faults = faults
        self.surroundings = Surroundings([])

    def places(self, progress: Progress) -> Iterator[Place]:
        """The elements that help somebody. Raises Unreadable."""
        read_on = self._day()
        total = self._path.stat().st_size or 1
        passed = there = 0
        seen: set[str] = set()
        with self._path.open("rb") as file:
            try:
                for number, element in enumerate(ijson.items(file, "elements.item", use_float=True)):
                    if number % 500 == 0:
                        progress(self._path.name, file.tell() / total)
                    there += 1
                    tags = _tags(element)
                    if not osm_tags.is_wanted(tags):
                        passed += 1
                    elif place := self._place(element, tags, read_on, number):
                        if place.listing not in seen:
                            yield place
                        seen.add(place.listing)
            except (ijson.JSONError, UnicodeDecodeError) as error:
                raise Unreadable(f"{self._path.name}: is not readable as JSON ({error})") from error
        if not there:
            raise Unreadable(f"{self._path.name}: has no elements; did the query end with 'out center;'?")
        if passed:
            reason = f"{passed} of {there} elements are no places that help (see exchange/osm_tags.py); passed over"
            self._faults.warn(self._path.name, "tags", reason)

    def _day(self) -> date | None:
        """The day of the data, as Overpass says it; none rather than today, which would change with every import."""
        with self._path.open("rb") as file:
            try:
                text = next(ijson.items(file, "osm3s.timestamp_osm_base"), None)
                return date.fromisoformat(str(text)[:10]) if text else None
            except (ijson.JSONError, ValueError):
                return None

    def _place(self, element: dict[str, Any], tags: dict[str, str], read_on: date | None, number: int) -> Place | None:
        kind, ref = element.get("type"), element.get("id")
        where = f"{self._path.name}:{kind}/{ref}"
        if kind not in ("node", "way", "relation") or not isinstance(ref, int) or isinstance(ref, bool):
            self._faults.refuse(f"{self._path.name}/{number}", "id", "is no element with a type and a number")
            return None
        listing = f"osm-{kind}-{ref}"
        point = element if kind == "node" else element.get("center")
        latitude, longitude = _degrees(point, "lat", 90), _degrees(point, "lon", 180)
        name = tags.get("name") or tags.get("official_name") or tags.get("operator")
        if latitude is None or longitude is None:
            reason = "has no point; end the query with 'out center;' so that ways and relations have one"
            self._faults.refuse(where, "center", reason)
        elif not name:
            self._faults.refuse(where, "name", "has neither a name nor an operator; nobody could be told where to go")
        else:
            row = self._row(listing, f"{kind}/{ref}", name, latitude, longitude, tags, read_on, where)
            return Place(listing, where, tuple(_entries(row, tags, where)))
        return Place(listing, where, None)

    def _row(
        self,
        listing: str,
        element: str,
        name: str,
        latitude: float,
        longitude: float,
        tags: dict[str, str],
        read_on: date | None,
        where: str,
    ) -> Row:
        near = self.surroundings.of(latitude, longitude)
        country = _country(tags, near)
        refuge = osm_tags.is_refuge(tags)
        hidden = Answer.YES if refuge else Answer.UNKNOWN
        return Row(
            id=listing, organization=tags.get("operator") or name, name=name, kinds=osm_tags.kinds(tags),
            description=tags.get("description", ""), address="" if refuge else _street(tags),
            city=_city(tags, near), country=country or "", latitude=latitude, longitude=longitude, precision="exact",
            phone=self._phone(tags, country, where), email=_first(tags, "email", "contact:email"),
            website=_first(tags, "website", "contact:website", "url"), hours=self._hours(tags, where),
            languages=_languages(tags), id_required=Answer.UNKNOWN, status_required=Answer.UNKNOWN,
            shares_with_immigration=Answer.UNKNOWN, walk_in=_walk_in(tags), anonymous=Answer.UNKNOWN,
            source_title=SOURCE, source_url=f"https://www.openstreetmap.org/{element}", source_read=read_on,
            last_verified=None, state="draft", sample=Answer.NO, notes="", postal_code=tags.get("addr:postcode", ""),
            region=tags.get("addr:state", "") or tags.get("addr:province", ""),
            populations=osm_tags.read(osm_tags.POPULATIONS, tags), free=_free(tags), cost=tags.get("charge", ""),
            wheelchair=_ANSWERS.get(tags.get("wheelchair", ""), Answer.UNKNOWN),
            accessibility=tags.get("wheelchair:description", ""), confidential=hidden, translations=_translations(tags),
        )  # fmt: skip

    def _hours(self, tags: dict[str, str], where: str) -> str:
        text = tags.get("opening_hours", "")
        if text and not hours.is_readable(text):
            self._faults.warn(where, "opening_hours", f"'{text[:60]}' cannot be read; shown as it is, never evaluated")
        return text

    def _phone(self, tags: dict[str, str], country: str | None, where: str) -> str:
        for key in ("phone", "contact:phone", "contact:mobile", "mobile"):
            for text in osm_tags.values(tags, key):
                try:
                    number = phonenumbers.parse(text, country)
                except phonenumbers.NumberParseException:
                    continue
                if phonenumbers.is_valid_number(number):
                    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
        if text := _first(tags, "phone", "contact:phone"):
            self._faults.warn(where, "phone", f"'{text[:30]}' is no number that can be dialled from abroad; left out")
        return ""


def _entries(row: Row, tags: dict[str, str], where: str) -> Iterator[Entry]:
    """As of any list of places, but: an operator's name is no key to share across data sets; no address half known."""
    key = f"openstreetmap/{tags['operator'].casefold()}" if "operator" in tags else f"openstreetmap/{row.id}"
    organization = stable_id("organization", key)
    for entry in entries(row, where):
        if entry.table == "address" and not (row.city and row.country):
            continue
        values = entry.values
        if entry.table == "organization":
            values = values | {"id": organization}
        elif "organization_id" in values:
            values = values | {"organization_id": organization}
        if entry.table == "location":
            values = values | {"external_identifier": row.source_url.removeprefix("https://www.openstreetmap.org/"),
                               "external_identifier_type": "OpenStreetMap"}  # fmt: skip
        yield Entry(entry.table, values, entry.where, entry.listing)


# --- Tags ---


def _tags(element: Any) -> dict[str, str]:
    """Text only, in one line each, without what no database takes."""
    tags = element.get("tags") if isinstance(element, dict) else None
    if not isinstance(tags, dict):
        return {}
    return {
        key: text
        for key, value in tags.items()
        if isinstance(value, str) and (text := _CONTROL.sub(" ", value).encode("utf-8", "ignore").decode().strip())
    }


def _degrees(point: Any, key: str, limit: int) -> float | None:
    value = point.get(key) if isinstance(point, dict) else None
    if not isinstance(value, int | float) or isinstance(value, bool) or not -limit <= value <= limit:
        return None
    return float(value)


def _first(tags: dict[str, str], *keys: str) -> str:
    return next((values[0] for key in keys if (values := osm_tags.values(tags, key))), "")


def _country(tags: dict[str, str], near: Nearby) -> str | None:
    said = tags.get("addr:country", "").upper()
    return said if len(said) == 2 and said.isalpha() and said.isascii() else near.country


def _city(tags: dict[str, str], near: Nearby) -> str:
    """HSDS has no address without a town; where the tags name none, it is the nearest one of the gazetteer."""
    return _first(tags, "addr:city", "addr:town", "addr:village", "addr:place") or near.town or ""


def _street(tags: dict[str, str]) -> str:
    if full := tags.get("addr:full"):
        return full[:_LONGEST_ADDRESS]
    street = tags.get("addr:street") or tags.get("addr:place", "")
    parts = [part for part in (tags.get("addr:housenumber"), street) if part]
    # Without a street a number leads nowhere.
    return " ".join(parts)[:_LONGEST_ADDRESS] if street else ""


def _languages(tags: dict[str, str]) -> tuple[str, ...]:
    """language:ar=yes, and language=ar;fr."""
    named = (key.removeprefix("language:") for key, value in tags.items() if key.startswith("language:") and
             value in ("yes", "main", "designated"))  # fmt: skip
    found = {code for code in (*named, *osm_tags.values(tags, "language")) if code in _known_languages()}
    return tuple(sorted(found))


def _translations(tags: dict[str, str]) -> tuple[tuple[str, str, str], ...]:
    found = []
    for key, text in tags.items():
        field, _, language = key.partition(":")
        if field in TRANSLATED and language in _known_languages():
            found.append((field, language, text))
    return tuple(sorted(found))


def _free(tags: dict[str, str]) -> Answer:
    return {"no": Answer.YES, "yes": Answer.NO}.get(tags.get("fee", ""), Answer.UNKNOWN)


def _walk_in(tags: dict[str, str]) -> Answer:
    """Key:reservation: `required` means that nobody comes without an appointment, `no` that there are none."""
    return {"required": Answer.NO, "only": Answer.NO, "no": Answer.YES}.get(tags.get("reservation", ""), Answer.UNKNOWN)


@lru_cache(maxsize=1)
def _known_languages() -> frozenset[str]:
    return frozenset(code for code in Locale("en").languages if re.fullmatch("[a-z]{2,3}", code))
