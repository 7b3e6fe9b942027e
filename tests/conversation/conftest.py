"""A whole assistant around a fake engine and a fake channel, on a real SQLite file."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from bot import migrations
from bot.content.render import Content, Promises
from bot.conversation.inbox import Inbox
from bot.conversation.sender import Sender
from bot.conversation.worker import Answer, Workers
from bot.db import Database
from bot.messages import Inbound
from bot.safety.screen import load_screen
from bot.vault import Vault
from nlu.languages import load_languages
from tests.conftest import SHIPPED
from tests.conversation.fakes import FakeChannel, FakeEngine

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


@pytest_asyncio.fixture
async def assistant(tmp_path, content, screen):
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}")
    await migrations.upgrade(database)
    vault, engine, channel, answers = Vault(secrets.token_bytes(32)), FakeEngine(), FakeChannel(), []
    inbox = Inbox(database, vault, 4096)
    traits = {channel.traits.name: channel.traits}
    workers = Workers(database, vault, screen, engine, content, traits, inbox.arrived, observe=answers.append)
    sender = Sender(database, vault, {channel.traits.name: channel}, workers.answered)
    yield Assistant(database, vault, engine, channel, inbox, workers, sender, answers)
    await database.close()
