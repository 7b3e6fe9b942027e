"""Explicit danger is answered with the engine dead and the database gone, through the real door and the real channels."""

from __future__ import annotations

import json
import sqlite3
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import func, select

from bot import migrations
from bot.channels.telegram import TelegramChannel
from bot.channels.twilio import TwilioChannel
from bot.channels.web import WebChat, routes
from bot.content.page import page_words
from bot.content.sms import opening
from bot.conversation.history import History
from bot.conversation.inbox import Inbox
from bot.conversation.lifeline import Lifeline, Told
from bot.conversation.models import Handoff, InboxMessage, OutboxMessage
from bot.conversation.worker import Workers
from bot.db import Database
from bot.gateway import Gateway, accept
from bot.safety.whereabouts import country_of
from bot.vault import Vault
from tests.conftest import PHRASES
from tests.conversation.fakes import FakeEngine
from tests.emulators.telegram_api import TelegramApi, message
from tests.emulators.twilio_api import TwilioApi, sms
from tools.postgres import postgres

PUBLIC = "https://farol.test"


class Door:
    """The assistant's front, with a lifeline behind it: what a provider and a browser reach."""

    def __init__(self, address, twilio, telegram, told, database, http, workers) -> None:
        self.address, self.twilio, self.telegram, self.told = address, twilio, telegram, told
        self.database, self.http, self.workers = database, http, workers

    async def sms(self, number: str, text: str, sid: str = "SM" + "a" * 32) -> int:
        return await self.twilio.post(
            f"{self.address}/webhooks/twilio", sms(number, text, sid), signed_url=f"{PUBLIC}/webhooks/twilio"
        )


@asynccontextmanager
async def door(url: str, content, screen, patience: float = 4.0):
    database, vault, told = Database(url), Vault(b"k" * 32), Told()
    await migrations.upgrade(database)
    inbox = Inbox(database, vault, 4096)
    channels: dict = {}
    lifeline = Lifeline(inbox, screen, content, channels, told, country_of, patience)
    async with TwilioApi() as twilio, TelegramApi() as telegram, aiohttp.ClientSession() as http:
        account = {"account_sid": twilio.account_sid, "auth_token": twilio.auth_token, "api_url": twilio.url}
        channels["sms"] = TwilioChannel("sms", sender="+14155550100", **account)
        channels["telegram"] = TelegramChannel(token=telegram.token, webhook_secret="s", api_url=telegram.url)
        channels["web"] = WebChat(
            accept=lambda event: accept(lifeline, event),
            history=History(database, vault, content, "web"),
            words=lambda tag: page_words(content, tag),
        )
        for channel in channels.values():
            await channel.start()
        traits = {name: channel.traits for name, channel in channels.items()}
        engine = FakeEngine()
        engine.down = True
        workers = Workers(database, vault, screen, engine, content, traits, inbox.arrived, told=told)
        app = web.Application()
        app.add_routes(
            Gateway(lifeline, {"twilio": channels["sms"], "telegram": channels["telegram"]}, PUBLIC).routes()
        )
        app.add_routes(routes(channels["web"]))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield Door(f"http://127.0.0.1:{runner.addresses[0][1]}", twilio, telegram, told, database, http, workers)
        for channel in channels.values():
            await channel.stop()
        await runner.cleanup()
    await database.close()


async def spoil(database: Database, path) -> None:
    """As after a bad sector or a wrong copy: the file is there and is no database any more."""
    await database.engine.dispose()
    for name in (path, path.with_name(path.name + "-wal")):
        name.write_bytes(b"\xff" * 8192)


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}"


async def test_danger_in_every_language_with_the_database_gone(url, tmp_path, content, screen, request):
    from tests.conftest import SHIPPED

    asked = request.config.getoption("--language") or SHIPPED
    async with door(url, content, screen) as farol:
        await spoil(farol.database, tmp_path / "farol.db")
        for place, language in enumerate(asked):
            number = f"+3361234{place:04}"
            assert await farol.sms(number, PHRASES["want_to_die"][language], f"SM{place:032x}") == 503
            sent = [one for one in farol.twilio.sent if one["To"] == number]
            assert "3114" in opening(sent[0]["Body"]), f"{language}: the line of the number's country, first"
            assert await farol.sms(number, PHRASES["want_to_die"][language], f"SM{place:032x}") == 503
            assert [one for one in farol.twilio.sent if one["To"] == number] == sent, "brought again, not said again"
        assert await farol.sms("+33612345678", PHRASES["what_is_prep"]["fr"], "SM" + "b" * 32) == 503
        assert not [one for one in farol.twilio.sent if one["To"] == "+33612345678"], "only danger is answered so"


