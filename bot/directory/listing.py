"""From the staff's files to the directory: content/directory/*.csv, one row a place.

All rows of all files are checked before anything is written, and everything is written in one transaction. The columns
are explained for the staff in content/directory/README.md.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import phonenumbers
from babel import Locale
from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database, now
from bot.directory import hours as opening_hours
from bot.directory.models import (
    FACTS,
    KINDS,
    SERVICE_KINDS,
    TEXT_FACTS,
    YES_NO_FACTS,
    Address,
    Answer,
    Attribute,
    Language,
    Listing,
    Location,
    Organization,
    Phone,
    Schedule,
    Service,
    ServiceAtLocation,
    Taxonomy,
    TaxonomyTerm,
    fact_term,
    kind_term,
    stable_id,
)
from bot.directory.names import NOWHERE

_CHUNK = 500
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST = {"id": 60, "organization": 120, "name": 80, "description": 400, "address": 160, "city": 80}


@dataclass(frozen=True)
class Row:
    """One place as the staff wrote it, checked. Empty and None mean unknown."""

    id: str
    organization: str
    name: str
    kinds: tuple[str, ...]
    description: str
    address: str
    city: str
    country: str
    latitude: float
    longitude: float
    precision: str
    phone: str
    email: str
    website: str
    hours: str
    languages: tuple[str, ...]
    id_required: Answer
    status_required: Answer
    shares_with_immigration: Answer
    walk_in: Answer
    anonymous: Answer
    source_title: str
    source_url: str
    source_read: date | None
    last_verified: date | None
    state: str
    sample: Answer
    notes: str

    @property
    def digest(self) -> str:
        """Changes when anything that people can see changes; `notes` are for colleagues only."""
        shown = [repr(getattr(self, column.name)) for column in fields(self) if column.name != "notes"]
        return hashlib.sha256("\x1f".join(shown).encode()).hexdigest()


COLUMNS = tuple(column.name for column in fields(Row))


@dataclass(frozen=True)
class Report:
    """What loading did, by the rows' ids. With any fault, nothing was written and the rest is empty."""

    faults: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    inactive: tuple[str, ...] = ()


async def load(database: Database, folder: Path, *, today: date | None = None) -> Report:
    """Bring the directory up to what the files in `folder` say; a place gone from the files becomes inactive."""
    listed, faults = check(folder, today=today)
    if faults:
        return Report(faults=faults)
    async with database.begin() as session:
        return await _write(session, listed)


def check(folder: Path, *, today: date | None = None) -> tuple[dict[str, list[Row]], tuple[str, ...]]:
    """Read all files: good rows by file name, and every fault as "file:line column: what is wrong, what would be right"."""
    faults: list[str] = []
    listed: dict[str, list[Row]] = {}
    seen: dict[str, str] = {}
    for path in sorted(folder.glob("*.csv")):
        listed[path.name] = list(_rows(path, today or now().date(), seen, faults))
    if not listed:
        faults.append(f"{folder}: no .csv file here; the places are read from files such as partners.csv")
    return listed, tuple(faults)


# --- Reading ---


def _rows(path: Path, today: date, seen: dict[str, str], faults: list[str]) -> Iterator[Row]:
    def fault(line: int, column: str, text: str) -> None:
        faults.append(f"{path.name}:{line} {column}: {text}")

    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        return fault(line, "file", "has letters that are not UTF-8; save it as 'CSV UTF-8'")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if not _header_is_good(header, fault):
            return
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                fault(reader.line_num, "row", f"has {len(cells)} cells, not {len(header)}; "
                      'put text that contains a comma between "double quotes"')  # fmt: skip
                continue
            if row := _Reading(dict(zip(header, cells)), reader.line_num, today, fault).row():
                here = f"{path.name}:{reader.line_num}"
                if row.id in seen:
                    fault(reader.line_num, "id", f"'{row.id}' is taken by {seen[row.id]}; give every place its own")
                seen.setdefault(row.id, here)
                yield row
    except csv.Error as error:
        fault(reader.line_num, "file", f"is not readable as CSV ({error}); look for a quote that is never closed")


def _header_is_good(header: list[str], fault: Callable[[int, str, str], None]) -> bool:
    if len(header) == 1 and header[0].count(";") > 2:
        fault(1, "header", "is separated by semicolons; save the file as comma-separated 'CSV UTF-8'")
        return False
    for name in COLUMNS:
        if header.count(name) != 1:
            fault(1, "header", f"the column '{name}' stands there {header.count(name)} times; it must stand once")
    for name in header:
        if name not in COLUMNS:
            fault(1, "header", f"no column is called '{name}'; the columns are: {', '.join(COLUMNS)}")
    return sorted(header) == sorted(COLUMNS)


