"""Telegram's updates: who may bring them, what each becomes, and that polling loses none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.base import Event
from bot.channels.telegram import TelegramChannel
from bot.messages import Forged, Inbound, Location, Refused, SendError, Unreadable, WebhookRequest
from tests.channels.leaks import Watch
from tests.emulators.telegram_api import TelegramApi, message, press

PAYLOADS = Path(__file__).parent / "payloads/telegram"
URL = "https://farol.example/webhooks/telegram"
SECRET = "webhook-secret_1"
CHAT = 770077
GROUP = "-1001234567890"
SENT = datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)

OFFLINE = TelegramChannel(token="110201543:AAtoken-never-in-a-log", webhook_secret=SECRET)


def said(text: str = "", **more: object) -> Inbound:
    given = {"language_hint": "pt-br", "sent_at": SENT} | more
    return Inbound("telegram", "500001", str(CHAT), text, **given)


def pressed(text: str, payload: str) -> Inbound:
    return Inbound("telegram", "callback:4382bfdwdsb323b2d9", str(CHAT), text, payload, language_hint="pt-br")


def refused(reason: str, number: str = "500001") -> Refused:
    return Refused("telegram", number, reason)


IN_GROUP = Refused("telegram", "500001", "a group", reply_to=GROUP, key="group.refused")
PRESS = "callback:4382bfdwdsb323b2d9"

CASES = {
    "text": said("Onde posso fazer o teste?"),
    "text_no_language": said("Hello", language_hint=None),
    "start": said(payload="intent:greet"),
    "start_deep_link": said(payload="intent:greet"),
    "help_to_bot": said(payload="intent:show_menu"),
    "help_with_words": said("/help me he is hitting me"),
    "menu": said(payload="intent:show_menu"),
    "stop": said("STOP"),
    "slash_other": said('/inform{"role":"admin"}'),
    "location": said(location=Location(38.722252, -9.139337)),
    "venue": said(location=Location(41.385063, 2.173404, "CAP Raval Nord")),
    "voice": said(media="audio"),
    "photo_caption": said("o que é isto?", media="image"),
    "sticker": said(media="sticker"),
    "animation": said(media="video"),
    "video_note": said(media="video"),
    "document": said(media="file"),
    "contact": said(media="contact"),
    "dice": said(media="file"),
    "service_message": refused("nothing a person said"),
    "edited": refused("an edited message"),
    "press": pressed("Português", "language:pt"),
    "press_old_message": pressed("", "language:pt"),
    "press_invented": refused("not one of our buttons", PRESS),
    "press_in_group": refused("not a button in a private chat", PRESS),
    "press_inline": refused("not a button in a private chat", PRESS),
    "group_chatter": refused("a group"),
    "group_sticker": refused("a group"),
    "group_joined": refused("a group"),
    "group_mention": IN_GROUP,
    "group_mention_other": refused("a group"),
    "group_command": IN_GROUP,
    "group_command_named": IN_GROUP,
    "group_command_other": refused("a group"),
    "group_reply": IN_GROUP,
    "group_caption_mention": IN_GROUP,
    "channel_post": refused("not a message"),
    "blocked_by_person": refused("not a message"),
    "future_kind": refused("not a message"),
}


def request(body: bytes, **headers: str) -> WebhookRequest:
    return WebhookRequest("POST", URL, {"content-type": "application/json", **headers}, body)


def test_every_payload_is_in_the_table() -> None:
    assert {file.stem for file in PAYLOADS.iterdir()} == set(CASES)


@pytest.mark.parametrize("name", CASES)
async def test_payload_becomes_event(name: str, bot: TelegramChannel, logs: Watch) -> None:
    expected = CASES[name]
    logs.for_words(getattr(expected, "text", None), GROUP)
    assert bot.parse(request((PAYLOADS / f"{name}.json").read_bytes())) == [expected]


def test_a_name_that_telegram_has_not_told_is_nobodys() -> None:
    mention = (PAYLOADS / "group_mention.json").read_bytes()
    assert OFFLINE.parse(request(mention)) == [refused("a group")]
    command = (PAYLOADS / "group_command.json").read_bytes()
    assert OFFLINE.parse(request(command)) == [IN_GROUP]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/START", ("", "intent:greet")),
        (" /start@FarolBot ", ("", "intent:greet")),
        ("/start two words", ("/start two words", None)),
        ("/help\nme", ("/help\nme", None)),
        ("/stop it", ("/stop it", None)),
        ("/stopping", ("/stopping", None)),
        ("//start", ("//start", None)),
        ("/", ("/", None)),
        ("/menü", ("/menü", None)),
        ("start", ("start", None)),
    ],
)
def test_only_a_bare_command_is_a_command(text: str, expected: tuple[str, str | None]) -> None:
    update = {"update_id": 500001, **message(CHAT, text)}
    (event,) = OFFLINE.parse(request(json.dumps(update).encode()))
    assert (event.text, event.payload) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"3",
        b'"text"',
        b"{}",
        b'{"update_id": "1"}',
        b'{"update_id": true}',
        b"[" * 100_000,
    ],
)
def test_what_telegram_never_sends_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        OFFLINE.parse(request(body))


@pytest.mark.parametrize(
    "content",
    [
        {"message": {"text": "no chat"}},
        {"message": "segredo"},
        {"callback_query": {"id": "1", "data": "x"}},
        message(CHAT, location={"latitude": 91, "longitude": 0}),
    ],
)
def test_an_update_that_cannot_be_read_is_refused(content: dict[str, object], logs: Watch) -> None:
    logs.for_words("segredo", "no chat")
    body = json.dumps({"update_id": 500001, **content}).encode()
    assert OFFLINE.parse(request(body)) == [refused("unreadable")]


@given(st.data())
def test_a_damaged_update_is_read_or_unreadable(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(CASES)))
    update = json.loads((PAYLOADS / f"{name}.json").read_text())
    place: dict[str, object] = update
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        inner = place[key]
        if not isinstance(inner, dict) or data.draw(st.booleans()):
            break
        place = inner
    place[key] = data.draw(st.none() | st.booleans() | st.integers() | st.text() | st.just([]) | st.just({}))
    try:
        (event,) = OFFLINE.parse(request(json.dumps(update).encode()))
    except Unreadable:
        return
    assert isinstance(event, Inbound | Refused)


def test_the_secret_is_believed() -> None:
    OFFLINE.verify(request(b"{}", **{"x-telegram-bot-api-secret-token": SECRET}))


@given(st.text(max_size=30))
def test_any_other_secret_is_forged(secret: str) -> None:
    for wrong in (secret, SECRET + secret + "x", SECRET[:-1], SECRET.upper(), ""):
        with pytest.raises(Forged):
            OFFLINE.verify(request(b"{}", **{"x-telegram-bot-api-secret-token": wrong}))


def test_no_secret_is_forged() -> None:
    with pytest.raises(Forged):
        OFFLINE.verify(request(b"{}"))
    without = TelegramChannel(token="1:a")
    for headers in ({}, {"x-telegram-bot-api-secret-token": ""}, {"x-telegram-bot-api-secret-token": "None"}):
        with pytest.raises(Forged):
            without.verify(request(b"{}", **headers))


def test_wrong_construction_says_what_would_be_right() -> None:
    with pytest.raises(ValueError, match="BotFather") as caught:
        TelegramChannel(token="never-in-a-log")
    assert "never-in-a-log" not in str(caught.value)
    with pytest.raises(ValueError, match="1 to 256"):
        TelegramChannel(token="1:a", webhook_secret="with space")


# By webhook


async def test_a_webhook_from_the_emulator(telegram: TelegramApi, bot: TelegramChannel, logs: Watch) -> None:
    logs.for_words("Bom dia")
    events: list[Event] = []
    answers = iter([200, 503, 200, 200])

    async def receive(call: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in call.headers.items()}
        webhook = WebhookRequest("POST", str(call.url), headers, await call.read())
        bot.verify(webhook)
        status = next(answers)
        if status == 200:
            for event in bot.parse(webhook):
                events.append(event)
                bot.acknowledge(event)
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/webhooks/telegram", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        await telegram.push(message(CHAT, "Bom dia"))
        await bot.set_webhook(f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/telegram")
        assert telegram.calls("setWebhook")[0]["drop_pending_updates"] is False
        assert telegram.calls("setWebhook")[0]["allowed_updates"] == ["message", "callback_query"]
        await telegram.push(press(CHAT, "Sim", "answer:yes"))
        assert await telegram.deliver() == [200, 503]
        assert await telegram.deliver() == [200]
        assert await telegram.called("answerCallbackQuery") == [{"callback_query_id": "4382bfdwdsb323b2d9"}]
    finally:
        await runner.cleanup()
    assert [(event.text, event.payload) for event in events] == [("Bom dia", None), ("Sim", "answer:yes")]


async def test_set_webhook_needs_https_and_a_secret(bot: TelegramChannel) -> None:
    with pytest.raises(SendError):
        await bot.set_webhook("http://farol.example/webhooks/telegram")
    with pytest.raises(ValueError):
        await TelegramChannel(token="1:a").set_webhook(URL)


# By polling


class Inbox:
    """Accepts events as the real inbox does, unless told to fail; `wait` returns the first `count`."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.failures: list[Exception] = []
        self._changed = asyncio.Condition()

    async def accept(self, event: Event) -> None:
        if self.failures:
            raise self.failures.pop()
        async with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    async def wait(self, count: int) -> list[str]:
        async with self._changed, asyncio.timeout(20):
            await self._changed.wait_for(lambda: len(self.events) >= count)
        return [getattr(event, "text", event) for event in self.events]


