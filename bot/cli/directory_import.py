"""farol directory import: places out of files of others into the directory, with a report of every row."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import click
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from bot.cli.console import err, fail, out, print_table, quiet_logs, read_settings, run
from bot.cli.prepare import prepare
from bot.db import Database
from bot.directory.exchange.importer import Outcome, bring_in
from bot.directory.exchange.source import Unreadable
from bot.directory.intake import Fault
from bot.settings import Settings

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")
_SHOWN = 40


@click.command("import")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--dataset", metavar="NAME", help="What to call these data; the file's name when left out.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--retire", is_flag=True, help="No longer show places that this file does not have any more.")
@click.option("--strict", is_flag=True, help="Write nothing if any row is refused.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def import_(file: Path, dataset: str | None, dry_run: bool, retire: bool, strict: bool, as_json: bool) -> None:
    """Take places over from FILE: HSDS (JSON; CSV in a folder or .zip), OpenStreetMap (Overpass JSON), or a
    spreadsheet with the columns of `farol directory template`.

    Everything happens in one transaction; the same file twice changes nothing. A newer file of the same data must be
    given the same --dataset. Exit code 1: rows were refused; 2: nothing could be read.
    """
    quiet_logs()
    name = dataset if dataset is not None else _name_of(file)
    if not _NAME.fullmatch(name):
        fail(f"--dataset {name}: write a-z, 0-9, '.', '_' and '-', at most 60")
    run(_import(read_settings(), file, name, {"dry_run": dry_run, "retire": retire, "strict": strict}, as_json))


def _name_of(file: Path) -> str:
    """A name for the data: what the file is called, without its ending."""
    return re.sub(r"[^a-z0-9._-]+", "-", (file.resolve().stem or "data").lower()).strip("-._")[:60] or "data"


async def _import(settings: Settings, file: Path, dataset: str, how: dict[str, bool], as_json: bool) -> int:
    database = Database(settings.database)
    try:
        await prepare(database, settings)
        with Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
            console=err, transient=True, disable=not err.is_terminal,
        ) as bar:  # fmt: skip
            task = bar.add_task(file.name, total=1.0)
            outcome = await bring_in(
                database, file, dataset, **how,
                progress=lambda step, done: bar.update(task, description=step, completed=min(done, 1.0)),
            )  # fmt: skip
    except Unreadable as error:
        fail(f"nothing was changed: {error}")
    finally:
        await database.close()
    if as_json:
        print(json.dumps(_as_json(outcome, dataset), ensure_ascii=False, indent=1))
    else:
        _print(outcome, dataset, how)
    return 1 if outcome.report.refused else 0


def _as_json(outcome: Outcome, dataset: str) -> dict:
    report = outcome.report
    return {
        "form": outcome.form,
        "dataset": dataset,
        "written": outcome.written,
        **{name: list(getattr(report, name)) for name in ("added", "changed", "unchanged", "missing")},
        "retired": report.retired,
        "tables": {
            table: dict(zip(("added", "changed", "unchanged", "removed"), counts))
            for table, counts in report.tables.items()
        },
        "refused": [asdict(fault) for fault in report.faults if fault.refused],
        "warnings": [asdict(fault) for fault in report.faults if not fault.refused],
    }


def _print(outcome: Outcome, dataset: str, how: dict[str, bool]) -> None:
    report = outcome.report
    out.print(f"{outcome.form}; dataset {dataset}", markup=False)
    _print_faults([fault for fault in report.faults if fault.refused], "refused")
    _print_faults([fault for fault in report.faults if not fault.refused], "warnings")
    print_table(
        ["table", "added", "changed", "unchanged", "removed"],
        [[table, *map(str, counts)] for table, counts in report.tables.items()],
        "rows",
        1,
    )
    print_table(
        ["places added", "changed", "unchanged", "missing", "rows refused"],
        [[*(str(len(getattr(report, name))) for name in ("added", "changed", "unchanged", "missing")),
          str(report.refused)]],
        "places",
        0,
    )  # fmt: skip
    if report.missing:
        now = "no longer shown" if report.retired else "still shown; --retire hides them"
        out.print(f"Not in this file any more ({now}):", markup=False)
        for id_ in report.missing:
            out.print(f"  {id_}", markup=False)
    if not outcome.written:
        why = "a dry run" if how["dry_run"] else "rows were refused (--strict)"
        out.print(f"Nothing was written: {why}.", markup=False)


def _print_faults(faults: list[Fault], title: str) -> None:
    """All of them when piped; on a screen the first ones and how many more there are."""
    if not faults:
        return
    shown = faults[:_SHOWN] if out.is_terminal else faults
    print_table(["where", "column", title], [[one.where, one.column, one.reason] for one in shown], title, 3)
    if len(shown) < len(faults):
        out.print(f"... and {len(faults) - len(shown)} more; --json lists all", markup=False)