class _Reading:
    """One row being read: every column is looked at, so that the staff learn of all faults at once."""

    def __init__(self, cells: dict[str, str], line: int, today: date, fault: Callable[[int, str, str], None]) -> None:
        self._cells = {name: cell.strip() for name, cell in cells.items()}
        self._line, self._today, self._tell = line, today, fault
        self._good = True

    def row(self) -> Row | None:
        """The checked row, or None if anything in it is wrong."""
        sample = self._answer("sample")
        pretend = sample == Answer.YES
        row = Row(
            id=self._id(),
            organization=self._text("organization", needed=True),
            name=self._text("name", needed=True),
            kinds=self._list("kinds", SERVICE_KINDS, "kind of service"),
            description=self._text("description"),
            address=self._text("address"),
            city=self._text("city", needed=True),
            country=self._country(pretend),
            latitude=self._degrees("latitude", 90),
            longitude=self._degrees("longitude", 180),
            precision=self._one_of("precision", ("exact", "city")),
            phone=self._phone(pretend),
            email=self._email(),
            website=self._url("website"),
            hours=self._hours(),
            languages=self._list("languages", _languages(), "language code"),
            id_required=self._answer("id_required"),
            status_required=self._answer("status_required"),
            shares_with_immigration=self._answer("shares_with_immigration"),
            walk_in=self._answer("walk_in"),
            anonymous=self._answer("anonymous"),
            source_title=self._text("source_title", needed=not pretend),
            source_url=self._url("source_url"),
            source_read=self._date("source_read", needed=not pretend),
            last_verified=self._date("last_verified"),
            state=self._one_of("state", ("draft", "reviewed")),
            sample=sample,
            notes=self._text("notes"),
        )
        self._check_together(row, pretend)
        return row if self._good else None

    def _check_together(self, row: Row, pretend: bool) -> None:
        if sample := self._cells["sample"]:
            if sample in ("yes", "no") and pretend != row.name.startswith("SAMPLE "):
                self._fault(
                    "sample",
                    "an invented place has 'yes' here and a name that begins with 'SAMPLE '; a real one neither",
                )
        else:
            self._fault("sample", "is empty; write 'no' for a real place")
        if row.state == "reviewed" and not row.last_verified:
            self._fault(
                "last_verified", "is empty; a reviewed place has the day somebody checked it, such as 2026-05-31"
            )
        if row.latitude == 0 and row.longitude == 0 and not pretend:
            self._fault("latitude", "0, 0 lies in the sea; look the place up on a map")

    def _fault(self, column: str, text: str) -> None:
        self._good = False
        self._tell(self._line, column, text)

    def _text(self, column: str, *, needed: bool = False) -> str:
        text = self._cells[column]
        if needed and not text:
            self._fault(column, "is empty; it is always needed")
        if _CONTROL.search(text):
            self._fault(column, "has a line break or an invisible character; write it in one line")
        if len(text) > _LONGEST.get(column, 1000):
            self._fault(column, f"has {len(text)} letters; at most {_LONGEST.get(column, 1000)}")
        return text

    def _id(self) -> str:
        text = self._text("id", needed=True)
        if text and not _ID.fullmatch(text):
            self._fault("id", f"'{text}' has other signs than a-z, 0-9 and '-'; write it like 'lisbon-clinic-2'")
        return text

    def _one_of(self, column: str, allowed: Iterable[str]) -> str:
        text = self._cells[column]
        if text not in allowed:
            self._fault(column, f"'{text}' is not one of: {', '.join(allowed)}")
        return text

    def _list(self, column: str, allowed: Iterable[str], what: str) -> tuple[str, ...]:
        words = tuple(word.strip() for word in self._cells[column].split(";") if word.strip())
        for word in words:
            if word not in allowed:
                hint = f"; use: {' '.join(allowed)}" if isinstance(allowed, tuple) else ", such as en;fr;ar"
                self._fault(column, f"'{word}' is not a known {what}{hint}")
        if len(set(words)) < len(words):
            self._fault(column, "names something twice; once is enough")
        return words

    def _answer(self, column: str) -> Answer:
        text = self._cells[column] or Answer.UNKNOWN
        if text not in tuple(Answer):
            self._fault(column, f"'{text}' is not one of: yes, no, unknown (empty also means unknown)")
            return Answer.UNKNOWN
        return Answer(text)

    def _country(self, pretend: bool) -> str:
        text = self._cells["country"]
        if text != NOWHERE if pretend else text not in _countries():
            right = f"'{NOWHERE}' for a sample" if pretend else "two capital letters such as FR (ISO 3166)"
            self._fault("country", f"'{text}' should be {right}")
        return text

    def _degrees(self, column: str, limit: int) -> float:
        text = self._cells[column]
        try:
            value = float(text)
        except ValueError:
            hint = f"write {text.replace(',', '.')}" if re.fullmatch(r"-?\d+,\d+", text) else "write it like 38.72509"
            self._fault(column, f"'{text}' is not a number of degrees; {hint}")
            return 0.5
        if not -limit <= value <= limit:
            self._fault(column, f"{text} does not lie between -{limit} and {limit}; are the two swapped?")
        return value

    def _phone(self, pretend: bool) -> str:
        text = self._cells["phone"]
        if not text:
            return ""
        try:
            number = phonenumbers.parse(text, None)
        except phonenumbers.NumberParseException:
            self._fault(
                "phone",
                f"'{text}' cannot be dialled from abroad; begin with + and the country, such as +351 213 000 000",
            )
            return ""
        # Numbers kept for fiction are not always valid ones.
        if not (phonenumbers.is_possible_number(number) if pretend else phonenumbers.is_valid_number(number)):
            self._fault("phone", f"'{text}' is no number of that country; count the digits")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)

    def _email(self) -> str:
        text = self._cells["email"]
        if text and not _EMAIL.fullmatch(text):
            self._fault("email", f"'{text}' is not an address such as help@example.org")
        return text

    def _url(self, column: str) -> str:
        text = self._cells[column]
        try:
            parts = urlsplit(text)
            good = parts.scheme in ("http", "https") and "." in (parts.hostname or "") and not re.search(r"\s", text)
        except ValueError:
            good = False
        if text and not good:
            self._fault(column, f"'{text}' is not a web address; begin with https://")
        return text

    def _hours(self) -> str:
        text = self._cells["hours"]
        if text and not opening_hours.is_readable(text):
            self._fault(
                "hours", f"'{text}' cannot be read; write it like 'Mo-Fr 09:00-17:00; Sa 10:00-12:00; PH off' or '24/7'"
            )
        return text

    def _date(self, column: str, *, needed: bool = False) -> date | None:
        text = self._cells[column]
        if not text:
            if needed:
                self._fault(column, "is empty; write the day somebody read the source, such as 2026-05-31")
            return None
        try:
            value = date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else None
        except ValueError:
            value = None
        if value is None:
            self._fault(column, f"'{text}' is not a day; write year-month-day, such as 2026-05-31")
        elif value > self._today:
            self._fault(column, f"{text} lies in the future")
        return value