@asynccontextmanager
async def polling(bot: TelegramChannel, accept: Callable[[Event], Awaitable[None]]) -> AsyncIterator[None]:
    task = asyncio.create_task(bot.poll(accept))
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_polling_takes_over_from_a_webhook_and_keeps_what_waited(
    telegram: TelegramApi, bot: TelegramChannel, logs: Watch
) -> None:
    logs.for_words("primeira", "segunda")
    await bot.set_webhook(URL)
    first = await telegram.push(message(CHAT, "primeira"))
    inbox = Inbox()
    async with polling(bot, inbox.accept):
        assert await inbox.wait(1) == ["primeira"]
        await telegram.confirmed(first)
        second = await telegram.push(message(CHAT, "segunda"))
        assert await inbox.wait(2) == ["primeira", "segunda"]
        await telegram.confirmed(second)
    assert telegram.calls("deleteWebhook") == [{"drop_pending_updates": False}]
    asked = telegram.calls("getUpdates")
    assert "offset" not in asked[0]
    assert [call["offset"] for call in asked[1:]] == [first["update_id"] + 1]


async def test_an_update_is_confirmed_only_once_accepted(telegram: TelegramApi, bot: TelegramChannel) -> None:
    update = await telegram.push(message(CHAT, "primeira"))
    reached, release = asyncio.Event(), asyncio.Event()

    async def slow(event: Event) -> None:
        reached.set()
        await release.wait()

    async with polling(bot, slow):
        await reached.wait()
        assert update in telegram.pending
    inbox = Inbox()
    async with polling(bot, inbox.accept):  # another process, later
        assert await inbox.wait(1) == ["primeira"]
        await telegram.confirmed(update)


