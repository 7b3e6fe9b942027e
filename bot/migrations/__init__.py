"""Brings a database to the present schema (Alembic). The same revisions run on SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from bot.db import Database

HERE = Path(__file__).resolve().parent


async def upgrade(database: Database, revision: str = "head") -> None:
    """Run the revisions that are missing, in one transaction; does nothing on a database that is up to date.

    Assistants that start together do it one after the other: the second finds nothing left to do.
    """
    async with database.alone("migrate"), database.engine.begin() as connection:
        await connection.run_sync(_upgrade, revision)


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration without an ini file: where the revisions are, and the connection to use."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection, revision: str) -> None:
    command.upgrade(alembic_config(connection), revision)
