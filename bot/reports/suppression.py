"""Keeps small counts out of what is published, and keeps them from being worked out from the rest.

A count of 1 to 4 is never shown. Where its line has a total, others are held back with it (complementary suppression),
so that subtracting what is shown from the total leaves several answers, for somebody who knows this method too: the
attacker of tests/reports/test_suppression.py tries. Zeros are shown: they say nothing about anybody who is counted.
"""

from __future__ import annotations

from collections.abc import Mapping

SMALLEST = 5
"""The smallest count that is shown."""

_SLACK = 3
"""How much the hidden cells of a line hold together beyond one each: any of them may then be anything from 1 to 4."""


def hidden_in_line(counts: Mapping[str, int]) -> frozenset[str] | None:
    """The names to hide in a list whose total is shown; None when the whole list must be withheld."""
    present = {name: count for name, count in counts.items() if count}
    if not any(count < SMALLEST for count in present.values()):
        return frozenset()
    if sum(present.values()) < SMALLEST:
        return None
    limit = SMALLEST - 1
    while True:
        # All of one size go together: with a tie left in sight, the one that was hidden could be told by its size.
        hidden = frozenset(name for name, count in present.items() if count <= limit)
        larger = [count for count in present.values() if count > limit]
        # Who knows the method knows that each is smaller than the smallest shown: not all may be just that.
        full = bool(larger) and sum(present[name] for name in hidden) == len(hidden) * (min(larger) - 1)
        if len(hidden) > 1 and _slack(present, hidden) >= _SLACK and not full:
            return hidden
        if not larger:
            return None
        limit = min(larger)


def _slack(counts: Mapping, hidden: set | frozenset) -> int:
    return sum(counts[one] - 1 for one in hidden)
