"""The console as it is served: the real application on SQLite, Twilio as an emulator, an engine that answers as told."""

from __future__ import annotations

import secrets
import shutil
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import aiohttp
import pyotp
import pytest_asyncio
from aiohttp import web
from argon2 import PasswordHasher
from pydantic import SecretStr
from yarl import URL

from bot import migrations
from bot.app import serving
from bot.console import sign_in
from bot.console.accounts import Accounts
from bot.db import Database, now
from bot.directory import listing
from bot.settings import ROOT, Settings
from bot.vault import Vault, open_vault
from nlu.contract import Response, TurnReply, TurnRequest
from tests.conversation.fakes import reply
from tests.emulators.twilio_api import TwilioApi

SMS, WHATSAPP = "+14155550100", "+14155550199"
PASSWORD = "correct-horse-battery"
PUBLIC = "https://farol.test"
QUICK = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
"""So that signing in does not take the tests' time; the kind is the same."""


class Engine:
    """POST /turn on loopback. What a text means is in `answers`; anything else gets the menu."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[TurnRequest], TurnReply]] = {}

    async def __aenter__(self) -> Engine:
        app = web.Application()
        app.add_routes([web.post("/turn", self._turn)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = "http://127.0.0.1:%d" % self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _turn(self, request: web.Request) -> web.Response:
        asked = TurnRequest.from_json(await request.json())
        answer = self.answers.get(asked.text, lambda asked: reply("menu"))(asked)
        return web.json_response(answer.to_json())


def understood(intent: str, *said: str | Response, confidence: float = 0.9, language: str = "en", **more) -> Callable:
    """An engine's answer that recognised an intent."""
    decision = more.pop("decision", "answer")
    parse = {
        "intent": {"name": intent, "confidence": confidence},
        "intent_ranking": [{"name": intent, "confidence": confidence}, {"name": "sti", "confidence": 0.04}],
        "entities": more.pop("entities", []),
        "decision": decision,
    }
    keys = said or (Response("topic", {"topic": intent}),)
    return lambda request: reply(*keys, language=language, parse=parse, decision=decision, **more)


@dataclass
class Person:
    """An operator as they sit before the browser; `code` is what their phone shows."""

    name: str
    secret: str
    used: int = 0

    def code(self) -> str:
        """A code that was not used before; two are good at any moment, this one and the next."""
        step = max(int(now().timestamp()) // 30, self.used + 1)
        self.used = step
        return pyotp.TOTP(self.secret).generate_otp(step)


@dataclass
class Farol:
    """A running assistant and its surroundings."""

    address: str
    settings: Settings
    database: Database
    vault: Vault
    accounts: Accounts
    engine: Engine
    twilio: TwilioApi
    http: aiohttp.ClientSession
    numbers: list[int] = field(default_factory=lambda: [0])

    def number(self) -> str:
        """The telephone number of somebody who has never written."""
        self.numbers[0] += 1
        return f"+1500555{self.numbers[0]:04}"

    async def whatsapp(self, sender: str, body: str, **more: str) -> None:
        """A signed webhook with a WhatsApp message."""
        await self._receive(f"whatsapp:{sender}", f"whatsapp:{WHATSAPP}", body, **more)

    async def sms(self, sender: str, body: str, **more: str) -> None:
        """The same with an SMS."""
        await self._receive(sender, SMS, body, **more)

    async def _receive(self, sender: str, to: str, body: str, **more: str) -> None:
        form = {"MessageSid": "SM" + secrets.token_hex(16), "From": sender, "To": to, "Body": body, "NumMedia": "0"}
        url = f"{self.address}/webhooks/twilio"
        status = await self.twilio.post(url, list((form | more).items()), signed_url=f"{PUBLIC}/webhooks/twilio")
        assert status == 204

    async def operator(self, role: str) -> Person:
        """An enrolled operator nobody else is."""
        name = f"{role}-{secrets.token_hex(3)}"
        token = await self.accounts.add(name, role)
        person = Person(name, (await self.accounts.invitation(token)).secret)
        await self.accounts.enrol(token, PASSWORD, person.code())
        return person

    async def signed_in(self, role: str) -> aiohttp.ClientSession:
        """A client with a session; the caller closes it. It behaves as a browser on our own pages."""
        person = await self.operator(role)
        # As browsers do, loopback counts as secure: the session's cookie is marked so.
        jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=URL(self.address))
        client = aiohttp.ClientSession(self.address, headers={"Sec-Fetch-Site": "same-origin"}, cookie_jar=jar)
        fields = {"name": person.name, "password": PASSWORD, "code": person.code()}
        async with client.post("/console/sign-in", data=fields, allow_redirects=False) as response:
            assert response.status == 303, await response.text()
        client.name = person.name  # type: ignore[attr-defined]
        return client

    async def older(self, table: str, column: str, by: timedelta, where: str = "1=1", **values: object) -> None:
        """Move a moment in the database back, so that no test has to wait."""
        from sqlalchemy import text

        async with self.database.begin() as session:
            moment = (now() - by).replace(tzinfo=None).isoformat(sep=" ")
            await session.execute(text(f"UPDATE {table} SET {column} = :at WHERE {where}"), {"at": moment, **values})


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def farol(tmp_path_factory):
    async with running(tmp_path_factory.mktemp("console")) as farol:
        yield farol


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def editable(tmp_path_factory):
    """A Farol of one's own, whose content and directory may be changed: `settings.content_dir` is a copy."""
    folder = tmp_path_factory.mktemp("editable")
    shutil.copytree(ROOT / "content", folder / "content")
    async with running(folder / "data", content_dir=folder / "content") as farol:
        await listing.load(farol.database, folder / "content" / "directory")
        yield farol


@asynccontextmanager
async def running(folder: Path, **more: object) -> AsyncIterator[Farol]:
    """A whole assistant with its data in `folder`."""
    async with TwilioApi() as twilio, Engine() as engine, aiohttp.ClientSession() as http:
        settings = Settings(
            _env_file=None,
            data_dir=folder,
            port=0,
            public_url=PUBLIC,
            master_key=SecretStr(b64encode(secrets.token_bytes(32)).decode()),
            engine_url=engine.url,
            operators_on_duty=True,
            twilio_account_sid=twilio.account_sid,
            twilio_auth_token=SecretStr(twilio.auth_token),
            twilio_sms_from=SMS,
            twilio_whatsapp_from=WHATSAPP,
            twilio_api_url=twilio.url,
            sms_price=0.05,
            sms_currency="EUR",
            **more,
        )
        database = Database(settings.database)
        await migrations.upgrade(database)
        vault = open_vault(settings)
        # More sign in here within a minute than people do.
        sign_in.TRIES = 10_000
        async with serving(settings) as address:
            accounts = Accounts(database, vault, QUICK)
            yield Farol(address, settings, database, vault, accounts, engine, twilio, http)
        await database.close()


@pytest_asyncio.fixture(loop_scope="session")
async def admin(farol):
    """A client signed in as an admin."""
    async with await farol.signed_in("admin") as client:
        yield client