def _countries() -> set[str]:
    return {code for code in Locale("en").territories if len(code) == 2 and code.isalpha()} - {
        "EU",
        "EZ",
        "UN",
        "ZZ",
        "XA",
        "XB",
    }


def _languages() -> set[str]:
    return {code for code in Locale("en").languages if re.fullmatch("[a-z]{2,3}", code)}


# --- Writing ---


async def _write(session: AsyncSession, listed: dict[str, list[Row]]) -> Report:
    await _ensure_terms(session)
    known = {
        id_: (service_id, digest, file, status)
        for id_, service_id, digest, file, status in await session.execute(
            select(Listing.id, Listing.service_id, Listing.digest, Listing.file, Service.status).join(Service)
        )
    }
    rows = {row.id: (row, file) for file, rows in listed.items() for row in rows}
    added = [id_ for id_ in rows if id_ not in known]
    unchanged = [
        id_ for id_, (row, file) in rows.items() if id_ in known and known[id_][1:] == (row.digest, file, "active")
    ]
    changed = [id_ for id_ in rows if id_ in known and id_ not in set(unchanged)]
    gone = sorted(id_ for id_, (*_, status) in known.items() if id_ not in rows and status != "inactive")

    await _remove(session, changed)
    await _insert(session, [rows[id_] for id_ in (*added, *changed)])
    for ids in _chunks(gone):
        services = [known[id_][0] for id_ in ids]
        await session.execute(
            update(Service).where(Service.id.in_(services)).values(status="inactive", last_modified=now())
        )
    return Report(added=tuple(added), changed=tuple(changed), unchanged=tuple(unchanged), inactive=tuple(gone))


