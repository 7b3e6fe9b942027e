"""The attacker of test_suppression.py, before two-way tables: knows all totals, the method, and counts what is possible."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from bot.reports.cross import Cross, side_by_side, two_way
from bot.reports.disclosure import Count, exposed
from bot.reports.suppression import SMALLEST


def seen(cross: Cross) -> tuple:
    """All that a reader has, in an order that does not depend on what is hidden from them."""
    cells = {
        (row, column): cross.cells[y][x] for y, row in enumerate(cross.rows) for x, column in enumerate(cross.columns)
    }
    return (
        cross.withheld,
        cross.rows,
        cross.columns,
        tuple(sorted(cells.items())),
        tuple(zip(cross.rows, cross.row_totals, strict=False)),
        tuple(zip(cross.columns, cross.column_totals, strict=False)),
    )


def published(counts: dict[tuple[str, str], int]) -> tuple:
    return (sum(counts.values()), seen(two_way("x", "row", "column", counts)))


def all_tables(places: int, most: int):
    """Every list of so many counts with a sum of at most `most`: stars and bars."""
    for bars in itertools.combinations(range(most + places), places):
        yield tuple(end - start - 1 for start, end in itertools.pairwise((-1, *bars)))


def leaks(shape: tuple[int, int], most: int) -> list:
    """Every table of a shape with at most so many in all: places where all tables that look the same have one small
    value. The grand total is seen, so that whatever looks the same is among them."""
    places = [(f"r{r}", f"c{c}") for r in range(shape[0]) for c in range(shape[1])]
    alike: dict[tuple, list[tuple[int, ...]]] = defaultdict(list)
    for counts in all_tables(len(places), most):
        alike[published(dict(zip(places, counts, strict=True)))].append(counts)
    found = []
    for shown, possible in alike.items():
        for place in range(len(places)):
            held = {counts[place] for counts in possible}
            if len(held) == 1 and 0 < min(held) < SMALLEST:
                found.append((possible[:3], place))
    return found


@pytest.mark.parametrize(("shape", "most"), [((2, 2), 32), ((2, 3), 14), ((3, 3), 8)], ids=str)
def test_no_small_count_can_be_worked_out_by_somebody_who_knows_totals_and_method(shape, most):
    assert leaks(shape, most)[:5] == []


TABLES = some.dictionaries(
    some.tuples(some.sampled_from("abcdefg"), some.sampled_from("uvwxyz")), some.integers(1, 40), min_size=1
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(TABLES)
def test_large_tables_show_nothing_small_and_hold_nothing_back_alone(counts):
    """Without our own path-finding: what is shown is true and not small, and nothing is alone in its line."""
    cross = two_way("x", "row", "column", counts)
    for y, row in enumerate(cross.rows):
        for x, column in enumerate(cross.columns):
            cell = cross.cells[y][x]
            assert cell is None or cell == counts[row, column] >= SMALLEST
        total = cross.row_totals[y]
        assert total is None or total >= SMALLEST
        hidden = [x for x, cell in enumerate(cross.cells[y]) if cell is None]
        small = [x for x in hidden if counts.get((row, cross.columns[x]), 0) > 0]
        assert total is None or not small or len(hidden) > 1, "one alone is what is left of the total"
    for x, column in enumerate(cross.columns):
        total = cross.column_totals[x]
        hidden = [y for y, line in enumerate(cross.cells) if line[x] is None]
        small = [y for y in hidden if counts.get((cross.rows[y], column), 0) > 0]
        assert total is None or not small or len(hidden) > 1


def test_a_bridge_is_found():
    """Two blocks of held back cells with one cell between them: every line has two and more, and yet it is known."""
    rows, columns = "abcd", "uvwx"
    blocks = {("a", "u"), ("a", "v"), ("b", "u"), ("b", "v"), ("c", "w"), ("c", "x"), ("d", "w"), ("d", "x")}
    hidden = {**dict.fromkeys(blocks, 2), ("b", "w"): 3}
    counts = {}
    for row in rows:
        total = 0
        for column in columns:
            value = hidden.get((row, column), 9)
            total += value
            free = (0, 4) if (row, column) in hidden else (value, value)
            counts[row, column] = Count(("row", row), ("column", column), value, *free)
        counts["row", row] = Count(("all", "rows"), ("row", row), total, total, total)
    for column in columns:
        total = sum(counts[row, column].value for row in rows)
        counts["column", column] = Count(("column", column), ("all", "columns"), total, total, total)
    whole = sum(counts["row", row].value for row in rows)
    counts["all"] = Count(("all", "columns"), ("all", "rows"), whole, whole, whole)
    assert exposed(counts, SMALLEST) == [("b", "w")]


def test_not_everything_is_withheld():
    """The proofs above would also hold for a method that shows nothing."""
    counts = {(topic, language): count for topic, line in {
        "prep": (80, 41, 12, 2), "test": (60, 33, 9, 3), "rights": (45, 20, 3, 0), "sti": (12, 7, 0, 1),
    }.items() for language, count in zip(("es", "fr", "ar", "so"), line, strict=True)}  # fmt: skip
    cross = two_way("x", "topic", "language", counts)
    shown = [cell for line in cross.cells for cell in line if cell is not None]
    assert len(shown) >= 8 and not cross.withheld
    assert cross.row_totals == (135, 105, 68, 20)


def test_column_totals_are_shown_where_they_give_nothing_away():
    counts = {(row, column): 30 for row in "abcd" for column in "uvw"} | {
        ("a", "u"): 2, ("a", "v"): 3, ("b", "u"): 1, ("b", "v"): 4, ("c", "u"): 2, ("c", "v"): 1,
    }  # fmt: skip
    assert two_way("x", "topic", "language", counts).column_totals == (35, 38, 120)


def test_lists_beside_each_other_are_held_back_one_by_one():
    counts = {("prep", "made"): 40, ("prep", "reached"): 12, ("sti", "made"): 9, ("sti", "reached"): 2,
              ("pep", "made"): 3, ("pep", "reached"): 1}  # fmt: skip
    cross = side_by_side("x", "service", "step", ("made", "reached", "away"), counts)
    assert cross.rows == ("pep", "prep", "sti") and cross.row_totals == ()
    by_name = dict(zip(cross.rows, cross.cells, strict=True))
    assert by_name["prep"] == (40, None, 0) or by_name["prep"][0] == 40
    assert by_name["pep"][0] is None and by_name["sti"][0] is None
    assert [line[2] for line in cross.cells] == [0, 0, 0] and cross.column_totals == (52, 15, 0)
