"""The revisions lead to the tables that the models describe, on both databases, and back again."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

import bot.console.models
import bot.conversation.card
import bot.conversation.lessons
import bot.conversation.models
import bot.conversation.referral
import bot.conversation.understanding
import bot.directory.models  # noqa: F401
from bot import migrations
from bot.db import Base, Database
from tools.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}"
    server: Postgres = request.getfixturevalue("postgres_server")
    name = f"migrations_{tmp_path.name.lower().replace('-', '_')}"[:60]
    return server.create("".join(letter if letter.isalnum() else "_" for letter in name))


async def test_the_revisions_make_what_the_models_say(url: str):
    database = Database(url)
    await migrations.upgrade(database)
    await migrations.upgrade(database)  # a second time changes nothing

    def differences(connection: Connection) -> list:
        options = {
            "compare_type": True,
            "include_name": lambda name, kind, parents: not (name or "").startswith(("spot_tree", "ix_spot_point")),
        }
        return compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


async def test_every_revision_can_be_taken_back(url: str):
    database = Database(url)
    await migrations.upgrade(database)
    async with database.engine.begin() as connection:
        await connection.run_sync(lambda real: command.downgrade(migrations.alembic_config(real), "base"))
        left = await connection.run_sync(lambda real: inspect(real).get_table_names())
    assert set(left) <= {"alembic_version"}
    await migrations.upgrade(database)
    await database.close()


async def test_an_older_directory_is_emptied_and_people_stay(url: str):
    database = Database(url)
    await migrations.upgrade(database, "0001")
    async with database.engine.begin() as connection:
        for statement in (
            "INSERT INTO person (id, wrapped_key, created_at, last_seen_at) VALUES ('p', 'k', '2026-01-01', '2026-01-01')",
            "INSERT INTO organization (id, name, description) VALUES ('o', 'Org', '')",
            "INSERT INTO service (id, organization_id, name, status) VALUES ('s', 'o', 'Service', 'active')",
            "INSERT INTO listing (id, file, service_id, digest) VALUES ('l', 'places.csv', 's', 'd')",
        ):
            await connection.execute(text(statement))
    await migrations.upgrade(database)
    async with database.engine.connect() as connection:
        counts = [
            (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar()
            for table in ("person", "service", "listing")
        ]
    assert counts == [1, 0, 0]
    await database.close()
