"""One import, in one transaction: the file's form is recognised, its rows are checked, compared and written, and told.

Nothing is kept of a dry run, of a strict run with a refusal, or of a file that breaks off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database, now
from bot.directory.exchange.byhand import keep_by_hand
from bot.directory.exchange.checks import Checker
from bot.directory.exchange.forms import TableSource, recognise
from bot.directory.exchange.openstreetmap import OpenStreetMap
from bot.directory.exchange.source import Faults, Place, Progress, Raw, Unreadable, kept_by
from bot.directory.exchange.surroundings import Surroundings
from bot.directory.hsds import TABLES
from bot.directory.intake import Entry, Intake, Report, ensure_terms
from bot.directory.listing import DATASET as STAFF
from bot.directory.models import Listing
from bot.directory.terms import stable_id

_T = TypeVar("_T", Raw, Place)
_BATCH = 5_000
_ALL_AT_ONCE = ("taxonomy_term",)
"""Tables whose rows refer to each other."""


@dataclass(frozen=True)
class Outcome:
    """What became of a file. `written` is False for a dry run, and for a strict one with refusals."""

    form: str
    report: Report
    written: bool


async def bring_in(
    database: Database,
    path: Path,
    dataset: str,
    *,
    dry_run: bool = False,
    retire: bool = False,
    strict: bool = False,
    today: date | None = None,
    progress: Progress = lambda step, done: None,
) -> Outcome:
    """Import a file or folder into a dataset.

    Raises Unreadable if it cannot be read as a whole, and ValueError for the dataset of the staff's own files, which
    content/directory alone fills. Either way nothing is written.
    """
    if dataset == STAFF:
        raise ValueError(f"--dataset {STAFF} is the staff's own, read from content/directory; choose another name")
    faults = Faults()
    source = recognise(path, faults, today or now().date())
    async with database.begin() as session:
        await ensure_terms(session)
        intake = Intake(session, dataset)
        if isinstance(source, TableSource):
            await _take_tables(session, source, intake, Checker(session, dataset, faults), faults, progress)
            spoken_of = source.spoken_of
        else:
            if isinstance(source, OpenStreetMap):
                source.surroundings = await Surroundings.load(session)
            await _take_places(session, source.places(progress), intake, dataset, faults)
            spoken_of = set(TABLES)
        report = await intake.finish(retire=retire, tables=spoken_of)
        written = not dry_run and not (strict and faults.refusals)
        if not written:
            await session.rollback()
    return Outcome(source.form, replace(report, faults=faults.all()), written)


async def _take_tables(
    session: AsyncSession, source: TableSource, intake: Intake, checker: Checker, faults: Faults, progress: Progress
) -> None:
    kept = 0
    for table, rows in source.tables(progress):
        for raws in _batches(rows, None if table in _ALL_AT_ONCE else _BATCH):
            entries = await checker.check(table, raws)
            kept += len(entries)
            await intake.take(await keep_by_hand(session, entries, faults))
    for table, ids in checker.refused.items():
        intake.spare(table, ids)
    if not kept and not faults.refusals:
        raise Unreadable("the file holds no rows")


async def _take_places(
    session: AsyncSession, places: Iterator[Place], intake: Intake, dataset: str, faults: Faults
) -> None:
    shared: set[str] = set()
    for some in _batches(places, _BATCH // 10):
        rows = await session.execute(
            select(Listing.id, Listing.dataset).where(Listing.id.in_([place.listing for place in some]))
        )
        elsewhere = {id_: name for id_, name in rows if name != dataset}
        entries: list[Entry] = []
        for place in some:
            if name := elsewhere.get(place.listing):
                if place.entries is not None:
                    faults.refuse(place.where, "id", kept_by(place.listing, name))
            elif place.entries is None:
                intake.spare("service", [stable_id("service", place.listing)])
            else:
                # An organization of several places, here "Caritas" and there "caritas": the first name counts.
                entries.extend(one for one in place.entries if one.listing or one.values["id"] not in shared)
                shared.update(one.values["id"] for one in place.entries if not one.listing)
        await intake.take(await keep_by_hand(session, entries, faults))


def _batches(rows: Iterable[_T], size: int | None) -> Iterator[list[_T]]:
    rows = iter(rows)
    while some := list(islice(rows, size)):
        yield some
