"""farol learn: what was labelled in the console, as training data."""

from __future__ import annotations

from pathlib import Path

import click

from bot import migrations
from bot.cli.console import out, quiet_logs, read_settings, run
from bot.db import Database
from bot.learning import training
from bot.learning.queue import Queue
from bot.settings import Settings
from bot.vault import open_vault


@click.group()
def learn() -> None:
    """Sentences the program did not understand well; they are labelled in the console, under Learn."""


@learn.command()
@click.option(
    "--to", "folder", required=True, type=click.Path(path_type=Path, file_okay=False),
    help="A folder with one folder a language, such as nlu/data.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what there is, write nothing.")
def export(folder: Path, dry_run: bool) -> None:
    """Write labelled sentences into FOLDER/<language>/learned.yml, in Rasa's format; what is there stays.

    Read them before you commit them. Names, numbers, addresses and places were taken out when they were kept; what no
    rule could see, you will.
    """
    quiet_logs()
    run(_export(read_settings(), folder, dry_run))


async def _export(settings: Settings, folder: Path, dry_run: bool) -> int:
    database = Database(settings.database)
    queue = Queue(open_vault(settings))
    try:
        await migrations.upgrade(database)
        async with database.begin(read_only=True) as session:
            items = await queue.labelled(session)
        examples = training.examples_of(items)
        if not dry_run:
            for path in training.write(folder, examples):
                out.print(str(path), markup=False)
            # After the files: broken off here, they are written again, and nothing is in them twice.
            async with database.begin() as session:
                await queue.exported(session, items)
    finally:
        await database.close()
    count = sum(len(sentences) for intents in examples.values() for sentences in intents.values())
    out.print(f"{count} sentences in {len(examples)} languages{', not written' if dry_run else ''}", markup=False)
    return 0
