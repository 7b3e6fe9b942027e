"""How long it takes to give a directory out, and to answer partners, and how much memory it needs.

    .venv/bin/python -m benchmarks.directory_giving --places 100000
    .venv/bin/python -m benchmarks.directory_giving --places 100000 --postgresql

The places are invented, of even density around the world, with what a listing usually says; 1 in 100 is confidential.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import fields
from datetime import date
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import insert

import bot.directory.models  # noqa: F401 - its tables belong to Base
from bot.db import Base, Database
from bot.directory import spots
from bot.directory.api.server import PREFIX, DirectoryApi
from bot.directory.exchange import export_csv, export_json, export_sheet
from bot.directory.exchange.scope import Scope
from bot.directory.hsds import TABLES
from bot.directory.intake import ensure_terms
from bot.directory.listing import entries
from bot.directory.models import Listing
from bot.directory.rows import Row
from bot.directory.terms import SERVICE_KINDS, Answer, kind_term, stable_id

_SEED = 20261122
_BATCH = 2000
_REQUESTS = 20


def row(number: int, chance: random.Random) -> Row:
    """An invented place."""
    values = {field.name: "" for field in fields(Row)} | {
        "id": f"place-{number}", "organization": f"Organization {number // 3}", "name": f"Clínica número {number}",
        "kinds": tuple(chance.sample(SERVICE_KINDS, 3)), "description": "Tests, advice and support, free of charge. " * 3,
        "address": "Rua das Flores 1", "city": "Lisbon", "country": "PT", "latitude": chance.uniform(-60, 70),
        "longitude": chance.uniform(-180, 180), "precision": "exact", "phone": "+351 21 300 0000",
        "hours": "Mo-Fr 09:00-17:00", "languages": ("en", "pt"), "source_read": date(2026, 1, 31),
        "last_verified": date(2026, 2, 1), "state": "draft", "populations": (), "documents": (), "dates": (),
        "translations": (), "closed_until": None, "postal_code": f"{number % 9000 + 1000}",
    }  # fmt: skip
    for name in [field.name for field in fields(Row) if field.type == "Answer"]:
        values[name] = chance.choice((Answer.YES, Answer.NO, Answer.UNKNOWN))
    values |= {"sample": Answer.NO, "mobile": Answer.NO, "confidential": Answer.YES if number % 100 == 0 else Answer.NO}
    return Row(**values)


async def fill(database: Database, places: int) -> None:
    """Write that many places, past the import's comparisons."""
    chance = random.Random(_SEED)
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with database.begin() as session:
        await ensure_terms(session)
        organizations: set[str] = set()
        for start in range(0, places, _BATCH):
            rows: dict[str, list[dict]] = {name: [] for name in TABLES}
            listed = []
            for number in range(start, min(start + _BATCH, places)):
                for entry in entries(row(number, chance)):
                    if entry.table == "organization":
                        if entry.values["id"] in organizations:
                            continue
                        organizations.add(entry.values["id"])
                    columns = TABLES[entry.table].__table__.columns
                    rows[entry.table].append({one.name: entry.values.get(one.name) for one in columns})
                id_ = f"place-{number}"
                listed.append({"id": id_, "dataset": "content", "service_id": stable_id("service", id_)})
            for name, table in TABLES.items():
                if rows[name]:
                    await session.execute(insert(table.__table__), rows[name])
            await session.execute(insert(Listing.__table__), listed)
        await spots.refresh(session)


async def measure(database: Database, places: int, folder: Path) -> None:
    """Print a line for each thing measured."""
    scope = Scope(confidential=False, samples=False)

    async def exported(name: str, work: Callable[..., Awaitable[object]]) -> None:
        start = time.perf_counter()
        async with database.begin(read_only=True) as session:
            await work(session)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{name:<44}{time.perf_counter() - start:9.1f} s {peak:9.0f} MB at most so far")

    with (folder / "out.json").open("w") as file:
        await exported("export --format json", lambda session: export_json.write(session, scope, file))
    await exported("export --format csv", lambda session: export_csv.write(session, scope, folder / "out"))
    with (folder / "out.csv").open("w", newline="") as file:
        await exported("export --format sheet", lambda session: export_sheet.write_csv(session, scope, file))

    app = web.Application()
    app.add_routes(DirectoryApi(database, "http://127.0.0.1").routes())
    async with TestClient(TestServer(app)) as client:
        term = kind_term("prep")
        for path in (
            "/services", f"/services?page={places // 50}", "/services?full=true&per_page=100", "/services?minimal=true",
            "/services?search=clinica+numero+77", f"/services?taxonomy_term_id={term}", "/organizations",
            "/organizations?full=true", "/taxonomy_terms", "/service_at_locations",
            "/service_at_locations?proximity=50000,38.7,-9.1", "/service_at_locations?proximity=50000&postcode=1234",
            f"/services/{stable_id('service', 'place-1')}",
        ):  # fmt: skip
            took = []
            for _ in range(_REQUESTS):
                start = time.perf_counter()
                response = await client.get(PREFIX + path)
                await response.read()
                took.append((time.perf_counter() - start) * 1000)
            assert response.status in (200, 400), await response.text()
            name = path if len(path) < 60 else path[:57] + "..."
            print(f"{name:<60} p50 {statistics.median(took):7.0f} ms   max {max(took):7.0f} ms")


async def run(url: str, places: int, folder: Path) -> None:
    """Fill and measure one database."""
    database = Database(url)
    start = time.perf_counter()
    await fill(database, places)
    print(f"{places} places on {database.engine.dialect.name}, made in {time.perf_counter() - start:.0f} s")
    await measure(database, places, folder)
    await database.close()


def main() -> int:
    """Measure once, on a database of its own that is removed."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--places", type=int, default=100_000)
    options.add_argument("--postgresql", action="store_true", help="on a real PostgreSQL; else on SQLite")
    chosen = options.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite+aiosqlite:///{folder}/farol.db"
        if chosen.postgresql:
            from tools.postgres import postgres

            url = stack.enter_context(postgres()).create("giving")
        asyncio.run(run(url, chosen.places, folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
