"""farol doctor, against the emulators and a running gateway: every fault is found, named, and nothing secret is shown."""

from __future__ import annotations

import asyncio
import secrets
from base64 import b64encode
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from aiohttp import web
from click.testing import CliRunner
from pydantic import SecretStr

from bot import migrations
from bot.app import provider_channels
from bot.cli import checkup, checkup_providers, main
from bot.conversation.inbox import Inbox
from bot.db import Database
from bot.gateway import Gateway
from bot.health import Health
from bot.messages import Inbound
from bot.settings import Settings
from bot.vault import open_vault
from tests.conversation.engine_server import EngineServer
from tests.emulators.telegram_api import TelegramApi
from tests.emulators.twilio_api import TwilioApi


def key() -> SecretStr:
    return SecretStr(b64encode(secrets.token_bytes(32)).decode())


@pytest_asyncio.fixture
async def world(tmp_path):
    """Settings for which everything is in order, with what they speak of running."""
    async with TwilioApi() as twilio, TelegramApi() as telegram, EngineServer() as engine:
        settings = Settings(
            _env_file=None,
            data_dir=tmp_path,
            master_key=key(),
            engine_url=engine.url,
            twilio_account_sid=twilio.account_sid,
            twilio_auth_token=SecretStr(twilio.auth_token),
            twilio_sms_from="+14155550100",
            twilio_api_url=twilio.url,
            telegram_bot_token=SecretStr(telegram.token),
            telegram_api_url=telegram.url,
            telegram_webhook_secret=SecretStr("webhook-secret_1"),
            public_url="http://127.0.0.1:1",
        )
        database = Database(settings.database)
        await migrations.upgrade(database)
        async with door(settings, database) as address:
            settings = settings.model_copy(update={"public_url": address})
            twilio.sms_url = f"{address}/webhooks/twilio"
            telegram.webhook = f"{address}/webhooks/telegram"
            yield settings, twilio, telegram, engine, database
        await database.close()


@asynccontextmanager
async def door(settings: Settings, database: Database):
    """The gateway alone, at an address that it knows."""
    app = web.Application()
    runner = web.AppRunner(app, access_log=None)
    webhooks: dict = {}
    inbox = Inbox(database, open_vault(settings), 4096)
    gateway = Gateway(inbox, webhooks, "")
    app.add_routes(gateway.routes())
    app.add_routes(Health(database, lambda: 1).routes())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    channels = provider_channels(settings.model_copy(update={"public_url": address}))
    webhooks.update(twilio=channels["sms"], telegram=channels["telegram"])
    gateway._public_url = address
    yield address
    await runner.cleanup()


def found(checks: list[checkup.Check]) -> dict[str, str]:
    return {check.name: check.state for check in checks}


async def test_all_is_well(world):
    settings, *_ = world
    # The fake engine knows one language of twelve.
    checks = [*await checkup.local(settings), *await checkup_providers.remote(settings)]
    assert {name for name, state in found(checks).items() if state not in ("ok", "off")} == {
        "engine 1",
        "public address",
    }
    shown = repr(checks)
    for secret in (settings.twilio_auth_token, settings.telegram_bot_token, settings.master_key):
        assert secret.get_secret_value() not in shown


@pytest.mark.parametrize(
    ("changed", "name", "word"),
    [
        ({"twilio_auth_token": SecretStr("wrong")}, "twilio", "refused"),
        ({"twilio_auth_token": SecretStr("wrong")}, "twilio signature", "403"),
        ({"twilio_sms_from": "+14155550111"}, "sms number", "not a number"),
        ({"telegram_bot_token": SecretStr("1:wrong")}, "telegram", "refused"),
        ({"public_url": "http://127.0.0.1:9"}, "public address", "Error"),
        ({"public_url": None, "twilio_sms_from": None}, "telegram delivery", "Telegram calls"),
        ({"twilio_account_sid": None}, "settings", "TWILIO_ACCOUNT_SID"),
    ],
)
async def test_a_fault_at_the_providers_is_named(world, changed, name, word):
    settings, *_ = world
    checks = await checkup_providers.remote(settings.model_copy(update=changed))
    fault = next(check for check in checks if check.name == name)
    assert fault.state == "fault" and word in fault.said and fault.do


async def test_what_providers_do_wrong_is_told(world):
    settings, twilio, telegram, *_ = world
    twilio.sms_url, twilio.account_type, telegram.webhook = "https://elsewhere.example", "Trial", "https://old.example"
    states = found(await checkup_providers.remote(settings))
    assert (states["sms number"], states["twilio"], states["telegram delivery"]) == ("note", "note", "fault")
    twilio.account_status = "suspended"
    assert found(await checkup_providers.remote(settings))["twilio"] == "fault"


async def test_another_key_than_the_database_s_is_a_fault(world):
    settings, *_, database = world
    await Inbox(database, open_vault(settings), 4096).accept(Inbound("web", "m", "a", "hello"))
    assert found(await checkup.local(settings))["key and database"] == "ok"
    other = settings.model_copy(update={"master_key": key()})
    assert found(await checkup.local(other))["key and database"] == "fault"


async def test_faults_of_this_machine_are_named(world, tmp_path):
    settings, *_ = world
    (tmp_path / "file").write_text("in the way")
    wrong = settings.model_copy(
        update={
            "data_dir": tmp_path / "file",
            "database_url": SecretStr("postgresql+psycopg://farol@127.0.0.1:9/farol"),
            "content_dir": tmp_path,
            "engine_url": "http://127.0.0.1:9",
            "master_key": SecretStr("short"),
        }
    )
    states = found(await checkup.local(wrong))
    assert [states[name] for name in ("disk", "database", "content", "engine 1", "master key")] == ["fault"] * 5


async def test_an_old_schema_is_a_fault(world, tmp_path):
    settings, *_ = world
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'old.db'}")
    await migrations.upgrade(database, "0001")
    await database.close()
    old = settings.model_copy(update={"database_url": SecretStr(database.url)})
    assert found(await checkup.local(old))["database"] == "fault"


async def test_models_are_looked_at_when_the_engine_is_ours(world, tmp_path):
    settings, *_ = world
    none = settings.model_copy(update={"engine_url": None, "models_dir": tmp_path})
    states = found(await checkup.local(none))
    assert states["models"] == "fault"


async def test_the_command_sets_and_removes_the_webhook(monkeypatch):
    async with TelegramApi() as telegram:
        given = {
            "TELEGRAM_BOT_TOKEN": telegram.token,
            "TELEGRAM_API_URL": telegram.url,
            "TELEGRAM_WEBHOOK_SECRET": "webhook-secret_1",
            "FAROL_PUBLIC_URL": "https://farol.example",
        }
        for name, value in given.items():
            monkeypatch.setenv(name, value)

        async def run(*words: str):
            return await asyncio.to_thread(CliRunner().invoke, main, ["telegram", *words])

        said = await run("set-webhook")
        assert said.exit_code == 0 and telegram.webhook == "https://farol.example/webhooks/telegram"
        assert telegram.secret == "webhook-secret_1" and telegram.token not in said.output
        assert (await run("remove-webhook")).exit_code == 0 and telegram.webhook is None
        telegram.refuse("getMe", 401)
        telegram.refuse("setWebhook", 401, "Unauthorized")
        said = await run("set-webhook")
        assert said.exit_code == 1 and "TELEGRAM_BOT_TOKEN" in said.output
        monkeypatch.delenv("TELEGRAM_WEBHOOK_SECRET")
        assert (await run("set-webhook")).exit_code == 2
