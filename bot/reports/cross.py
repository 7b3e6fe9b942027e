"""Two-way tables as they may be published: counts by two things at once, small ones held back in both directions.

In a two-way table whatever is under 5 is held back, nought included: most cells are empty, and which of them are is nothing
a reader needs. Rows have totals, published in a list of their own as well, with what that list holds back. Then it is tried
what a reader could work out (bot.reports.disclosure); a row in which something could be shows only what is larger, or
nothing. The columns' totals are shown, all of them, only if with them, too, nothing can be.

What is decided so depends on nothing but what is published, so that to know the method is of no use: complementary
suppression that picks the smallest cells to hide tells by its choice how large they are (Wong, Fu, Wang, Pei: Minimality
attack in privacy preserving data publishing. VLDB 2007). tests/reports/test_cross.py plays that reader.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from math import inf

from bot.reports.disclosure import Count, exposed
from bot.reports.suppression import SMALLEST, hidden_in_line

LIMITS = (SMALLEST, 20, 100, inf)
"""From which count on a row's cells are shown: the first that lets nothing be worked out. Fixed, and not chosen by the
counts themselves."""

Counts = Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Cross:
    """A table of `rows` by `columns`; None where a count is held back.

    `cells` is row by row. `row_totals` is empty where adding up a row would mean nothing (steps of the same thing).
    `row_names` and `column_names` say what the names are of: language, country, topic, ...
    """

    kind: str
    row_names: str
    column_names: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[int | None, ...], ...]
    row_totals: tuple[int | None, ...]
    column_totals: tuple[int | None, ...]
    withheld: bool = False


def two_way(kind: str, row_names: str, column_names: str, counts: Counts) -> Cross:
    """What may be published of counts by (row, column)."""
    rows, columns = _names(counts, 0), _names(counts, 1)
    totals = {row: sum(counts.get((row, column), 0) for column in columns) for row in rows}
    hidden_rows = hidden_in_line(totals)
    withheld = Cross(kind, row_names, column_names, (), (), (), (), (), withheld=bool(rows))
    if not rows or hidden_rows is None:
        return withheld
    # What a row's cells add up to says what its total is.
    limits = {row: inf if row in hidden_rows else SMALLEST for row in rows}
    while found := exposed(_network(rows, columns, counts, hidden_rows, limits, False), SMALLEST):
        coarser = {place[0] for place in found if place[-1] == "cell" and limits[place[0]] < inf}
        if not coarser:
            return withheld
        limits |= {row: next(limit for limit in LIMITS if limit > limits[row]) for row in coarser}
    sums = [sum(counts.get((row, column), 0) for row in rows) for column in columns]
    # Where a row had to be told more coarsely, a reader who knows why would learn more from the columns' totals.
    shown = min(sums) >= SMALLEST and set(limits.values()) == {SMALLEST}
    shown = shown and not exposed(_network(rows, columns, counts, hidden_rows, limits, True), SMALLEST)
    # Rows whose total is held back stand by name: their place would tell their size.
    rows.sort(key=lambda row: (row in hidden_rows, 0 if row in hidden_rows else -totals[row], row))
    return Cross(
        kind,
        row_names,
        column_names,
        tuple(rows),
        tuple(columns),
        tuple(
            tuple(counts[row, c] if counts.get((row, c), 0) >= limits[row] else None for c in columns) for row in rows
        ),
        tuple(None if row in hidden_rows else totals[row] for row in rows),
        tuple(sums) if shown else tuple(None for _ in columns),
    )


def side_by_side(kind: str, row_names: str, column_names: str, columns: tuple[str, ...], counts: Counts) -> Cross:
    """Lists over the same rows beside each other, each with its own total; a row is not added up.

    Each column is held back as a list is (bot.reports.suppression), and where a list would be withheld, the whole column.
    """
    rows = sorted({row for (row, column), count in counts.items() if count and column in columns})
    lines = {column: {row: counts.get((row, column), 0) for row in rows} for column in columns}
    hidden = {column: hidden_in_line(line) for column, line in lines.items()}
    cells = tuple(tuple(None if hidden[c] is None or r in hidden[c] else lines[c][r] for c in columns) for r in rows)
    sums = {column: sum(line.values()) for column, line in lines.items()}
    totals = tuple(None if 0 < sums[c] < SMALLEST else sums[c] for c in columns)
    return Cross(kind, row_names, column_names, tuple(rows), columns, cells, (), totals)


def _network(
    rows: list[str],
    columns: list[str],
    counts: Counts,
    hidden_rows: Container[str],
    limits: Mapping[str, float],
    sums: bool,
) -> dict[tuple, Count]:
    """The table as a reader sees it. `hidden_rows` have no total; cells below their row's limit are not shown; `sums`:
    columns have totals. A line that is there is not empty."""
    found: dict[tuple, Count] = {}
    top, bottom = ("all", "rows"), ("all", "columns")
    for row in rows:
        total = sum(counts.get((row, column), 0) for column in columns)
        found[row, "row"] = _seen(top, ("row", row), total, row not in hidden_rows, 1)
        for column in columns:
            value, edge = counts.get((row, column), 0), (("row", row), ("column", column))
            if value < limits[row]:
                found[row, column, "cell"] = Count(*edge, value, 0, limits[row] - 1)
            else:
                found[row, column, "cell"] = Count(*edge, value, value, value)
    for column in columns:
        total = sum(counts.get((row, column), 0) for row in rows)
        found[column, "column"] = _seen(("column", column), bottom, total, sums, 1)
    whole = sum(counts.values())
    found["all",] = Count(bottom, top, whole, whole, whole)
    return found


def _seen(start: tuple[str, str], end: tuple[str, str], value: int, shown: bool, least: int) -> Count:
    return Count(start, end, value, value, value) if shown else Count(start, end, value, least)


def _names(counts: Counts, side: int) -> list[str]:
    return sorted({key[side] for key, count in counts.items() if count})
