"""What people ask for and do not get, and what they say of the answers: from the tallies, small counts held back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select

from bot.conversation.models import Tally
from bot.db import Database, now
from bot.reports.month import Table, table

KINDS = {
    "language_asked_for": "language",
    "intent_missing": "language",
    "services_missing": "service",
    "fact_missing": "fact",
}
"""The lists, and what their rows name."""

_MONTHS = 2
"""Whole months before this one. Not so many days back: what leaves such a window each day would tell small counts."""


_RATED = {"topic": 0, "language": 1, "version": 2}
"""How ratings are listed: by which part of their key."""


@dataclass(frozen=True)
class Wants:
    """This month and the two before: what is missing, and ratings as one list for each way to look at them."""

    missing: tuple[Table, ...]
    ratings: tuple[Table, ...]


async def wants(database: Database) -> Wants:
    """Everything asked for and missing, and how answers were rated."""
    months = now().year * 12 + now().month - 1 - _MONTHS
    since = f"{months // 12}-{months % 12 + 1:02}-01"
    query = (
        select(Tally.kind, Tally.key, func.sum(Tally.count))
        .where(Tally.day >= since, Tally.kind.in_([*KINDS, "helpful", "unhelpful"]))
        .group_by(Tally.kind, Tally.key)
    )
    counted: dict[str, Counter[str]] = {kind: Counter() for kind in [*KINDS, "helpful", "unhelpful"]}
    async with database.begin(read_only=True) as session:
        for kind, key, count in (await session.execute(query)).all():
            counted[kind][key] += int(count)
    return Wants(
        tuple(table(kind, names, dict(counted[kind])) for kind, names in KINDS.items()),
        tuple(
            table(f"{kind}_{by}", by, dict(_by(counted[kind], place)))
            for kind in ("unhelpful", "helpful")
            for by, place in _RATED.items()
        ),
    )


def _by(counts: Counter[str], place: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for key, count in counts.items():
        found[key.split("/")[place]] += count
    return found