async def _ensure_terms(session: AsyncSession) -> None:
    """Our two taxonomies; a kind added to SERVICE_KINDS appears with the next load."""
    taxonomies = {KINDS: ("Farol service kinds", "What a person can look for"),
                  FACTS: ("Farol facts", "What matters to people without papers, and where the listing comes from")}  # fmt: skip
    terms = {kind_term(kind): (kind, KINDS) for kind in SERVICE_KINDS}
    terms |= {fact_term(fact): (fact, FACTS) for fact in (*YES_NO_FACTS, *TEXT_FACTS)}
    there = set(await session.scalars(select(Taxonomy.id)))
    await _add(session, Taxonomy, [
        {"id": id_, "name": name, "description": text} for id_, (name, text) in taxonomies.items() if id_ not in there
    ])  # fmt: skip
    there = set(await session.scalars(select(TaxonomyTerm.id)))
    await _add(session, TaxonomyTerm, [
        {"id": id_, "code": code, "name": code, "description": code, "taxonomy_id": taxonomy}
        for id_, (code, taxonomy) in terms.items() if id_ not in there
    ])  # fmt: skip


async def _remove(session: AsyncSession, ids: list[str]) -> None:
    """Take out changed rows with all that hangs on them; they are written anew under the same ids."""
    for some in _chunks(ids):
        services = [stable_id("service", id_) for id_ in some]
        locations = [stable_id("location", id_) for id_ in some]
        await session.execute(
            delete(Attribute).where(or_(Attribute.link_id.in_(services), Attribute.link_id.in_(locations)))
        )
        # Deleting these two takes the rest with it (ON DELETE CASCADE).
        await session.execute(delete(Service).where(Service.id.in_(services)))
        await session.execute(delete(Location).where(Location.id.in_(locations)))


async def _insert(session: AsyncSession, rows: list[tuple[Row, str]]) -> None:
    organizations = {stable_id("organization", row.organization.casefold()): row.organization for row, _ in rows}
    there = set()
    for ids in _chunks(list(organizations)):
        there |= set(await session.scalars(select(Organization.id).where(Organization.id.in_(ids))))
    await _add(session, Organization, [
        {"id": id_, "name": name, "description": ""} for id_, name in organizations.items() if id_ not in there
    ])  # fmt: skip
    tables: dict[type, list[dict]] = {
        table: []
        for table in (Service, Location, ServiceAtLocation, Address, Phone, Schedule, Language, Attribute, Listing)
    }
    for row, file in rows:
        for table, values in _records(row, file):
            tables[table].append(values)
    for table, values in tables.items():
        await _add(session, table, values)


def _records(row: Row, file: str) -> Iterator[tuple[type, dict]]:
    """The row as HSDS tells it."""
    organization = stable_id("organization", row.organization.casefold())
    service, location = stable_id("service", row.id), stable_id("location", row.id)
    there = stable_id("service_at_location", row.id)
    yield Service, {"id": service, "organization_id": organization, "name": row.name, "status": "active",
                    "description": row.description or None, "url": row.website or None, "email": row.email or None,
                    "assured_date": row.last_verified, "last_modified": now()}  # fmt: skip
    yield Location, {"id": location, "organization_id": organization, "location_type": "physical", "name": row.name,
                     "latitude": row.latitude, "longitude": row.longitude}  # fmt: skip
    yield ServiceAtLocation, {"id": there, "service_id": service, "location_id": location}
    yield Address, {"id": stable_id("address", row.id), "location_id": location, "address_1": row.address,
                    "city": row.city, "state_province": "", "postal_code": "", "country": row.country,
                    "address_type": "physical"}  # fmt: skip
    if row.phone:
        yield Phone, {"id": stable_id("phone", row.id), "service_id": service, "number": row.phone}
    if row.hours:
        yield Schedule, {"id": stable_id("schedule", row.id), "service_at_location_id": there, "description": row.hours}
    for code in row.languages:
        yield Language, {"id": stable_id("language", f"{row.id}/{code}"), "service_id": service, "code": code}
    for kind in row.kinds:
        yield Attribute, _attribute(row.id, "service", service, kind_term(kind), None)
    for fact in (*YES_NO_FACTS, *TEXT_FACTS):
        value = getattr(row, fact)
        if value and value != Answer.UNKNOWN:
            entity, link = ("location", location) if fact == "precision" else ("service", service)
            yield Attribute, _attribute(row.id, entity, link, fact_term(fact), str(value))
    yield Listing, {"id": row.id, "file": file, "service_id": service, "digest": row.digest}


def _attribute(row_id: str, entity: str, link: str, term: str, value: str | None) -> dict:
    return {"id": stable_id("attribute", f"{row_id}/{term}"), "link_id": link, "link_entity": entity,
            "taxonomy_term_id": term, "value": value}  # fmt: skip


async def _add(session: AsyncSession, table: type, values: list[dict]) -> None:
    if values:
        await session.execute(insert(table), values)


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
