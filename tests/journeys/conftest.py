"""The whole assistant: real gateway, database, engine and channels; Twilio and Telegram are strict emulators."""

from __future__ import annotations

import logging
import secrets
import socket
from base64 import b64encode
from dataclasses import dataclass

import aiohttp
import pytest_asyncio
from pydantic import SecretStr

from bot.app import serving
from bot.cli.prepare import prepare
from bot.db import Database
from bot.settings import Settings
from tests.emulators.otlp_collector import Collector
from tests.emulators.telegram_api import TelegramApi
from tests.emulators.twilio_api import TwilioApi

PUBLIC = "https://farol.test"


@dataclass
class Farol:
    """What a journey needs: where Farol listens, the providers, a browser."""

    address: str
    twilio: TwilioApi
    telegram: TelegramApi
    http: aiohttp.ClientSession
    folder: object
    logged: list[str]
    metrics: str
    collector: Collector

    async def text(self, sender: str, body: str, to: str = "+14155550100", **more: str) -> int:
        """A signed webhook of Twilio's with an SMS or WhatsApp message."""
        form = {
            "MessageSid": "SM" + secrets.token_hex(16),
            "From": sender,
            "To": to,
            "Body": body,
            "NumMedia": "0",
            **more,
        }
        url = f"{self.address}/webhooks/twilio"
        return await self.twilio.post(url, list(form.items()), signed_url=f"{PUBLIC}/webhooks/twilio")

    async def chat(self, person: int, text: str) -> None:
        """An update of Telegram's with a private message."""
        who = {"id": person, "is_bot": False, "first_name": "Canaryname"}
        chat = {"id": person, "type": "private", "first_name": "Canaryname"}
        message = {"message_id": secrets.randbelow(10**6), "date": 1760000000, "chat": chat, "from": who, "text": text}
        await self.telegram.push({"message": message})

    async def replies(self, person: int, times: int) -> list[str]:
        """Texts sent to a private chat, once there are that many."""
        while True:
            calls = await self.telegram.called("sendMessage", times)
            mine = [call["text"] for call in calls if str(call["chat_id"]) == str(person)]
            if len(mine) >= times:
                return mine
            await self.telegram.called("sendMessage", len(calls) + 1)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def farol(tmp_path_factory):
    folder = tmp_path_factory.mktemp("journeys")
    logged: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(record.getMessage())

    logging.getLogger().addHandler(Keep(level=logging.DEBUG))
    async with (
        TwilioApi() as twilio,
        TelegramApi() as telegram,
        Collector() as collector,
        aiohttp.ClientSession() as http,
    ):
        settings = Settings(
            _env_file=None,
            data_dir=folder,
            port=0,
            public_url=PUBLIC,
            master_key=SecretStr(b64encode(secrets.token_bytes(32)).decode()),
            twilio_account_sid=twilio.account_sid,
            twilio_auth_token=SecretStr(twilio.auth_token),
            twilio_sms_from="+14155550100",
            twilio_whatsapp_from="+14155550199",
            twilio_redact=True,
            twilio_sms_rate=200,
            twilio_api_url=twilio.url,
            telegram_bot_token=SecretStr(telegram.token),
            telegram_api_url=telegram.url,
            engine_timeout=9,
            metrics_port=free_port(),
            otlp_url=collector.url,
        )
        database = Database(settings.database)
        await prepare(database, settings)
        await database.close()
        async with serving(settings) as address:
            metrics = f"http://127.0.0.1:{settings.metrics_port}/metrics"
            yield Farol(address, twilio, telegram, http, folder, logged, metrics, collector)
