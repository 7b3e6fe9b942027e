"""farol settings: every setting, its value now, and what it does."""

from __future__ import annotations

import json

import click
from pydantic import SecretStr
from rich.table import Table

from bot.cli.console import out, read_settings
from bot.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def settings(as_json: bool) -> None:
    """Show every setting; secrets only as set or not set."""
    present = read_settings()
    rows = []
    for name, field in Settings.model_fields.items():
        value = getattr(present, name)
        shown = "set" if isinstance(value, SecretStr) else "not set" if value is None else str(value)
        rows.append((field.validation_alias or f"FAROL_{name.upper()}", shown, field.description))
    if as_json:
        print(json.dumps([dict(zip(("name", "value", "means"), row, strict=True)) for row in rows], indent=2))
        return
    table = Table("setting", "now", "what it does")
    for row in rows:
        table.add_row(*row)
    out.print(table)
