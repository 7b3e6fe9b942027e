"""What every channel test has: the emulators, and a watch on the logs."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from bot.channels.telegram import TelegramChannel
from tests.channels.leaks import Watch
from tests.emulators.telegram_api import TelegramApi
from tests.emulators.twilio_api import TwilioApi


@pytest.fixture(autouse=True)
def logs() -> Iterator[Watch]:
    """Fails the test if a token, a number, a name or a text of it was logged by anybody."""
    for library in ("httpx", "httpcore", "telegram", "twilio"):
        logging.getLogger(library).setLevel(logging.NOTSET)  # as in a fresh process
    root, watch = logging.getLogger(), Watch()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(watch)
    yield watch
    root.removeHandler(watch)
    root.setLevel(level)
    assert not watch.leaks(), "\n".join(watch.leaks())


@pytest_asyncio.fixture
async def twilio() -> AsyncIterator[TwilioApi]:
    async with TwilioApi(content_sids=("HX2", "HX3", "HX5")) as api:
        yield api


@pytest_asyncio.fixture
async def telegram() -> AsyncIterator[TelegramApi]:
    async with TelegramApi() as api:
        yield api


@pytest_asyncio.fixture
async def bot(telegram: TelegramApi) -> AsyncIterator[TelegramChannel]:
    channel = TelegramChannel(
        token=telegram.token, webhook_secret="webhook-secret_1", api_url=telegram.url, backoff=(0.0, 0.0)
    )
    await channel.start()
    yield channel
    await channel.stop()
