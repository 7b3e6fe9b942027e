"""farol directory: try the search that people get; what the files of places hold, and what has to be looked at again."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Any

import click
from rich.table import Table

from bot import migrations
from bot.cli.console import fail, out, print_table, quiet_logs, read_settings, run
from bot.cli.directory_export import export
from bot.cli.directory_import import import_
from bot.cli.directory_keeping import close, verify
from bot.cli.directory_template import template
from bot.cli.prepare import prepare
from bot.content.load import SERVICES
from bot.db import Database, now
from bot.directory import coverage, listing, places, search
from bot.directory.kept import Kept, kept
from bot.directory.rows import Row
from bot.settings import Settings


@click.group()
def directory() -> None:
    """Places that help, from content/directory."""


for _command in (import_, export, template, verify, close):
    directory.add_command(_command)


@directory.command("search")
@click.option("--near", required=True, metavar="PLACE|LAT,LON", help="A town's name, or degrees.")
@click.option("--service", type=click.Choice(SERVICES), help="Kind of service; any when left out.")
@click.option("--language", metavar="xx", help="Places known to speak it first.")
@click.option("--no-papers", is_flag=True, help="Places known to ask for no papers first.")
@click.option("--open", "only_open", is_flag=True, help="Only places known to be open now.")
@click.option("--json", "as_json", is_flag=True, help="The places as JSON.")
def find(near: str, service: str | None, language: str | None, no_papers: bool, only_open: bool, as_json: bool) -> None:
    """The nearest places for a service."""
    quiet_logs()
    wanted = {"language": language, "papers": False if no_papers else None, "only_open": only_open}
    run(_find(read_settings(), near, service, wanted, as_json))


async def _find(settings: Settings, near: str, service: str | None, wanted: dict[str, Any], as_json: bool) -> int:
    database = Database(settings.database)
    try:
        await prepare(database, settings)
        async with database.begin(read_only=True) as session:
            text = f"geo:{near}" if near.replace(",", "").replace(".", "").replace("-", "").strip().isdigit() else near
            resolution = await places.resolve(session, text)
            if not resolution.candidates:
                fail(f"--near {near}: no such town is known", 1)
            place = resolution.candidates[0]
            found = await search.search(
                session, service, place.latitude, place.longitude, limit=10, now=now(), **wanted
            )
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


@directory.command()
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
def stats(as_json: bool) -> None:
    """What the files of places and the imported data hold, country by country; the samples are not counted."""
    found = coverage.of_countries(_rows())
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=1))
        return
    heads = ["data", "country", "kinds of service", "places", "verified", "papers known", "reachable"]
    rows = [
        [
            one.dataset,
            one.country,
            ", ".join(f"{kind} {count}" for kind, count in one.kinds.items()) or "-",
            *map(str, (one.places, one.verified, one.papers_known, one.reachable)),
        ]
        for one in found
    ]
    print_table(heads, rows, "papers known: whether an identity paper or a status is asked for", 3)


@directory.command()
@click.option("--days", default=180, show_default=True, type=click.IntRange(1), help="Verified longer ago than this.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
def stale(days: int, as_json: bool) -> None:
    """The places nobody has verified lately: to be called or visited, then noted with `verify`."""
    found = coverage.stale(_rows(), now().date(), days)
    if as_json:
        print(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=1, default=str))
        return
    rows = [
        [one.id, one.name, one.country, str(one.verified or "never"), str(one.read or "-"), one.dataset]
        for one in found
    ]
    print_table(["id", "name", "country", "verified", "source read", "data"], rows, f"not verified for {days} days", 6)


def _rows() -> list[Row | Kept]:
    """All places in the files, then those that were imported; leaves with the faults of the files."""
    settings = read_settings()
    listed, faults = listing.check(settings.content_dir / "directory")
    if faults:
        fail("\n".join(faults))
    return [*(row for rows in listed.values() for row in rows), *asyncio.run(_kept(settings))]


async def _kept(settings: Settings) -> list[Kept]:
    database = Database(settings.database)
    try:
        await migrations.upgrade(database)
        async with database.begin(read_only=True) as session:
            return [one async for one in kept(session, listing.DATASET)]
    finally:
        await database.close()
