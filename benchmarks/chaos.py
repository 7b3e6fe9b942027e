"""The long storm: `make chaos`. Kills, failing providers, a database that stops; the ledger decides, and it is written down.

python -m benchmarks.chaos --kills 200 --messages 10000 --people 500 --faults 0.3
python -m benchmarks.chaos --kills 3 --messages 60 --people 12          # a look
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.storm import Storm, Weather
from tools.postgres import Postgres, postgres

OUT = Path(__file__).parent / "chaos.json"


async def storm(weather: Weather, url: str | None, server: Postgres | None, outage: float, seed: int) -> dict:
    """One storm; its weather, its verdict, and how long it took."""

    async def stop_database(one: Storm) -> None:
        await asyncio.to_thread(server.stop, "immediate")
        await asyncio.sleep(outage)
        await asyncio.to_thread(server.start)

    begun = time.monotonic()
    async with Storm(weather, url, seed) as one:
        verdict = await one.run(*([stop_database] if server and outage else []))
        allowed = one.accepted_faults
    return {
        "database": "PostgreSQL" if url else "SQLite",
        **vars(weather),
        "database_away_s": outage if server else 0,
        **verdict.to_json(),
        "answers_lost_by_telegram_s_emulator": allowed,
        "seconds": round(time.monotonic() - begun),
    }


def main() -> int:
    """Run on both databases, print and write the figures; 1 when anything was lost or out of order."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--kills", type=int, default=200, help="of the assistant, on each database")
    options.add_argument("--engine-kills", type=int, default=20)
    options.add_argument("--messages", type=int, default=10_000)
    options.add_argument("--people", type=int, default=500)
    options.add_argument("--faults", type=float, default=0.3, help="share of provider calls that fail")
    options.add_argument("--outage", type=float, default=60, help="seconds that PostgreSQL is away")
    options.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--out", type=Path, default=OUT)
    chosen = options.parse_args()
    weather = Weather(
        messages=chosen.messages,
        people=chosen.people,
        kills=chosen.kills,
        engine_kills=chosen.engine_kills,
        faults=chosen.faults,
    )
    results = []
    if chosen.database != "postgresql":
        results.append(asyncio.run(storm(weather, None, None, 0, chosen.seed)))
    if chosen.database != "sqlite":
        with ExitStack() as stack:
            server = stack.enter_context(postgres())
            results.append(asyncio.run(storm(weather, server.create("storm"), server, chosen.outage, chosen.seed)))
    for result in results:
        print(json.dumps(result), flush=True)
    chosen.out.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    return int(any(result["lost"] or result["out_of_order"] for result in results))


if __name__ == "__main__":
    sys.exit(main())
