"""Lists of milliseconds and what is reported of them."""

from __future__ import annotations

import math
from statistics import median


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` (0..1) of the values do not exceed (nearest rank; nothing invented)."""
    if not values:
        raise ValueError("percentile of nothing")
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def summary(values: list[float]) -> dict[str, float]:
    """{"n", "p50", "p95", "p99"} in the unit of `values`."""
    found = {f"p{round(100 * share)}": round(percentile(values, share), 3) for share in (0.5, 0.95, 0.99)}
    return {"n": len(values), **found}


def middle(values: list[float]) -> float:
    """The median, rounded for reading."""
    return round(median(values), 3)
