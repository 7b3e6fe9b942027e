"""farol backup, farol restore: copies from which whoever is erased disappears."""

from __future__ import annotations

from pathlib import Path

import click

from bot import backup as backups
from bot import migrations
from bot.cli.console import out, quiet_logs, read_settings, run
from bot.db import Database
from bot.settings import Settings

data_argument = click.argument("data", type=click.Path(dir_okay=False, path_type=Path))
keys_option = click.option(
    "--keys", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file of the personal keys."
)


@click.command()
@data_argument
@keys_option
def backup(data: Path, keys: Path) -> None:
    """Write all data to the new file DATA and the personal keys to --keys, which is replaced, while Farol runs.

    Keep as many files of data as you like, but only the last file of keys, and neither beside the master key: a person
    who is erased is then erased from every older backup, too.
    """
    settings = read_settings()
    quiet_logs()
    run(_backup(settings, data, keys))


@click.command()
@data_argument
@keys_option
def restore(data: Path, keys: Path) -> None:
    """Fill an empty database from DATA and --keys. Whoever was erased between the two files stays erased."""
    settings = read_settings()
    quiet_logs()
    run(_restore(settings, data, keys))


async def _backup(settings: Settings, data: Path, keys: Path) -> int:
    database = Database(settings.database)
    try:
        await migrations.upgrade(database)
        copied = await backups.make(database, data, keys)
    finally:
        await database.close()
    out.print(f"{copied.rows} rows of {copied.people} people in {data}; their keys in {keys}.")
    return 0


async def _restore(settings: Settings, data: Path, keys: Path) -> int:
    database = Database(settings.database)
    try:
        await migrations.upgrade(database)
        copied = await backups.restore(database, data, keys)
    finally:
        await database.close()
    out.print(f"{copied.people} people restored; {copied.lost} had been erased and stay so. Next: farol migrate.")
    return 0
