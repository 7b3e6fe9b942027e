"""A message that cannot be stored is not acknowledged: a full disk, a database that takes no writes."""

from __future__ import annotations

from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import event, func, select, text

from bot.channels.twilio import TwilioChannel
from bot.conversation.models import InboxMessage
from bot.gateway import Gateway
from tests.emulators.twilio_api import TwilioApi, sms

PUBLIC = "https://farol.test"


@pytest.fixture
def account() -> TwilioApi:
    return TwilioApi()


async def post(assistant, account: TwilioApi, body: str) -> int:
    channel = TwilioChannel(
        "sms", account_sid=account.account_sid, auth_token=account.auth_token, sender="+14155550100"
    )
    app = web.Application()
    app.add_routes(Gateway(assistant.inbox, {"twilio": channel}, PUBLIC).routes())
    form = sms("+15005550006", body, sid=f"SM{len(body):032x}")
    signature = account.sign(f"{PUBLIC}/webhooks/twilio", form)
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        async with session.post(server.make_url("/webhooks/twilio"), data=urlencode(form), headers=headers) as answer:
            return answer.status


async def fill_up(assistant, kind: str) -> None:
    """From now on nothing can be written."""
    engine = assistant.database.engine
    if kind == "sqlite":
        # SQLite's own limit: the very error (SQLITE_FULL) that a full disk brings, for every new connection.
        event.listen(engine.sync_engine, "connect", _no_more_pages)
    else:
        async with engine.connect() as connection:
            raw = await connection.execution_options(isolation_level="AUTOCOMMIT")
            name = await raw.scalar(text("SELECT current_database()"))
            await raw.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    await engine.dispose()


async def make_room(assistant, kind: str) -> None:
    engine = assistant.database.engine
    if kind == "sqlite":
        event.remove(engine.sync_engine, "connect", _no_more_pages)
    else:
        async with engine.connect() as connection:
            raw = await connection.execution_options(isolation_level="AUTOCOMMIT")
            name = await raw.scalar(text("SELECT current_database()"))
            await raw.execute(text("SET default_transaction_read_only = off"))
            await raw.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = off"))
    await engine.dispose()


def _no_more_pages(connection: object, record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA max_page_count = 1")
    cursor.close()


async def test_what_cannot_be_stored_is_not_acknowledged(assistant, account, kind):
    assert await post(assistant, account, "before") == 204
    await fill_up(assistant, kind)
    # One message may still find room in a page that is there; a long one does not.
    assert await post(assistant, account, "x" * 1500 * 20) == 503
    await make_room(assistant, kind)
    assert await post(assistant, account, "x" * 1500 * 20) == 204, "the same message, sent again, is taken"
    async with assistant.database.begin(read_only=True) as session:
        assert await session.scalar(select(func.count()).select_from(InboxMessage)) == 2
