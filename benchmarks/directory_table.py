"""The page and the plot of the directory's measurements."""

from __future__ import annotations

from math import log10
from typing import Any

_WAYS = ("nearest 5", "no papers, Arabic", "open now", "plain: haversine over all rows", "PostGIS, KNN")
_COLOURS = {"SQLite": "#1f6feb", "PostgreSQL": "#b35900"}
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 720, 360, 70, 50


def page(results: dict[str, Any]) -> str:
    """Markdown."""
    about = results["machine"]
    versions = {name: sizes[max(sizes, key=int)]["version"] for name, sizes in results["search"].items()}
    lines = [
        "# How fast places are found",
        "",
        "Written by `make bench-directory` (benchmarks/directory_search.py); do not edit.",
        "",
        f"{about['date']}, {about['cpu']}, {about['cores']} cores, {about['memory_gb']} GB, {about['system']}, "
        f"load before {about['load_before']}, after {about['load_after']}, commit {about['commit']}. "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f", SQLAlchemy {about['versions']['sqlalchemy']}, psycopg {about['versions']['psycopg']}.",
        "",
        f"Milliseconds of {results['questions']} searches, each in a transaction of its own and somewhere else, where",
        "people live. Farol's rows include everything that is shown of five places, opening hours evaluated; the rivals",
        "return ids and distances only. The times include Python, SQLAlchemy and the driver.",
        "",
        "| | places | | p50 | p95 | p99 | p95, rival / Farol's nearest 5 |",
        "|---|--:|---|--:|--:|--:|--:|",
    ]
    for database, sizes in results["search"].items():
        for size in sorted(sizes, key=int):
            base = sizes[size]["nearest 5"]["p95"]
            for way in _WAYS:
                if way not in sizes[size]:
                    continue
                found = sizes[size][way]
                name = f"| {database} | {int(size):,} | {way} |"
                if "missing" in found:
                    lines.append(f"{name} not measured: {found['missing']} | | | |")
                    continue
                ratio = "" if way in _WAYS[:3] else f"{found['p95'] / base:.1f}"
                lines.append(f"{name} {found['p50']:.2f} | {found['p95']:.2f} | {found['p99']:.2f} | {ratio} |")
    towns = results["towns"]
    lines += [
        "",
        "![p95 of the nearest five against the number of places](directory.svg)",
        "",
        f"Looking up what people type for a town, with slips and in other scripts ({towns['places']:,} places, "
        f"{towns['names']:,} names, SQLite): p50 {towns['p50']:.2f} ms, p95 {towns['p95']:.2f} ms, "
        f"p99 {towns['p99']:.2f} ms.",
        "",
    ]
    return "\n".join(lines)


def plot(results: dict[str, Any]) -> str:
    """An SVG: p95 in milliseconds against the number of places, both axes logarithmic."""
    series = {
        (database, way): [(int(size), found[way]["p95"]) for size, found in sorted(sizes.items(), key=lambda s: int(s[0]))
                          if way in found and "p95" in found[way]]
        for database, sizes in results["search"].items()
        for way in ("nearest 5", "plain: haversine over all rows", "PostGIS, KNN")
    }  # fmt: skip
    series = {name: points for name, points in series.items() if points}
    values = [value for points in series.values() for _, value in points]
    sizes = [size for points in series.values() for size, _ in points]
    low, high = 10 ** int(log10(min(values)) - (min(values) < 1)), 10 ** (int(log10(max(values))) + 1)
    first, last = min(sizes), max(sizes) if max(sizes) > min(sizes) else 10 * min(sizes)

    def at(size: float, value: float) -> tuple[float, float]:
        across = log10(size / first) / log10(last / first)
        up = log10(value / low) / log10(high / low)
        return _LEFT + across * (_WIDTH - _LEFT - 190), _HEIGHT - _BOTTOM - up * (_HEIGHT - _BOTTOM - 20)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif"'
        ' font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
    ]
    tick = low
    while tick <= high:
        x, y = at(first, tick)
        end = at(last, tick)[0]
        parts.append(f'<path d="M{x:.0f} {y:.0f}H{end:.0f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 8:.0f}" y="{y + 4:.0f}" text-anchor="end">{tick:g} ms</text>')
        tick *= 10
    for size in sorted(set(sizes)):
        x, y = at(size, low)
        parts.append(f'<text x="{x:.0f}" y="{y + 20:.0f}" text-anchor="middle">{size:,}</text>')
    parts.append(f'<text x="{_LEFT}" y="{_HEIGHT - 8}">places</text>')
    dashes = {"nearest 5": "", "plain: haversine over all rows": "2 4", "PostGIS, KNN": "8 4"}
    taken: list[float] = []
    for (database, way), points in series.items():
        path = " ".join(
            f"{'L' if number else 'M'}{x:.1f} {y:.1f}" for number, (x, y) in enumerate(at(*p) for p in points)
        )
        colour = _COLOURS[database]
        parts.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes[way]}"/>'
        )
        x, y = at(*points[-1])
        while any(abs(y - other) < 14 for other in taken):
            y += 14
        taken.append(y)
        name = way.split(":")[0].replace("nearest 5", "Farol")
        parts.append(f'<text x="{x + 8:.0f}" y="{y + 4:.0f}" fill="{colour}">{database}, {name}</text>')
    return "".join(parts) + "</svg>\n"
