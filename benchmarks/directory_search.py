"""Measure the search for places at growing sizes, on SQLite and PostgreSQL; write benchmarks/directory.md.

.venv/bin/python -m benchmarks.directory_search [--sizes 10000 100000 1000000] [--questions 300]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks import directory_rivals, directory_table, machine
from benchmarks.directory_places import World, fill
from benchmarks.progress import Progress
from benchmarks.timings import summary
from bot import migrations
from bot.db import Database
from bot.directory import gazetteer, places
from bot.directory.search import search
from tools.postgres import NoPostgres, postgres

HERE = Path(__file__).resolve().parent
SIZES = (10_000, 100_000, 1_000_000)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SLIPS = ("Lodnon", "Barcelna", "Pais", "Athns", "Marseile", "Hambrg", "Istanbull", "Nairobbi", "Москав", "القاهره",
         "Лондон", "Pòtoprens", "أثينا", "lisbona", "st denis", "Santo Domigo", "Thesaloniki", "Palerno")  # fmt: skip
"""What people type for a town, with slips and in other scripts."""

Ask = Callable[[AsyncSession, float, float, str], Awaitable[Any]]


def main(arguments: list[str] | None = None) -> int:
    """Measure and write; 0, or 1 with the reason on standard error."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.directory_search", description=__doc__.split("\n")[0])
    options.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="numbers of places")
    options.add_argument("--questions", type=int, default=300, help="searches timed at each size")
    options.add_argument("--into", type=Path, default=HERE / "directory", help="files without ending to write to")
    chosen = options.parse_args(arguments)
    try:
        results = asyncio.run(_measure(sorted(chosen.sizes), chosen.questions))
    except NoPostgres as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    chosen.into.with_suffix(".json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    chosen.into.with_suffix(".svg").write_text(directory_table.plot(results), "utf-8")
    page = directory_table.page(results)
    chosen.into.with_suffix(".md").write_text(page, "utf-8")
    print(page)
    return 0


async def _measure(sizes: list[int], questions: int) -> dict[str, Any]:
    progress = Progress(2 * len(sizes) + 1)
    results: dict[str, Any] = {"machine": machine.describe(), "questions": questions, "sizes": sizes, "search": {}}
    results["machine"]["versions"] |= {"sqlalchemy": version("sqlalchemy"), "psycopg": version("psycopg")}
    with tempfile.TemporaryDirectory(prefix="farol-bench-") as folder, postgres() as server:
        for size in sizes:
            addresses = {
                "SQLite": f"sqlite+aiosqlite:///{folder}/{size}.db",
                "PostgreSQL": server.create(f"places_{size}"),
            }
            for name, url in addresses.items():
                progress.stage(f"{name}, {size} places")
                found = await _one(name, url, size, questions, progress)
                results["search"].setdefault(name, {})[str(size)] = found
        progress.stage("looking up towns")
        results["towns"] = await _towns(f"sqlite+aiosqlite:///{folder}/towns.db", progress)
    results["machine"]["load_after"] = machine.load()
    progress.end()
    return results


async def _one(name: str, url: str, size: int, questions: int, progress: Progress) -> dict[str, Any]:
    database = Database(url)
    try:
        await migrations.upgrade(database)
        began = time.monotonic()
        await fill(database, size, progress.at)
        async with database.begin() as session:
            await session.execute(text("ANALYZE"))
            results: dict[str, Any] = {"filled_s": round(time.monotonic() - began, 1)}
            results["version"] = await _version(session)
        for what, ask in _contenders().items():
            progress.note(what)
            results[what] = await _timed(database, ask, questions)
        for what, rival in directory_rivals.of(name).items():
            progress.note(what)
            # The plain way reads every row: fewer questions are enough, and bearable.
            few = questions if rival.indexed else max(10, min(questions, 3_000_000 // size))
            results[what] = await rival.measure(database, lambda ask, n=few: _timed(database, ask, n))
        return results
    finally:
        await database.close()


def _contenders() -> dict[str, Ask]:
    def asking(**filters: Any) -> Ask:
        async def ask(session: AsyncSession, latitude: float, longitude: float, kind: str) -> Any:
            return await search(session, kind, latitude, longitude, limit=5, now=NOON, **filters)

        return ask

    return {
        "nearest 5": asking(),
        "no papers, Arabic": asking(papers=False, language="ar"),
        "open now": asking(only_open=True),
    }


async def _timed(database: Database, ask: Ask, questions: int) -> dict[str, float]:
    """Milliseconds of one search in a transaction of its own, each somewhere else."""
    world = World(seed=2)
    warm, asked = world.points(20), world.points(questions)
    kinds = [world.kinds()[0] for _ in range(questions)]
    for latitude, longitude, _ in warm:
        async with database.begin(read_only=True) as session:
            await ask(session, latitude, longitude, "hiv_test")
    times = []
    gc.collect()
    gc.disable()
    for (latitude, longitude, _), kind in zip(asked, kinds, strict=True):
        began = time.perf_counter()
        async with database.begin(read_only=True) as session:
            await ask(session, latitude, longitude, kind)
        times.append(1000 * (time.perf_counter() - began))
    gc.enable()
    return summary(times)


async def _version(session: AsyncSession) -> str:
    sqlite = session.get_bind().dialect.name == "sqlite"
    return str(await session.scalar(text("SELECT sqlite_version()" if sqlite else "SHOW server_version")))


async def _towns(url: str, progress: Progress) -> dict[str, Any]:
    """Looking up what people type for a town."""
    database = Database(url)
    await migrations.upgrade(database)
    built = await gazetteer.build(database, lambda step, done: progress.at(f"{step} {done:.0%}"))
    times: list[float] = []
    for number in range(10):
        for typed in SLIPS:
            began = time.perf_counter()
            async with database.begin(read_only=True) as session:
                await places.resolve(session, typed)
            if number:  # the first round warms up
                times.append(1000 * (time.perf_counter() - began))
    await database.close()
    return {"places": built.places, "names": built.names, **summary(times)}


if __name__ == "__main__":
    sys.exit(main())
