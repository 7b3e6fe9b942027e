"""What can be asked: every parameter of HSDS's API once, with its words, its JSON schema and its reader."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bot.directory.exchange.nested import Object

PER_PAGE = 25
MOST_PER_PAGE = 100
MOST_MINIMAL = 10_000
"""Services a page holds when only their ids are asked for."""
LONGEST_SEARCH = 100
_PAGES = 1_000_000
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LATITUDE = r"-?(?:[0-8]?[0-9](?:\.[0-9]{1,12})?|90)"
_LONGITUDE = r"-?(?:(?:1[0-7][0-9]|[0-9]{1,2})(?:\.[0-9]{1,12})?|180)"
_PROXIMITY = rf"([1-9][0-9]{{0,5}})(?:,({_LATITUDE}),({_LONGITUDE}))?"
_POSTCODE = r"(?:([A-Z]{2})-)?([A-Za-z0-9][A-Za-z0-9 -]{0,14})"


class BadParameters(ValueError):
    """What was asked cannot be answered; the message says every fault, and what would be right."""


@dataclass(frozen=True)
class Near:
    """Within `metres` of a point, or, with `point` None, of the middle of a postcode."""

    metres: int
    point: tuple[float, float] | None


@dataclass(frozen=True)
class Postcode:
    """Letters and digits only, capitals. `country`: ISO 3166, None when not said."""

    code: str
    country: str | None


@dataclass(frozen=True)
class Wanted:
    """What a request asks for; None and False where it says nothing."""

    search: str | None = None
    page: int = 1
    per_page: int | None = None
    format: str = "json"
    taxonomy_term_id: str | None = None
    taxonomy_id: str | None = None
    organization_id: str | None = None
    modified_after: datetime | None = None
    minimal: bool = False
    full: bool = False
    full_service: bool = False
    postcode: Postcode | None = None
    proximity: Near | None = None
    top_only: bool = False
    parent_id: str | None = None

    @property
    def size(self) -> int:
        """How many entries a page holds."""
        return self.per_page or (MOST_MINIMAL if self.minimal else PER_PAGE)


@dataclass(frozen=True)
class Parameter:
    """One parameter. `read` makes a value of its text and raises ValueError with what would be right."""

    about: str
    schema: Object
    read: Callable[[str], Any]


def read(query: Iterable[tuple[str, str]], known: tuple[str, ...]) -> Wanted:
    """The request's parameters, checked. Raises BadParameters with every fault at once."""
    faults: list[str] = []
    values: dict[str, Any] = {}
    for name, text in query:
        if name not in known:
            faults.append(f"no parameter is called {_quoted(name)} here; there are: {', '.join(known) or 'none'}")
        elif name in values:
            faults.append(f"{name}: is there twice; once is enough")
        else:
            try:
                values[name] = PARAMETERS[name].read(text)
            except ValueError as error:
                values[name] = None
                faults.append(f"{name}: {_quoted(text)} {error}")
    near = values.get("proximity")
    if near and near.point is None and not values.get("postcode") and not faults:
        faults.append("proximity: needs a postcode, or the point itself: METRES,LATITUDE,LONGITUDE")
    if faults:
        raise BadParameters("; ".join(faults))
    return replace(Wanted(), **values)


def is_id(text: str) -> bool:
    """Whether a text can be the id of anything: HSDS has UUIDs only."""
    return _UUID.fullmatch(text) is not None


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "...")


# --- Readers ---


def _search(text: str) -> str | None:
    if len(text) > LONGEST_SEARCH:
        raise ValueError(f"has {len(text)} letters; at most {LONGEST_SEARCH}")
    # Half a surrogate pair or a NUL is no text for a database.
    clean = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(clean.split()) or None


