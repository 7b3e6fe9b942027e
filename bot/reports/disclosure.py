"""What somebody can work out from a two-way table of which cells are held back, though its totals are known.

Rows, columns and totals are a network: a row's total flows into its cells, these into the columns' totals, and all of them
into the grand total. A count that is held back can have another value exactly when there is a way round through others that
are held back, along which one is added and one taken away in turn. Finding one is finding a path.

Gusfield: A graph theoretic approach to statistical data security. SIAM Journal on Computing 17 (3), 1988, 552-571.
Hsu, Kao: Statistical disclosure control with general cell suppressions, where totals are held back as well.
Institute of Information Science, Academia Sinica, TR-IIS-02-002, 2002.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf

Node = tuple[str, str]


@dataclass(frozen=True)
class Count:
    """A number of a table, shown or not. `least` and `most` are what a reader who knows the method knows of it anyway."""

    start: Node
    end: Node
    value: int
    least: float = 0
    most: float = inf

    @property
    def shown(self) -> bool:
        """Whether a reader knows it."""
        return self.least == self.most


def exposed(counts: Mapping[object, Count], smallest: int) -> list[object]:
    """The keys of counts from 1 to smallest - 1 that can have one value only, in the order given.

    `counts` must be whole: in every node as much flows in as out.
    """
    steps = _steps(counts)
    return [
        key
        for key, one in counts.items()
        if 0 < one.value < smallest and not one.shown and not _can_differ(key, one, steps)
    ]


def _steps(counts: Mapping[object, Count]) -> dict[Node, list[tuple[Node, object]]]:
    """Where one can be moved to from each node, and by which count: forward by adding to it, backward by taking from it."""
    steps: dict[Node, list[tuple[Node, object]]] = {}
    for key, one in counts.items():
        if one.value < one.most:
            steps.setdefault(one.start, []).append((one.end, key))
        if one.value > one.least:
            steps.setdefault(one.end, []).append((one.start, key))
    return steps


def _can_differ(key: object, one: Count, steps: Mapping[Node, Iterable[tuple[Node, object]]]) -> bool:
    more = one.value < one.most and _leads(one.end, one.start, key, steps)
    return more or (one.value > one.least and _leads(one.start, one.end, key, steps))


def _leads(start: Node, end: Node, without: object, steps: Mapping[Node, Iterable[tuple[Node, object]]]) -> bool:
    seen, waiting = {start}, [start]
    while waiting:
        for node, key in steps.get(waiting.pop(), ()):
            if key == without or node in seen:
                continue
            if node == end:
                return True
            seen.add(node)
            waiting.append(node)
    return False
