"""farol doctor: is everything in order that Farol needs, here and at the providers, and what to do if not."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.table import Table

from bot.cli import checkup, checkup_providers
from bot.cli.checkup import Check
from bot.cli.console import out, quiet_logs, read_settings, run
from bot.settings import Settings

_MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "fault": "[bold red]fault[/]", "off": "[dim]off[/]"}


@click.command()
@click.option("--local", is_flag=True, help="Ask no provider and not the public address: this machine only.")
@click.option("--json", "as_json", is_flag=True, help="The checks as JSON.")
def doctor(local: bool, as_json: bool) -> None:
    """Check settings, disk, key, database, content, models, engine, clock, providers and their webhooks.

    Nothing is changed and nobody is written to. Exit code 1 when there is a fault.
    """
    quiet_logs()
    run(_doctor(read_settings(), local, as_json))


async def _doctor(settings: Settings, local: bool, as_json: bool) -> int:
    checks = [*await checkup.local(settings), *([] if local else await checkup_providers.remote(settings))]
    if as_json:
        print(json.dumps([asdict(check) for check in checks], ensure_ascii=False, indent=2))
    else:
        _print(checks)
    return int(any(check.state == "fault" for check in checks))


def _print(checks: list[Check]) -> None:
    if not out.is_terminal:
        for check in checks:
            print(f"{check.state}\t{check.name}\t{check.said}\t{check.do}")
        return
    table = Table("", "what", "found", "what to do")
    for check in checks:
        table.add_row(_MARKS[check.state], check.name, check.said, check.do)
    out.print(table)
