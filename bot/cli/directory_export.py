"""farol directory export: places out, for partners, for other programs and for a spreadsheet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.cli.console import err, fail, quiet_logs, read_settings, run
from bot.db import Database
from bot.directory.exchange import export_csv, export_json, export_sheet
from bot.directory.exchange.export import Amount, amount
from bot.directory.exchange.scope import Scope
from bot.settings import Settings

FORMS = {
    "json": "HSDS 3.0 JSON, nested, in one file",
    "csv": "HSDS 3.0 tabular files with datapackage.json, in a folder or a .zip",
    "xlsx": "the columns of content/directory, in a workbook",
    "sheet": "the same columns as CSV",
}


@click.command()
@click.option(
    "--format", "form", type=click.Choice(list(FORMS)), default="json", show_default=True,
    help="; ".join(f"{form}: {about}" for form, about in FORMS.items()) + ".",
)  # fmt: skip
@click.option(
    "-o", "--output", "path", type=click.Path(path_type=Path), help="File, folder or .zip; json and sheet: else here."
)
@click.option("--dataset", metavar="NAME", help="Only what this import brought; 'content' for content/directory.")
@click.option("--with-confidential", is_flag=True, help="Also places whose address must not be shown.")
@click.option("--with-samples", is_flag=True, help="Also invented places.")
def export(form: str, path: Path | None, dataset: str | None, with_confidential: bool, with_samples: bool) -> None:
    """Give the directory out. Confidential places and samples stay here unless you ask for them.

    The database must be up to date (farol migrate). Contacts and the change log are in json and csv: look at what you
    give to whom.
    """
    if path is None and form in ("csv", "xlsx"):
        fail(f"--format {form} needs -o: {'a folder or a .zip' if form == 'csv' else 'a file'}")
    quiet_logs()
    scope = Scope(dataset, confidential=with_confidential, samples=with_samples)
    run(_export(read_settings(), scope, form, path))


async def _export(settings: Settings, scope: Scope, form: str, path: Path | None) -> int:
    database = Database(settings.database)
    try:
        async with database.begin(read_only=True) as session:
            there = await amount(session, scope)
        if not there.services and not there.held_back and scope.dataset:
            fail(f"--dataset {scope.dataset}: no such dataset is in the database")
        async with database.begin(read_only=True) as session:
            with _progress(there.services) as done:
                left_out = await _write(session, scope, form, path, done)
    except DBAPIError as error:
        fail(f"the database cannot be read ({type(error.orig).__name__}); is it up to date? farol migrate", 1)
    finally:
        await database.close()
    _tell(there, path, left_out)
    return 0


async def _write(
    session: AsyncSession, scope: Scope, form: str, path: Path | None, done: Callable[[int], None]
) -> dict[str, int]:
    """Write the form; returns what did not fit it, by reason."""
    if form == "csv":
        await export_csv.write(session, scope, path, done)
        return {}
    if form == "xlsx":
        return (await export_sheet.write_xlsx(session, scope, path, done)).left_out
    with _file(path) as file:
        if form == "sheet":
            return (await export_sheet.write_csv(session, scope, file, done)).left_out
        await export_json.write(session, scope, file, done)
    return {}


@contextmanager
def _file(path: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that appears only when it is whole."""
    if path is None or str(path) == "-":
        yield sys.stdout
        return
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            yield file
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def _progress(services: int) -> Iterator[Callable[[int], None]]:
    bar = Progress(
        TextColumn("services"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=err, disable=not err.is_terminal, transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task("services", total=services)
        yield lambda count: bar.advance(task, count)


def _tell(there: Amount, path: Path | None, left_out: dict[str, int]) -> None:
    written = there.services - sum(left_out.values())
    err.print(f"{path or 'written'}: {written} services", markup=False)
    if there.held_back:
        err.print(
            f"{there.held_back} more stay here: confidential or samples (--with-confidential, --with-samples)",
            markup=False,
        )
    for reason, count in sorted(left_out.items(), key=lambda one: -one[1]):
        err.print(f"{count} do not fit these columns: {reason}", markup=False)
