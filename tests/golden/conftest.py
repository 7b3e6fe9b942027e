"""The real engine, started once for all golden conversations."""

from __future__ import annotations

import secrets
from base64 import b64encode

import pytest_asyncio
from pydantic import SecretStr

from bot import migrations
from bot.app import core
from bot.cli.journey import Journey
from bot.cli.local import TRAITS, LocalChannel
from bot.cli.prepare import prepare
from bot.db import Database
from bot.settings import Settings


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def people(tmp_path_factory):
    """A function that makes a fresh person on a channel of the whole, real assistant."""
    folder = tmp_path_factory.mktemp("golden")
    settings = Settings(
        _env_file=None,
        data_dir=folder,
        master_key=SecretStr(b64encode(secrets.token_bytes(32)).decode()),
        engine_timeout=9,
        human_contact=None,
    )
    database = Database(settings.database)
    await migrations.upgrade(database)
    await prepare(database, settings)
    await database.close()
    answers = []
    channels = {name: LocalChannel(traits) for name, traits in TRAITS.items()}
    async with core(settings, lambda *_: channels, observe=answers.append, background=False) as running:
        yield lambda channel: Journey(running, channels[channel], answers)
