"""An attacker who has the report, knows the method, and counts everything that could have led to it."""

from __future__ import annotations

import itertools
from collections import defaultdict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from bot.reports.suppression import SMALLEST, hidden_in_line


def published_line(counts: dict[str, int]) -> tuple:
    """What a reader sees of a list: shown counts, which are hidden, the total; or the total alone."""
    hidden = hidden_in_line(counts)
    total = sum(counts.values())
    total_shown = total if total == 0 or total >= SMALLEST else None
    if hidden is None:
        return ("withheld", total_shown)
    return (tuple((name, None if name in hidden else count) for name, count in sorted(counts.items())), total_shown)


def test_no_small_count_of_a_list_can_be_worked_out_even_with_the_method_known():
    """Every list of four counts up to eleven: what looks the same must leave more than one answer for a small count."""
    alike: dict[tuple, list[tuple[int, ...]]] = defaultdict(list)
    for counts in itertools.product(range(12), repeat=4):
        alike[published_line(dict(zip("abcd", counts, strict=True)))].append(counts)
    for shown, possible in alike.items():
        for place in range(4):
            values = {counts[place] for counts in possible}
            assert not (len(values) == 1 and 0 < min(values) < SMALLEST), (shown, possible[:3])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some.dictionaries(some.sampled_from("abcdefgh"), some.integers(0, 60), min_size=1))
def test_a_small_count_is_never_shown_and_a_hidden_one_never_alone(counts):
    hidden = hidden_in_line(counts)
    if hidden is None:
        assert any(0 < count < SMALLEST for count in counts.values())
        return
    assert all(name in hidden for name, count in counts.items() if 0 < count < SMALLEST)
    assert not hidden or (len(hidden) > 1 and sum(counts[name] for name in hidden) >= SMALLEST)


def test_not_everything_is_withheld():
    """The proof above would also hold for a method that shows nothing."""
    topics = {"prep": 80, "test": 60, "rights": 45, "sti": 7, "abortion": 2}
    assert hidden_in_line(topics) == {"sti", "abortion"}
