"""Alerts: told once, by every way, tried again when a way fails, and never with a word of what was written."""

from __future__ import annotations

import asyncio
import json
import secrets
from email.parser import BytesParser

import pytest
import pytest_asyncio
from aiohttp import web
from sqlalchemy import select

from bot import migrations
from bot.console import alerts
from bot.console.alerts import Alert, Alerts
from bot.conversation.inbox import Inbox
from bot.conversation.models import Conversation, Handoff
from bot.db import Database
from bot.messages import Inbound
from bot.vault import Vault


class Nobody:
    async def leave_abandoned(self) -> int:
        return 0


@pytest_asyncio.fixture
async def database(tmp_path):
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}")
    await migrations.upgrade(database)
    yield database
    await database.close()


async def danger(database: Database, urgent: bool = True) -> None:
    vault = Vault(secrets.token_bytes(32))
    await Inbox(database, vault, 4096).accept(Inbound("web", secrets.token_hex(4), secrets.token_hex(4), "canary text"))
    async with database.begin() as session:
        conversation = (await session.scalars(select(Conversation.id))).all()[-1]
        session.add(Handoff(conversation_id=conversation, reason="crisis_suicide", language="en", urgent=urgent))


async def test_each_danger_is_told_once_by_every_way(database):
    told: list[tuple[str, Alert]] = []

    def way(name):
        async def tell(alert: Alert) -> None:
            told.append((name, alert))

        return tell

    watcher = Alerts(database, Nobody(), {"one": way("one"), "two": way("two")}, "https://farol.test/console")
    await danger(database, urgent=False)
    assert await watcher.look() == 0 and told == []
    await danger(database)
    await watcher.look()
    await watcher.look()
    assert sorted(told) == [(name, Alert(1, "https://farol.test/console")) for name in ("one", "two")]


async def test_a_way_that_fails_is_tried_again_and_the_other_is_not_told_twice(database):
    told, broken = [], [True]

    async def good(alert: Alert) -> None:
        told.append(alert)

    async def bad(alert: Alert) -> None:
        if broken[0]:
            raise OSError("no line")
        told.append(alert)

    watcher = Alerts(database, Nobody(), {"good": good, "bad": bad}, "x")
    await danger(database)
    await watcher.look()
    await watcher.look()
    assert len(told) == 1
    async with database.begin() as session:
        assert await session.scalar(select(Handoff.alerted_at)) is None, "not done before every way has worked"
    broken[0] = False
    watcher._not_before.clear()
    await watcher.look()
    assert len(told) == 2 and await watcher.look() == 0


async def test_a_webhook_gets_a_count_and_a_link_and_nothing_else():
    got = []

    async def receive(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.Response(status=200 if len(got) == 1 else 500)

    app = web.Application()
    app.add_routes([web.post("/hook", receive)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    way = alerts.webhook(f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
    await way(Alert(2, "https://farol.test/console/conversations"))
    assert set(got[0]) == {"text", "waiting", "link"} and got[0]["waiting"] == 2
    assert "suicid" not in json.dumps(got[0])
    with pytest.raises(Exception, match="500"):
        await way(Alert(2, "x"))
    await runner.cleanup()


async def test_a_message_goes_to_a_mail_server():
    """A server that speaks as much SMTP as one message needs (RFC 5321)."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: bytes) -> None:
            writer.write(line + b"\r\n")
            await writer.drain()

        await say(b"220 ready")
        while line := await reader.readline():
            word = line[:4].upper().strip()
            if word == b"DATA":
                await say(b"354 go on")
                body = await reader.readuntil(b"\r\n.\r\n")
                received.append(body)
            await say(b"221 bye" if word == b"QUIT" else b"250 ok")
            if word == b"QUIT":
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    way = alerts.email(f"smtp+plain://127.0.0.1:{port}", "farol@example.org", ["team@example.org"])
    await way(Alert(1, "https://farol.test/console/conversations"))
    server.close()
    message = BytesParser().parsebytes(received[0])
    assert message["Subject"] == "Farol: 1" and message["To"] == "team@example.org"


@pytest.mark.parametrize("server", ["mail.example.org", "http://mail", "smtp://"])
def test_a_wrong_mail_server_is_named(server):
    with pytest.raises(ValueError, match="FAROL_SMTP_URL"):
        alerts.email(server, "a@example.org", [])
