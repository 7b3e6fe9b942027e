"""farol directory: try the search that people get."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.table import Table

from bot.cli.console import fail, out, quiet_logs, read_settings, run
from bot.cli.prepare import prepare
from bot.content.load import SERVICES
from bot.db import Database, now
from bot.directory import places, search
from bot.settings import Settings


@click.group()
def directory() -> None:
    """Places that help, from content/directory."""


@directory.command("search")
@click.option("--near", required=True, metavar="PLACE|LAT,LON", help="A town's name, or degrees.")
@click.option("--service", type=click.Choice(SERVICES), help="Kind of service; any when left out.")
@click.option("--json", "as_json", is_flag=True, help="The places as JSON.")
def find(near: str, service: str | None, as_json: bool) -> None:
    """The nearest places for a service."""
    quiet_logs()
    run(_find(read_settings(), near, service, as_json))


async def _find(settings: Settings, near: str, service: str | None, as_json: bool) -> int:
    database = Database(settings.database)
    try:
        await prepare(database, settings)
        async with database.begin(read_only=True) as session:
            text = f"geo:{near}" if near.replace(",", "").replace(".", "").replace("-", "").strip().isdigit() else near
            resolution = await places.resolve(session, text)
            if not resolution.candidates:
                fail(f"--near {near}: no such town is known", 1)
            place = resolution.candidates[0]
            found = await search.search(session, service, place.latitude, place.longitude, limit=10, now=now())
    finally:
        await database.close()
    if as_json:
        print(json.dumps([asdict(f) for f in found.found], ensure_ascii=False, indent=2, default=str))
        return 0
    table = Table("km", "name", "city", "kinds", "papers asked", "open now", title=f"Near {place.label()}")
    for f in found.found:
        open_now = {True: "yes", False: "no", None: "not known"}[f.open_now]
        table.add_row(f"{f.distance_km:.1f}", f.name, f.city or "", ", ".join(f.kinds), str(f.id_required), open_now)
    out.print(table)
    return 0
