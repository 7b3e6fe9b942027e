"""farol directory template: an empty list of places to fill in."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

import click

from bot.cli.console import err, fail, read_settings
from bot.directory.exchange.template import as_csv, as_workbook


@click.command()
@click.option("--format", "form", type=click.Choice(["xlsx", "csv"]), help="From the file's name when left out.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Else: stdout.")
def template(form: str | None, output: Path | None) -> None:
    """An empty list of places with all columns, choices to pick from and every column explained.

    Fill it in, then put it into content/directory or give it to `farol directory import`.
    """
    folder = read_settings().content_dir / "directory"
    if form is None:
        form = "xlsx" if output and output.suffix.lower() == ".xlsx" else "csv"
    if output and output.exists():
        fail(f"{output}: is there already; choose another name, or remove it first")
    if form == "csv":
        # With the mark by which Excel knows UTF-8.
        raw = b"\xef\xbb\xbf" + as_csv(folder).encode()
    else:
        as_workbook(folder).save(buffer := BytesIO())
        raw = buffer.getvalue()
    if output:
        output.write_bytes(raw)
        err.print(f"{output} written", markup=False)
    elif form == "xlsx" and sys.stdout.isatty():
        fail("a workbook is no text for a screen; give -o FILE.xlsx")
    else:
        click.get_binary_stream("stdout").write(raw)
