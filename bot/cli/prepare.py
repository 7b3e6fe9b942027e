"""Makes a database ready for work: tables, the gazetteer, the directory. Quick when nothing has changed."""

from __future__ import annotations

from rich.progress import Progress

from bot import migrations
from bot.cli.console import err
from bot.db import Database
from bot.directory import gazetteer, listing
from bot.settings import Settings


async def prepare(database: Database, settings: Settings) -> None:
    """Upgrade the schema, load the towns once, and bring the directory in step with content/directory.

    Raises ValueError with every fault of the directory's files; nothing of them is then written.
    """
    # Assistants on one PostgreSQL may start together.
    async with database.alone("prepare"):
        await migrations.upgrade(database)
        with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
            task = progress.add_task("Towns of the world", total=1.0)
            await gazetteer.build(database, lambda step, done: progress.update(task, description=step, completed=done))
        try:
            report = await listing.load(database, settings.content_dir / "directory")
        except listing.Faulty as error:
            raise ValueError(f"the directory's files have faults, nothing was changed:\n{error}") from error
    changes = {"added": len(report.added), "changed": len(report.changed), "inactive": len(report.missing)}
    if any(changes.values()):
        err.print("Directory: " + ", ".join(f"{count} {name}" for name, count in changes.items()))
