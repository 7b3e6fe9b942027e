"""A whole assistant around a fake engine and a fake channel, on a real SQLite file and on a real PostgreSQL."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import text

from bot import migrations
from bot.content.render import Content, Promises
from bot.conversation.answering import Answer
from bot.conversation.inbox import Inbox
from bot.conversation.sender import Sender
from bot.conversation.worker import Workers
from bot.db import Database
from bot.messages import Inbound
from bot.safety.screen import load_screen
from bot.vault import Vault
from nlu.languages import load_languages
from tests.conftest import SHIPPED
from tests.conversation.fakes import FakeChannel, FakeEngine
from tools.postgres import Postgres

CONTENT = Path(__file__).resolve().parents[2] / "content"


@pytest.fixture(scope="session")
def content() -> Content:
    return Content(CONTENT, load_languages(), Promises(transcript_days=7, human_contact="+44 20 7946 0000"))


@pytest.fixture(scope="session")
def screen():
    return load_screen(CONTENT / "safety", SHIPPED)


@dataclass
class Assistant:
    """What a test drives: `receive` a message, then look at `channel.sent`."""

    database: Database
    vault: Vault
    engine: FakeEngine
    channel: FakeChannel
    inbox: Inbox
    workers: Workers
    sender: Sender
    answers: list[Answer]

    async def receive(self, text: str = "", sender: str = "+15005550006", **fields) -> list[str]:
        """Accept one message, answer it, send the answer; returns the texts sent because of it."""
        before = len(self.channel.sent)
        number = fields.pop("provider_id", secrets.token_hex(8))
        await self.inbox.accept(Inbound(self.channel.traits.name, number, sender, text, **fields))
        await self.workers.drain()
        await self.sender.drain()
        return [message.text for _, message in self.channel.sent[before:]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated(tmp_path_factory) -> Path:
    """A SQLite file with all tables, to be copied: quicker than migrating for every test."""
    path = tmp_path_factory.mktemp("migrated") / "farol.db"
    database = Database(f"sqlite+aiosqlite:///{path}")
    await migrations.upgrade(database)
    async with database.engine.connect() as connection:
        raw = await connection.execution_options(isolation_level="AUTOCOMMIT", farol_read_only=True)
        await raw.execute(text("COMMIT"))
        await raw.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    await database.close()
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated_postgres(postgres_server) -> Postgres:
    """The PostgreSQL server, with a database `template_farol` that has all tables."""
    database = Database(postgres_server.create("template_farol"))
    await migrations.upgrade(database)
    await database.close()
    return postgres_server


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request) -> str:
    """The same test runs on both databases."""
    return request.param


@pytest.fixture
def database_url(kind, tmp_path, request) -> Iterator[str]:
    """The address of an empty database with all tables."""
    if kind == "sqlite":
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "farol.db")
        yield f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}"
        return
    server, name = request.getfixturevalue("migrated_postgres"), "t" + secrets.token_hex(6)
    with psycopg.connect(f"postgresql://farol@127.0.0.1:{server.port}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_farol")
        yield server.url_of(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def assistant(database_url, content, screen):
    database = Database(database_url)
    vault, engine, channel, answers = Vault(secrets.token_bytes(32)), FakeEngine(), FakeChannel(), []
    inbox = Inbox(database, vault, 4096)
    traits = {channel.traits.name: channel.traits}
    workers = Workers(database, vault, screen, engine, content, traits, inbox.arrived, observe=answers.append)
    sender = Sender(database, vault, {channel.traits.name: channel}, workers.answered)
    yield Assistant(database, vault, engine, channel, inbox, workers, sender, answers)
    await database.close()
