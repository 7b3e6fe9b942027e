"""What the files of places hold, and which of them somebody has to look at again: for the people who keep them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from bot.directory.kept import Kept
from bot.directory.rows import Row
from bot.directory.terms import Answer

STAFF = "content"
"""What the staff's own files are called among the datasets (bot.directory.listing.DATASET)."""


@dataclass(frozen=True)
class CountryCoverage:
    """Real places of a country: how many, with which `kinds` of service; how many somebody has called or visited
    (`verified`), how many say whether papers are asked for (`papers_known`), and how many have a way to be reached."""

    country: str
    places: int
    kinds: dict[str, int]
    verified: int
    papers_known: int
    reachable: int
    dataset: str = STAFF


@dataclass(frozen=True)
class Stale:
    """A place not `verified` since long, or never; `read` is when its source was last looked at."""

    id: str
    name: str
    country: str
    verified: date | None
    read: date | None
    dataset: str = STAFF


def of_countries(rows: Iterable[Row | Kept]) -> list[CountryCoverage]:
    """One for each country of each dataset, the staff's own first, by code. Samples are no places."""
    by_country: dict[tuple[bool, str, str], list[Row | Kept]] = {}
    for row in rows:
        if row.sample is not Answer.YES:
            dataset = _dataset(row)
            by_country.setdefault((dataset != STAFF, dataset, row.country), []).append(row)
    return [
        CountryCoverage(
            code,
            len(own),
            dict(sorted(Counter(kind for row in own for kind in row.kinds).items())),
            sum(row.last_verified is not None for row in own),
            sum(Answer.UNKNOWN not in (row.id_required, row.status_required) for row in own),
            sum(bool(row.phone or row.email or row.website) for row in own),
            dataset,
        )
        for (_, dataset, code), own in sorted(by_country.items())
    ]


def stale(rows: Iterable[Row | Kept], today: date, days: int) -> list[Stale]:
    """The places nobody has verified for that many days, never verified ones first, then the longest ago."""
    limit = today - timedelta(days=days)
    found = [
        Stale(row.id, row.name, row.country, row.last_verified, row.source_read, _dataset(row))
        for row in rows
        if row.sample is not Answer.YES and (row.last_verified is None or row.last_verified < limit)
    ]
    return sorted(found, key=lambda one: (one.verified or date.min, one.country, one.id))


def _dataset(row: Row | Kept) -> str:
    return row.dataset if isinstance(row, Kept) else STAFF
