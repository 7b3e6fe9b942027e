"""farol content: is everything in content/ usable, and how much of it is filled in and checked?"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, timedelta

import click

from bot.app import load_content
from bot.cli import content_exchange, content_inspection, content_preview
from bot.cli.console import fail, print_table, read_settings
from bot.content import coverage
from bot.content.countries import country_name
from bot.content.country_file import LINES
from bot.content.load import ContentError


@click.group()
def content() -> None:
    """Answers, facts, rules: the files that staff edit."""


@content.command()
@click.option(
    "--within", default=60, show_default=True, metavar="DAYS", help="Name the topics to be read again by then."
)
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
def status(within: int, as_json: bool) -> None:
    """What each country and each language has, what is still a draft, and what has to be read again."""
    settings = read_settings()
    try:
        edition = load_content(settings).edition
    except ContentError as error:
        fail(str(error))
    countries, languages = coverage.of_countries(edition), coverage.of_languages(edition)
    due = coverage.to_read_again(edition, date.today() + timedelta(days=within))
    if as_json:
        about = {
            "countries": [asdict(one) for one in countries],
            "languages": [asdict(one) for one in languages],
            "read_again": [{"topic": name, "by": day} for name, day in due],
        }
        print(json.dumps(about, ensure_ascii=False, indent=1, default=str))
        return
    heads = ["", "country", "state", "known", "unopened", "oldest", "lines", "unknown"]
    rows = [
        [
            one.code,
            country_name(one.code, "en"),
            "reviewed" if one.reviewed else "draft",
            f"{one.known} of {one.asked}",
            str(one.unopened),
            str(one.oldest or "-"),
            f"{len(one.lines)} of {len(LINES)}",
            ", ".join(one.unknown) or "-",
        ]
        for one in countries
    ]
    print_table(heads, rows, "unopened: sources nobody has opened yet; oldest: the day one was read longest ago", 3)
    rows = [[one.code, str(one.answers), str(one.reviewed)] for one in languages]
    print_table(["language", "answers", "reviewed"], rows, "The other answers are drafts", 1)
    for name, day in due:
        print(f"to be read again by {day}: {name}")


for command in (
    content_inspection.check,
    content_inspection.cost,
    content_inspection.in_step_,
    content_exchange.export,
    content_exchange.import_,
    content_exchange.diff,
    content_preview.preview,
):
    content.add_command(command)
