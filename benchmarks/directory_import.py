"""How long it takes to bring many places in, and how much memory: `python -m benchmarks.directory_import`.

Makes an invented HSDS package (CSV) of about ten rows a place, imports it into an empty directory on SQLite and on a
real PostgreSQL, and once more, when nothing changes. Each import runs in a process of its own, so that its memory is
its own. The target is 100,000 places within 120 seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from zlib import crc32

from rich.console import Console
from rich.table import Table

import bot.directory.models  # noqa: F401 - its tables belong to Base
from bot.db import Base, Database
from bot.directory.exchange.importer import bring_in
from bot.directory.exchange.standard import FILES
from tools.postgres import postgres

TARGET_SECONDS = 120


def rows(places: int) -> Iterator[tuple[str, dict]]:
    """About ten rows a place; every organization runs five services."""
    chance = Random(5)

    def id_(table: str, number: int) -> str:
        return str(uuid.UUID(int=crc32(table.encode()) << 80 | number, version=4))

    for n in range(places):
        organization, service = id_("organization", n // 5), id_("service", n)
        location, there = id_("location", n), id_("there", n)
        if n % 5 == 0:
            yield "organization", {"id": organization, "name": f"Organization {n}", "description": "Runs services"}
        yield "service", {
            "id": service, "organization_id": organization, "name": f"Service {n}", "status": "active",
            "description": "Tests and advice for everybody, without an appointment.", "url": "https://example.org",
            "email": "help@example.org", "assured_date": "2026-01-31",
        }  # fmt: skip
        yield "location", {
            "id": location, "location_type": "physical", "name": f"House {n}", "organization_id": organization,
            "latitude": chance.uniform(36, 60), "longitude": chance.uniform(-9, 30),
        }  # fmt: skip
        yield "service_at_location", {"id": there, "service_id": service, "location_id": location}
        yield "address", {
            "id": id_("address", n), "location_id": location, "address_1": f"{n} Example Street", "city": "Town",
            "state_province": "State", "postal_code": "1000", "country": "FR", "address_type": "physical",
        }  # fmt: skip
        yield "phone", {"id": id_("phone", n), "service_id": service, "number": "+33 1 99 00 00 00", "type": "voice"}
        for day in range(2):
            yield "schedule", {
                "id": id_(f"schedule{day}", n), "service_at_location_id": there, "freq": "WEEKLY",
                "byday": "MO,TU,WE" if day else "TH,FR", "opens_at": "09:00", "closes_at": "17:00",
            }  # fmt: skip
        yield "language", {"id": id_("language", n), "service_id": service, "code": "fr", "name": "French"}
        yield "accessibility", {"id": id_("accessibility", n), "location_id": location, "description": "Lift"}


def write(folder: Path, places: int) -> int:
    """The package; returns how many rows it has."""
    files, writers, count = ExitStack(), {}, 0
    with files:
        for table, row in rows(places):
            if table not in writers:
                out = files.enter_context((folder / FILES[table]).open("w", newline="", encoding="utf-8"))
                writers[table] = csv.DictWriter(out, list(row))
                writers[table].writeheader()
            writers[table].writerow(row)
            count += 1
    return count


async def measure(url: str, folder: Path) -> dict:
    """One import in this process."""
    database = Database(url)
    started = time.perf_counter()
    outcome = await bring_in(database, folder, "benchmark")
    seconds = time.perf_counter() - started
    await database.close()
    tables = outcome.report.tables.values()
    return {
        "seconds": seconds,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "added": sum(counts[0] for counts in tables),
        "unchanged": sum(counts[2] for counts in tables),
        "refused": outcome.report.refused,
    }


async def prepare(url: str) -> None:
    """All tables, no rows."""
    database = Database(url)
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await database.close()


def run(name: str, url: str, folder: Path, places: int, table: Table) -> bool:
    """Twice the same file; True if the first was quick enough for its size."""
    asyncio.run(prepare(url))
    good = True
    for what in ("new", "unchanged"):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.directory_import", "--one", url, str(folder)],
            check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        result = json.loads(done.stdout)
        limit = TARGET_SECONDS * places / 100_000
        good &= result["seconds"] <= limit
        table.add_row(
            name, what, f"{places:,}", f"{result['added']:,}", f"{result['unchanged']:,}", f"{result['seconds']:.1f}",
            f"{limit:.1f}", f"{result['memory_mb']:.0f}",
        )  # fmt: skip
    return good


def main() -> int:
    """Exit code 1 when an import took longer than its share of the target."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--places", type=int, default=100_000)
    options.add_argument("--one", nargs=2, metavar=("URL", "FOLDER"), help="one import in this process, as JSON")
    given = options.parse_args()
    if given.one:
        print(json.dumps(asyncio.run(measure(given.one[0], Path(given.one[1])))))
        return 0
    table = Table(title=f"Import of an HSDS package (CSV), {os.cpu_count()} cores")
    for head in ("database", "file", "places", "rows added", "unchanged", "seconds", "at most", "memory, MB"):
        table.add_column(head, justify="left" if head in ("database", "file") else "right")
    with tempfile.TemporaryDirectory() as folder, postgres() as server:
        (package := Path(folder) / "package").mkdir()
        write(package, given.places)
        quick = run("SQLite", f"sqlite+aiosqlite:///{folder}/farol.db", package, given.places, table)
        quick &= run("PostgreSQL", server.create("benchmark"), package, given.places, table)
    Console(width=120).print(table)
    return 0 if quick else 1


if __name__ == "__main__":
    sys.exit(main())
