"""A month's report from what was counted as it happened: lists with small counts held back."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import func, select

from bot.conversation.models import Tally
from bot.conversation.tallies import WAITS
from bot.db import Database
from bot.reports.suppression import SMALLEST, hidden_in_line

TABLES = {
    "people_channel": "channel",
    "people_language": "language",
    "people_country": "country",
    "conversations": "language",
    "topic": "topic",
    "services_found": "service",
    "services_missing": "service",
    "unanswered": "language",
    "language_asked_for": "language",
    "crisis": "topic",
    "handed_over": "reason",
    "handed_over_language": "language",
    "waited": "wait",
}
"""The lists of a report, in order, and what their rows name. Each is the sum of one kind of tally."""


class NotAMonth(ValueError):
    """Not a month written as 2026-11."""


@dataclass(frozen=True)
class Row:
    """A name and its count; None where it is held back."""

    name: str
    count: int | None


@dataclass(frozen=True)
class Table:
    """A list. `total` is None when it is small; `withheld` when even the names would say too much."""

    kind: str
    names: str
    rows: tuple[Row, ...]
    total: int | None
    withheld: bool


@dataclass(frozen=True)
class Report:
    """All lists of a month, as they may be published."""

    month: str
    tables: tuple[Table, ...]


async def report(database: Database, month: str) -> Report:
    """The report of a month. Raises NotAMonth."""
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", month):
        raise NotAMonth(f"{month}: expected a month such as 2026-11")
    query = (
        select(Tally.kind, Tally.key, func.sum(Tally.count))
        .where(Tally.day >= f"{month}-01", Tally.day <= f"{month}-31", Tally.kind.in_(TABLES))
        .group_by(Tally.kind, Tally.key)
    )
    counted: dict[str, dict[str, int]] = {kind: {} for kind in TABLES}
    async with database.begin(read_only=True) as session:
        for kind, key, count in (await session.execute(query)).all():
            counted[kind][key] = int(count)
    return Report(month, tuple(table(kind, names, counted[kind]) for kind, names in TABLES.items()))


async def months(database: Database) -> list[str]:
    """The months something was counted in, the newest first."""
    async with database.begin(read_only=True) as session:
        found = await session.scalars(select(func.substr(Tally.day, 1, 7)).distinct())
        return sorted(found, reverse=True)


def table(kind: str, names: str, counts: dict[str, int]) -> Table:
    """A list as it may be published, the largest first."""
    total = sum(counts.values())
    hidden = hidden_in_line(counts)
    shown_total = total if total == 0 or total >= SMALLEST else None
    if hidden is None:
        return Table(kind, names, (), shown_total, True)
    # Hidden rows stand in the order of their names, or their order would tell which is larger.
    open_rows = sorted((name for name in counts if name not in hidden), key=lambda name: (-counts[name], name))
    if names == "wait":
        open_rows.sort(key=WAITS.index)
    rows = [Row(name, counts[name]) for name in open_rows] + [Row(name, None) for name in sorted(hidden)]
    return Table(kind, names, tuple(rows), shown_total, False)
