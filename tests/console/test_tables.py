"""The console's revision makes the tables its models describe, on both databases."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import bot.console.models
import bot.conversation.card
import bot.conversation.models
import bot.conversation.understanding
import bot.directory.models  # noqa: F401
from bot import migrations
from bot.db import Base, Database


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_models_and_revisions_agree(kind, tmp_path, postgres_server):
    url = (
        f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}" if kind == "sqlite" else postgres_server.create("console_tables")
    )
    database = Database(url)
    await migrations.upgrade(database)
    async with database.engine.connect() as connection:
        options = {"compare_type": True}
        found = await connection.run_sync(
            lambda plain: compare_metadata(MigrationContext.configure(plain, opts=options), Base.metadata)
        )
    await database.close()
    assert found == []
