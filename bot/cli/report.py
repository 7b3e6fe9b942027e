"""farol report: a month in figures, with small counts held back."""

from __future__ import annotations

from pathlib import Path

import click
from jinja2 import Environment, FileSystemLoader, select_autoescape

from bot import migrations
from bot.app import load_content
from bot.cli.console import fail, out, quiet_logs, read_settings, run
from bot.console.names import row_name
from bot.console.words import LANGUAGES, Book
from bot.db import Database
from bot.reports import files
from bot.reports.month import NotAMonth, Report
from bot.reports.month import report as report_of
from bot.settings import Settings

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_CONSOLE = Path(__file__).resolve().parents[1] / "console" / "templates"


@click.command()
@click.option("--month", required=True, metavar="YYYY-MM", help="The month, e.g. 2026-11.")
@click.option("--format", "kind", type=click.Choice(["html", "xlsx", "csv", "json"]), default="html", show_default=True)
@click.option("--language", type=click.Choice(LANGUAGES), default=LANGUAGES[0], show_default=True)
@click.option("--to", "path", type=click.Path(path_type=Path, dir_okay=False), help="The file; else one named here.")
def report(month: str, kind: str, language: str, path: Path | None) -> None:
    """Write a month's report: people, topics, places found, what was handed over, how long people waited.

    Counts under 5 are held back, and others where they would give one away. Nothing in it is about one person.
    """
    quiet_logs()
    run(_report(read_settings(), month, kind, language, path or Path(f"farol-{month}.{kind}")))


async def _report(settings: Settings, month: str, kind: str, language: str, path: Path) -> int:
    database = Database(settings.database)
    try:
        await migrations.upgrade(database)
        found = await report_of(database, month)
    except NotAMonth as error:
        fail(f"--month {error}")
    finally:
        await database.close()
    path.write_bytes(files.as_json(found) if kind == "json" else _for_people(settings, found, kind, language))
    out.print(f"{path}: {month}", markup=False)
    return 0


def _for_people(settings: Settings, found: Report, kind: str, language: str) -> bytes:
    say = Book(settings.content_dir / "console", settings.team_timezone).of(language)
    name = row_name(say, load_content(settings))
    if kind == "csv":
        return files.as_csv(found, say, name)
    if kind == "xlsx":
        return files.as_xlsx(found, say, name, say.direction == "rtl")
    templates = Environment(loader=FileSystemLoader([_TEMPLATES, _CONSOLE]), autoescape=select_autoescape(), trim_blocks=True)
    return templates.get_template("report.html").render(report=found, t=say, name=name).encode()