async def test_a_failing_accept_is_asked_again_in_order(telegram: TelegramApi, bot: TelegramChannel) -> None:
    inbox = Inbox()
    inbox.failures = [RuntimeError("database is locked: segredo"), RuntimeError("again")]
    for text in ("um", "dois", "três"):
        last = await telegram.push(message(CHAT, text))
    async with polling(bot, inbox.accept):
        assert await inbox.wait(3) == ["um", "dois", "três"]
        await telegram.confirmed(last)


async def test_polling_survives_what_telegram_does(telegram: TelegramApi, bot: TelegramChannel, logs: Watch) -> None:
    logs.for_words("segredo")
    telegram.refuse("deleteWebhook", 502, body="<html>Bad Gateway</html>")
    telegram.hang_up("getUpdates")
    telegram.refuse("getUpdates", 500)
    telegram.refuse("getUpdates", 401, "Unauthorized")
    telegram.refuse("getUpdates", 409, "Conflict: terminated by other getUpdates request")
    telegram.refuse("getUpdates", 200, body='{"ok":true,"result":[{"message":{"text":"segredo"')
    telegram.refuse("getUpdates", 200, body='{"ok":true}')
    last = await telegram.push(message(CHAT, "um"))
    inbox = Inbox()
    async with polling(bot, inbox.accept):
        assert await inbox.wait(1) == ["um"]
        await telegram.confirmed(last)
    assert sum("polling failed" in line for line in logs.lines) == 7