def _whole(most: int) -> Callable[[str], int]:
    def read_one(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
            raise ValueError(f"is not a whole number from 1 to {most}")
        return int(text)

    return read_one


def _one_of(*words: str) -> Callable[[str], str]:
    def read_one(text: str) -> str:
        if text not in words:
            raise ValueError(f"is not one of: {', '.join(words)}")
        return text

    return read_one


def _truth(text: str) -> bool:
    return _one_of("true", "false")(text) == "true"


def _id(text: str) -> str:
    if not is_id(text):
        raise ValueError("is not an id; ids are UUIDs such as ac148810-d857-441c-9679-408f346de14b")
    return text


def _moment(text: str) -> datetime:
    """ISO 8601; a day alone is its midnight, and without a zone it is UTC."""
    # A plus sign that was not escaped arrives as a space; and Python knows no leap second.
    plain = re.sub(r" (\d{2}:\d{2})$", r"+\1", text.strip()).upper().replace(":60", ":59")
    try:
        moment = datetime.fromisoformat(plain)
    except ValueError:
        raise ValueError("is not a moment such as 2026-05-31T12:00:00Z") from None
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        return moment.replace(tzinfo=UTC)


def _postcode(text: str) -> Postcode:
    found = re.fullmatch(_POSTCODE, text)
    if not found:
        raise ValueError("is not a postcode such as 13001, or FR-13001 to name the country")
    return Postcode(re.sub("[^A-Z0-9]", "", found[2].upper()), found[1])


def _proximity(text: str) -> Near:
    found = re.fullmatch(_PROXIMITY, text)
    if not found:
        raise ValueError("is not METRES (1 to 999999), nor METRES,LATITUDE,LONGITUDE such as 2000,38.7251,-9.1498")
    return Near(int(found[1]), (float(found[2]), float(found[3])) if found[2] else None)


_UUID_SCHEMA: Object = {"type": "string", "format": "uuid"}

PARAMETERS: Mapping[str, Parameter] = {
    "search": Parameter(
        "Every one of these words is in the name, or every one in the description. Case does not count, and in names "
        "accents neither.",
        {"type": "string", "maxLength": LONGEST_SEARCH}, _search,
    ),
    "page": Parameter(
        "Number of the page, from 1.",
        {"type": "integer", "minimum": 1, "maximum": _PAGES, "default": 1}, _whole(_PAGES),
    ),
    "per_page": Parameter(
        "Entries on a page.",
        {"type": "integer", "minimum": 1, "maximum": MOST_PER_PAGE, "default": PER_PAGE}, _whole(MOST_PER_PAGE),
    ),
    "format": Parameter(
        "json: one page. ndjson: everything, one object a line, without pages.",
        {"type": "string", "enum": ["json", "ndjson"], "default": "json"}, _one_of("json", "ndjson"),
    ),
    "taxonomy_term_id": Parameter(
        "Only what this term is said of: of the service, or of one of its places.", _UUID_SCHEMA, _id
    ),
    "taxonomy_id": Parameter("Only what any term of this taxonomy is said of.", _UUID_SCHEMA, _id),
    "organization_id": Parameter("Only what this organization offers.", _UUID_SCHEMA, _id),
    "modified_after": Parameter(
        "Only services changed at this moment or later, such as 2026-05-31T12:00:00Z.",
        {"type": "string", "format": "date-time"}, _moment,
    ),
    "minimal": Parameter(
        f"Only id and modified_date; a page then holds {MOST_MINIMAL} unless per_page is given.",
        {"type": "boolean"}, _truth,
    ),
    "full": Parameter("Whole objects with all that belongs to them.", {"type": "boolean"}, _truth),
    "full_service": Parameter(
        "The organization's services as whole objects; else their id, name and status.", {"type": "boolean"}, _truth
    ),
    "postcode": Parameter(
        "Only places with this postcode: 13001, or FR-13001 to name the country. With proximity: places around its "
        "middle, which is the middle of the places known there.",
        {"type": "string", "pattern": f"^{_POSTCODE}$"}, _postcode,
    ),
    "proximity": Parameter(
        "Only places within so many metres of the middle of the postcode, nearest first; or of a point: "
        "METRES,LATITUDE,LONGITUDE.",
        {"type": "string", "pattern": f"^{_PROXIMITY}$"}, _proximity,
    ),
    "top_only": Parameter("Only terms without a parent.", {"type": "boolean"}, _truth),
    "parent_id": Parameter("Only terms directly under this one.", _UUID_SCHEMA, _id),
}  # fmt: skip
"""All of HSDS 3.0's, by name; no others exist."""
