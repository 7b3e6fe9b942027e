"""A month's report from what was counted as it happened: lists with small counts held back."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from sqlalchemy import func, select

from bot.conversation.models import Tally
from bot.conversation.tallies import WAITS, this_month
from bot.db import Database
from bot.reports.cross import Cross, side_by_side, two_way
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


TWO_WAY = {"topic_language": "language", "topic_country": "country"}
"""The two-way tables: topics by these. Their tallies' keys are topic and column, with a space between."""

STEPS = (
    "made", "asked", "reached_person", "reached_service", "reached_team", "away_person", "away_service", "away_team",
    "other_person", "waiting_person", "taken_back",
)  # fmt: skip
"""What is counted of referrals; who said so is the second word. One referral may be in several, so that nothing is added
up across them: a person's word and a service's cannot be told to be about the same referral."""

ACTIVITY = ("people", *STEPS[:8])
"""The columns of the monthly activity by territory."""


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
    crosses: tuple[Cross, ...] = ()
    unfinished: bool = False
    """The month is not over: what is given out now, and again later, tells what came in between."""


async def report(database: Database, month: str) -> Report:
    """The report of a month. Raises NotAMonth."""
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", month):
        raise NotAMonth(f"{month}: expected a month such as 2026-11")
    steps = {f"referral_{step}": step for step in STEPS}
    query = (
        select(Tally.kind, Tally.key, func.sum(Tally.count))
        .where(Tally.day >= f"{month}-01", Tally.day <= f"{month}-31", Tally.kind.in_([*TABLES, *TWO_WAY, *steps]))
        .group_by(Tally.kind, Tally.key)
    )
    counted: dict[str, dict[str, int]] = {kind: {} for kind in (*TABLES, *TWO_WAY, *steps)}
    async with database.begin(read_only=True) as session:
        for kind, key, count in (await session.execute(query)).all():
            counted[kind][key] = int(count)
    # Not in the event loop: what a two-way table may show takes some tenths of a second to find out.
    return await asyncio.to_thread(_made, month, counted, steps)


def _made(month: str, counted: dict[str, dict[str, int]], steps: dict[str, str]) -> Report:
    lists = tuple(table(kind, names, counted[kind]) for kind, names in TABLES.items())
    pairs = {kind: {_pair(key): count for key, count in counted[kind].items()} for kind in (*TWO_WAY, *steps)}
    crosses = [_topics(kind, names, pairs[kind], counted["topic"]) for kind, names in TWO_WAY.items()]
    referrals = {(*pair, step): count for kind, step in steps.items() for pair, count in pairs[kind].items()}
    by_service, by_country = _summed(referrals, 0), _summed(referrals, 1)
    by_country |= {(country, "people"): count for country, count in counted["people_country"].items()}
    crosses.append(side_by_side("referrals", "service", "step", STEPS, by_service))
    crosses.append(side_by_side("activity", "territory", "step", ACTIVITY, by_country))
    return Report(month, lists, tuple(crosses), month >= this_month())


def _topics(kind: str, names: str, counts: dict[tuple[str, str], int], topics: dict[str, int]) -> Cross:
    sums: dict[str, int] = {}
    for (topic, _), count in counts.items():
        sums[topic] = sums.get(topic, 0) + count
    found = two_way(kind, "topic", names, counts)
    if sums != topics:
        # Counted in part of the month only, with an older release: what is missing could be worked out.
        return Cross(kind, "topic", names, (), (), (), (), (), withheld=True)
    return found


def _pair(key: str) -> tuple[str, str]:
    first, _, second = key.partition(" ")
    return first, second


def _summed(referrals: dict[tuple[str, str, str], int], side: int) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for key, count in referrals.items():
        found[key[side], key[2]] = found.get((key[side], key[2]), 0) + count
    return found


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
