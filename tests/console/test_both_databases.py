"""Watching, stepping in and reports on SQLite and PostgreSQL alike."""

from __future__ import annotations

import secrets
from datetime import UTC

import pytest

from bot import migrations
from bot.console.accounts import Account, Accounts
from bot.console.aliases import Aliases
from bot.console.desk import Desk, Refused
from bot.console.watch import Filters, Level, Watch
from bot.conversation.inbox import Inbox
from bot.conversation.sender import Sender
from bot.conversation.tallies import this_month
from bot.conversation.worker import Workers
from bot.db import Database
from bot.messages import Inbound
from bot.reports.month import months, report
from bot.settings import ROOT
from bot.vault import Vault
from nlu.contract import Response
from tests.console.conftest import QUICK
from tests.conversation.conftest import content, screen  # noqa: F401
from tests.conversation.fakes import TRAITS, FakeChannel, FakeEngine, reply


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_from_a_message_to_the_report(kind, tmp_path, postgres_server, content, screen):  # noqa: F811
    url = f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}" if kind == "sqlite" else postgres_server.create("console_both")
    database = Database(url)
    await migrations.upgrade(database)
    vault, channel = Vault(secrets.token_bytes(32)), FakeChannel()
    engine = FakeEngine(lambda request: reply(Response("human", effect="hand_off"), country="ES"))
    inbox = Inbox(database, vault, 4096)
    workers = Workers(database, vault, screen, engine, content, {"web": TRAITS}, inbox.arrived)
    sender = Sender(database, vault, {"web": channel}, workers.answered)
    aliases = Aliases(ROOT / "content" / "console" / "aliases.yml")
    watch, desk = (
        Watch(database, vault, aliases, 7),
        Desk(database, vault, content, {"web": TRAITS}, aliases, lambda: None),
    )
    accounts = Accounts(database, vault, QUICK)

    async def receive(text: str) -> None:
        await inbox.accept(Inbound("web", secrets.token_hex(8), "somebody", text))
        await workers.drain()
        await sender.drain()
        watch.stale()

    before = await watch.mark()
    await receive("a person please")
    assert await watch.mark() != before
    (entry,) = await watch.entries(Filters(), UTC)
    assert entry.level is Level.WAITING and entry.summary.country == "ES"
    await accounts.add("ana", "operator")
    async with database.begin() as session:
        from sqlalchemy import select

        from bot.console.models import Operator

        ana = Account(await session.scalar(select(Operator.id)), "ana", "operator")
    mark = await watch.mark(entry.id)
    await desk.take(entry.id, ana, 0)
    assert await watch.mark(entry.id) != mark
    await desk.say(entry.id, ana, 1, "Hello", "once")
    await desk.note(entry.id, ana, "a note")
    asked = len(engine.requests)
    await receive("thank you")
    assert len(engine.requests) == asked, "the program is silent"
    assert channel.sent[-1][1].text == "Hello"
    async with database.begin(read_only=True) as session:
        opened = await watch.open(session, entry.id)
    assert [line.text for line in opened.lines if line.who != "program"] == ["a person please", "Hello", "thank you"]
    assert opened.lines[0].understood.intent == "greet" and opened.notes[0].text == "a note"
    assert opened.entry.level is Level.TEAM and opened.entry.operator == "ana"
    with pytest.raises(Refused):
        await desk.say(entry.id, Account("0" * 32, "eva", "operator"), 1, "me", "x")
    await accounts.remove("ana")
    await receive("hello again")
    assert len(engine.requests) == asked + 1, "whom a removed operator was answering, the program answers again"
    assert await months(database) == [this_month()]
    tables = {table.kind: table for table in (await report(database, this_month())).tables}
    assert tables["people_country"].withheld and tables["handed_over"].withheld
    await database.close()