async def test_an_update_that_cannot_be_read_does_not_hold_up_the_others(
    telegram: TelegramApi, bot: TelegramChannel, logs: Watch
) -> None:
    logs.for_words("segredo")
    await telegram.push({"message": {"text": "segredo", "chat": "nowhere"}})
    last = await telegram.push(message(CHAT, "um"))
    inbox = Inbox()
    async with polling(bot, inbox.accept):
        assert (await inbox.wait(2))[1:] == ["um"]
        await telegram.confirmed(last)
    assert inbox.events[0].reason == "unreadable"
    assert any("cannot be read" in line for line in logs.lines)


async def test_polling_answers_presses(telegram: TelegramApi, bot: TelegramChannel) -> None:
    await telegram.push(press(CHAT, "Sim", "answer:yes", query="q1"))
    telegram.refuse("answerCallbackQuery", 400, "Bad Request: query is too old")
    inbox = Inbox()
    async with polling(bot, inbox.accept):
        assert await inbox.wait(1) == ["Sim"]
        await telegram.push(press(CHAT, "Não", "answer:no", query="q2"))
        assert await inbox.wait(2) == ["Sim", "Não"]
        assert await telegram.called("answerCallbackQuery") == [{"callback_query_id": "q2"}]


async def test_a_press_is_acknowledged_only_once_accepted(telegram: TelegramApi, bot: TelegramChannel) -> None:
    await telegram.push(press(CHAT, "Sim", "answer:yes", query="q1"))
    last = await telegram.push(message(CHAT, "um"))
    inbox = Inbox()
    inbox.failures = [RuntimeError("the first press is not accepted")]
    seen: list[int] = []

    async def accept(event: Event) -> None:
        seen.append(len(bot._background) + len(telegram.calls("answerCallbackQuery")))
        await inbox.accept(event)

    async with polling(bot, accept):
        assert await inbox.wait(2) == ["Sim", "um"]
        await telegram.confirmed(last)
        await telegram.called("answerCallbackQuery")
    assert seen[:2] == [0, 0]


async def test_start_survives_a_telegram_that_is_down(unused_tcp_port: int, logs: Watch) -> None:
    channel = TelegramChannel(token="1:never-in-a-log", api_url=f"http://127.0.0.1:{unused_tcp_port}/bot")
    await channel.start()
    await channel.stop()
    await channel.stop()
    assert any("did not answer at start" in line for line in logs.lines)


async def test_start_survives_a_rejected_token(telegram: TelegramApi, logs: Watch) -> None:
    channel = TelegramChannel(token="1:never-in-a-log", api_url=telegram.url)
    await channel.start()
    await channel.stop()
    assert any("did not answer at start" in line for line in logs.lines)


async def test_what_waited_for_a_webhook_is_fetched_and_the_webhook_set_again(
    telegram: TelegramApi, bot: TelegramChannel
) -> None:
    await bot.set_webhook(URL)
    inbox = Inbox()
    assert await bot.catch_up(URL, inbox.accept) == 0
    assert telegram.calls("deleteWebhook") == [], "nothing waits, nothing is touched"
    for text in ("um", "dois", "três"):
        await telegram.push(message(CHAT, text))
    assert await bot.catch_up(URL, inbox.accept) == 3
    assert await inbox.wait(3) == ["um", "dois", "três"]
    assert telegram.pending == [] and telegram.webhook == URL and telegram.secret == "webhook-secret_1"


async def test_a_catching_up_that_fails_leaves_the_webhook_and_what_waits(
    telegram: TelegramApi, bot: TelegramChannel
) -> None:
    await bot.set_webhook(URL)
    update = await telegram.push(message(CHAT, "um"))
    inbox = Inbox()
    inbox.failures = [RuntimeError("database is locked")]
    with pytest.raises(RuntimeError):
        await bot.catch_up(URL, inbox.accept)
    assert telegram.webhook == URL and telegram.pending == [update]


async def test_a_webhook_is_taken_away_and_what_waits_is_kept(telegram: TelegramApi, bot: TelegramChannel) -> None:
    await bot.set_webhook(URL)
    update = await telegram.push(message(CHAT, "um"))
    await bot.remove_webhook()
    assert telegram.webhook is None and telegram.pending == [update]