async def test_danger_while_somebody_else_holds_the_database(url, tmp_path, content, screen):
    """Told once; when the database is back the message is stored, the team hears of it, nothing is said twice."""
    async with door(url, content, screen, patience=0.3) as farol:
        other = sqlite3.connect(tmp_path / "farol.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        assert await farol.sms("+33612345678", "je veux mourir") == 503
        assert "3114" in "".join(one["Body"] for one in farol.twilio.sent)
        said = len(farol.twilio.sent)
        other.execute("COMMIT")
        other.close()
        assert await farol.sms("+33612345678", "je veux mourir") in (204, 503)  # the first try may still hold it
        assert await farol.sms("+33612345678", "je veux mourir") == 204
        await farol.workers.drain()
        async with farol.database.begin() as session:
            assert await session.scalar(select(func.count()).select_from(InboxMessage)) == 1
            assert await session.scalar(select(func.count()).select_from(OutboxMessage)) == 0
            handoff = (await session.scalars(select(Handoff))).one()
        assert handoff.urgent and handoff.reason == "crisis_suicide" and len(farol.twilio.sent) == said


async def test_danger_with_postgresql_stopped(content, screen):
    with postgres() as server:
        async with door(server.url, content, screen) as farol:
            server.stop("immediate")
            assert await farol.sms("+5215512345678", "me quiero morir") == 503
            assert "".join(one["Body"] for one in farol.twilio.sent)
            server.start()
            assert await farol.sms("+5215512345678", "me quiero morir") == 204
            await farol.workers.drain()
            async with farol.database.begin() as session:
                assert await session.scalar(select(func.count()).select_from(OutboxMessage)) == 0
                assert (await session.scalars(select(Handoff))).one().urgent


async def test_danger_on_telegram_and_on_the_page(url, tmp_path, content, screen):
    async with door(url, content, screen) as farol:
        async with farol.http.get(f"{farol.address}/chat/words") as words:
            cookie = words.cookies["farol_chat"].value
        await spoil(farol.database, tmp_path / "farol.db")
        update = {"update_id": 7, **message(770077, "мой муж меня бьет")}
        update["message"] |= {"message_id": 5, "date": 1760000000}
        headers = {"X-Telegram-Bot-Api-Secret-Token": "s"}
        async with farol.http.post(f"{farol.address}/webhooks/telegram", json=update, headers=headers) as answer:
            assert answer.status == 503
        assert farol.telegram.calls("sendMessage")[0]["chat_id"] == 770077
        headers = {"Cookie": f"farol_chat={cookie}", "Origin": farol.address, "Sec-Fetch-Site": "same-origin"}
        body = {"id": "0f9a1b2c-0000-4000-8000-000000000001", "text": "I want to kill myself"}
        async with farol.http.post(f"{farol.address}/chat/messages", json=body, headers=headers) as answer:
            assert answer.status == 503
        async with farol.http.get(f"{farol.address}/chat/stream", headers=headers) as stream:
            async for line in stream.content:
                if line.startswith(b"data:") and b'"text"' in line:
                    shown = json.loads(line[5:])
                    break
        assert shown["id"] is None and shown["language"] == "en" and shown["text"]


@pytest.mark.parametrize(
    ("channel", "address", "country"),
    [
        ("sms", "+33612345678", "FR"),
        ("whatsapp", "+5215512345678", "MX"),
        ("whatsapp", "US.1234567890", None),
        ("sms", "77077", None),
        ("sms", "+9999999999999", None),
        ("telegram", "770077", None),
    ],
)
def test_which_country_a_number_belongs_to(channel, address, country):
    assert country_of(channel, address) == country
