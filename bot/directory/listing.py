"""From the staff's files to the directory: content/directory/*.csv and *.xlsx, one row a place.

All rows of all files are checked before anything is written, and everything is written in one transaction. The columns
are explained for the staff in content/directory/README.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from bot.db import Database, now
from bot.directory.intake import Entry, Intake, Report, ensure_terms
from bot.directory.rows import COLUMNS, Row, read
from bot.directory.terms import (
    TEXT_FACTS,
    TRANSLATIONS,
    YES_NO_FACTS,
    Answer,
    fact_term,
    group_term,
    kind_term,
    stable_id,
    translation_term,
)

__all__ = ["COLUMNS", "DATASET", "Faulty", "Row", "check", "entries", "load"]

DATASET = "content"
"""The dataset of the staff's own files."""


class Faulty(Exception):
    """The files have faults, so nothing was written; `faults` says each with file, line and column."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


async def load(database: Database, folder: Path, *, today: date | None = None) -> Report:
    """Bring the directory up to what the files in `folder` say; a place gone from the files is no longer shown.

    Raises Faulty.
    """
    listed, faults = check(folder, today=today)
    if faults:
        raise Faulty(faults)
    async with database.begin() as session:
        await ensure_terms(session)
        intake = Intake(session, DATASET)
        for rows in listed.values():
            await intake.take(entry for row in rows for entry in entries(row))
        return await intake.finish(retire=True)


def check(folder: Path, *, today: date | None = None) -> tuple[dict[str, list[Row]], tuple[str, ...]]:
    """Read all files: the good rows by file name, and every fault.

    A fault reads "file:line column: what is wrong; what would be right".
    """
    faults: list[str] = []
    listed: dict[str, list[Row]] = {}
    seen: dict[str, str] = {}
    for path in staff_files(folder):
        listed[path.name] = list(read(path, today or now().date(), seen, faults))
    if not listed:
        faults.append(f"{folder}: no .csv file here, and no .xlsx; the places are read from files such as partners.csv")
    return listed, tuple(faults)


def staff_files(folder: Path) -> list[Path]:
    """The lists of places in a folder. Excel's own lock files ("~$lisbon.xlsx") are none."""
    return sorted(path for path in folder.glob("*") if path.suffix in (".csv", ".xlsx") and path.name[0] not in "~.")


# --- A row as HSDS tells it ---


def entries(row: Row, where: str = "") -> Iterator[Entry]:
    """The rows of HSDS that a row of a list of places makes, owners first."""
    for table, values in _records(row):
        yield Entry(table, values, where, None if table in ("organization", "taxonomy_term") else row.id)


def _records(row: Row) -> Iterator[tuple[str, dict[str, Any]]]:
    organization = stable_id("organization", row.organization.casefold())
    service, location = stable_id("service", row.id), stable_id("location", row.id)
    there = stable_id("service_at_location", row.id)
    yield "organization", {"id": organization, "name": row.organization, "description": ""}
    yield "service", {
        "id": service, "organization_id": organization, "name": row.name, "status": "active",
        "description": row.description or None, "url": row.website or None, "email": row.email or None,
        "assured_date": row.last_verified, "eligibility_description": row.eligibility or None,
    }  # fmt: skip
    yield "location", {
        "id": location, "organization_id": organization, "location_type": "physical", "name": row.name,
        "latitude": row.latitude, "longitude": row.longitude,
    }  # fmt: skip
    yield "service_at_location", {"id": there, "service_id": service, "location_id": location}
    yield "address", {
        "id": stable_id("address", row.id), "location_id": location, "address_1": row.address, "city": row.city,
        "state_province": row.region, "postal_code": row.postal_code, "country": row.country,
        "address_type": "physical",
    }  # fmt: skip
    if row.phone:
        yield "phone", {"id": stable_id("phone", row.id), "service_id": service, "number": row.phone}
    yield from _schedules(row, there)
    for code in row.languages:
        yield "language", {"id": stable_id("language", f"{row.id}/{code}"), "service_id": service, "code": code}
    if row.accessibility:
        yield "accessibility", {
            "id": stable_id("accessibility", row.id), "location_id": location, "description": row.accessibility,
        }  # fmt: skip
    if row.cost:
        yield "cost_option", {"id": stable_id("cost_option", row.id), "service_id": service, "option": row.cost}
    for number, document in enumerate(row.documents):
        id_ = stable_id("required_document", f"{row.id}/{number}")
        yield "required_document", {"id": id_, "service_id": service, "document": document}
    for field, language, _ in row.translations:
        code = f"{field}.{language}"
        id_ = translation_term(field, language)
        yield "taxonomy_term", {
            "id": id_, "code": code, "name": code, "description": code, "taxonomy_id": TRANSLATIONS,
        }  # fmt: skip
    for term, entity, value in _attributes(row):
        link = location if entity == "location" else service
        id_ = stable_id("attribute", f"{row.id}/{term}")
        yield "attribute", {
            "id": id_, "link_id": link, "link_entity": entity, "taxonomy_term_id": term, "value": value,
        }  # fmt: skip


def _schedules(row: Row, there: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """One schedule; for something that comes on certain days, one for each day."""
    if row.dates:
        for day in row.dates:
            id_ = stable_id("schedule", f"{row.id}/{day}")
            yield "schedule", {
                "id": id_, "service_at_location_id": there, "description": row.hours, "valid_from": day, "valid_to": day,
            }  # fmt: skip
    elif row.hours:
        id_ = stable_id("schedule", row.id)
        yield "schedule", {"id": id_, "service_at_location_id": there, "description": row.hours}


def _attributes(row: Row) -> Iterable[tuple[str, str, str | None]]:
    """Terms, what they are said of, and their values."""
    for kind in row.kinds:
        yield kind_term(kind), "service", None
    for group in row.populations:
        yield group_term(group), "service", None
    for fact in (*YES_NO_FACTS, *TEXT_FACTS):
        value = getattr(row, fact)
        if value and value != Answer.UNKNOWN:
            yield fact_term(fact), "location" if fact == "precision" else "service", str(value)
    for field, language, text in row.translations:
        yield translation_term(field, language), "service", text
