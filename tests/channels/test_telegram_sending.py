"""Sending through Telegram, over real HTTP to the emulator: exact requests, and what each failure means."""

from __future__ import annotations

import json

import aiohttp
import pytest

from bot.channels.telegram import TelegramChannel
from bot.messages import Button, Consequence, Location, Outbound, SendError
from tests.channels.leaks import Watch
from tests.emulators.telegram_api import TelegramApi

CHAT = 770077
QUIET = {"link_preview_options": {"is_disabled": True}, "protect_content": False}
YES, NO = Button("Sim", "answer:yes"), Button("Não", "answer:no")
CHOICES = {
    "inline_keyboard": [
        [{"text": "Sim", "callback_data": "answer:yes"}],
        [{"text": "Não", "callback_data": "answer:no"}],
    ]
}
SHARE = {
    "keyboard": [[{"text": "Partilhar localização", "request_location": True}]],
    "resize_keyboard": True,
    "one_time_keyboard": True,
}


async def failed(bot: TelegramChannel, text: str = "segredo") -> SendError:
    with pytest.raises(SendError) as caught:
        await bot.send(str(CHAT), Outbound(text))
    assert caught.value.__cause__ is None
    for secret in (str(CHAT), text, "never-in-a-log"):
        assert secret not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("message", "markup"),
    [
        (Outbound("Olá! عربي *não é negrito* <b>"), None),
        (Outbound("Tem documentos?", buttons=(YES, NO)), CHOICES),
        (Outbound("Onde está?", ask_location="Partilhar localização"), SHARE),
    ],
)
async def test_text(
    telegram: TelegramApi, bot: TelegramChannel, logs: Watch, message: Outbound, markup: dict[str, object] | None
) -> None:
    logs.for_words(message.text, message.ask_location)
    sent = await bot.send(str(CHAT), message)
    expected = {"chat_id": CHAT, "text": message.text, **QUIET} | ({"reply_markup": markup} if markup else {})
    assert telegram.calls("sendMessage") == [expected]
    assert sent == "1001"


async def test_a_location_follows_the_text(telegram: TelegramApi, bot: TelegramChannel) -> None:
    sent = await bot.send(str(CHAT), Outbound("Fica aqui.", location=Location(38.722252, -9.139337, "Rossio")))
    assert [name for name, _ in telegram.ledger[1:]] == ["sendMessage", "sendLocation"]
    assert telegram.calls("sendLocation") == [
        {"chat_id": CHAT, "latitude": 38.722252, "longitude": -9.139337, "protect_content": False}
    ]
    assert sent == "1001 1002", "both can be deleted later"


async def test_choices_and_a_location_keyboard_are_two_messages(telegram: TelegramApi, bot: TelegramChannel) -> None:
    await bot.send(str(CHAT), Outbound("Onde está?", buttons=(YES, NO), ask_location="Partilhar localização"))
    question, share = telegram.calls("sendMessage")
    assert (question["text"], question["reply_markup"]) == ("Onde está?", CHOICES)
    assert (share["text"], share["reply_markup"]) == ("Partilhar localização", SHARE)


async def test_an_addition_that_fails_does_not_repeat_the_text(
    telegram: TelegramApi, bot: TelegramChannel, logs: Watch
) -> None:
    telegram.refuse("sendLocation", 429, retry_after=3)
    await bot.send(str(CHAT), Outbound("Fica aqui.", location=Location(1, 2)))
    assert len(telegram.calls("sendMessage")) == 1
    assert any("addition" in line for line in logs.lines)


async def test_protected_content(telegram: TelegramApi) -> None:
    channel = TelegramChannel(token=telegram.token, api_url=telegram.url, protect_content=True)
    await channel.start()
    await channel.send(str(CHAT), Outbound("Fica aqui.", location=Location(1, 2)))
    await channel.stop()
    assert telegram.calls("sendMessage")[0]["protect_content"] is True
    assert telegram.calls("sendLocation")[0]["protect_content"] is True


@pytest.mark.parametrize("text", ["x" * 4096, "🙂" * 4096, "𞤀" * 4096])
async def test_the_limit_counts_code_points(telegram: TelegramApi, bot: TelegramChannel, text: str) -> None:
    await bot.send(str(CHAT), Outbound(text))
    assert telegram.calls("sendMessage")[0]["text"] == text


async def test_a_payload_of_64_bytes(telegram: TelegramApi, bot: TelegramChannel) -> None:
    await bot.send(str(CHAT), Outbound("?", buttons=(Button("Évora", "é" * 32),)))
    assert len(telegram.calls("sendMessage")) == 1


@pytest.mark.parametrize(
    "message",
    [
        Outbound(""),
        Outbound(" \n"),
        Outbound("x" * 4097),
        Outbound("?", buttons=(Button("Évora", "é" * 33),)),
        Outbound("?", buttons=(Button("Évora", ""),)),
        Outbound("?", buttons=(Button(" ", "x"),)),
        Outbound("?", buttons=(YES,) * 101),
    ],
)
async def test_a_message_telegram_would_refuse_is_a_programming_error(
    telegram: TelegramApi, bot: TelegramChannel, message: Outbound
) -> None:
    with pytest.raises(ValueError):
        await bot.send(str(CHAT), message)
    with pytest.raises(ValueError):
        await bot.send("@somebody", Outbound("Olá"))
    assert telegram.calls("sendMessage") == []


@pytest.mark.parametrize(
    ("status", "description", "expected", "code", "uncertain"),
    [
        (403, "Forbidden: bot was blocked by the user", Consequence.STOP_WRITING, "403", False),
        (403, "Forbidden: user is deactivated", Consequence.STOP_WRITING, "403", False),
        (400, "Bad Request: chat not found", Consequence.GIVE_UP, "400", False),
        (401, "Unauthorized", Consequence.RETRY, "401", False),
        (404, "Not Found", Consequence.RETRY, "401", False),
        (409, "Conflict", Consequence.RETRY, "409", False),
        (500, "Internal Server Error: restart", Consequence.RETRY, None, True),
        (502, "Bad Gateway", Consequence.RETRY, None, True),
    ],
)
async def test_a_refusal(
    telegram: TelegramApi,
    bot: TelegramChannel,
    status: int,
    description: str,
    expected: Consequence,
    code: str | None,
    uncertain: bool,
) -> None:
    telegram.refuse("sendMessage", status, description)
    error = await failed(bot)
    assert (error.consequence, error.code, error.uncertain) == (expected, code, uncertain)


@pytest.mark.parametrize("as_timedelta", ["false", "true"])
async def test_too_many_requests(
    telegram: TelegramApi, bot: TelegramChannel, monkeypatch: pytest.MonkeyPatch, as_timedelta: str
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", as_timedelta)  # the library is moving from one to the other
    telegram.refuse("sendMessage", 429, retry_after=17)
    error = await failed(bot)
    assert (error.consequence, error.retry_after, error.uncertain) == (Consequence.RETRY, 17.0, False)


async def test_a_group_that_moved(telegram: TelegramApi, bot: TelegramChannel) -> None:
    moved = {"ok": False, "error_code": 400, "description": "moved", "parameters": {"migrate_to_chat_id": -100770077}}
    telegram.refuse("sendMessage", 400, body=json.dumps(moved))
    assert (await failed(bot)).consequence is Consequence.GIVE_UP


async def test_somebody_who_blocked_the_bot(telegram: TelegramApi, bot: TelegramChannel) -> None:
    telegram.blocked.add(CHAT)
    assert (await failed(bot)).consequence is Consequence.STOP_WRITING


async def test_no_answer_is_uncertain(telegram: TelegramApi) -> None:
    telegram.accept("sendMessage")
    telegram.say_nothing("sendMessage", accepted=True)
    channel = TelegramChannel(token=telegram.token, api_url=telegram.url, timeout=0.3)
    await channel.start()
    await channel.send(str(CHAT), Outbound("primeira"))
    error = await failed(channel)
    await channel.stop()
    assert (error.consequence, error.uncertain) == (Consequence.RETRY, True)
    assert len(telegram.calls("sendMessage")) == 2


async def test_a_connection_lost_on_the_way_is_uncertain(telegram: TelegramApi, bot: TelegramChannel) -> None:
    telegram.hang_up("sendMessage")
    error = await failed(bot)
    assert (error.consequence, error.uncertain) == (Consequence.RETRY, True)


@pytest.mark.parametrize("body", ["<html>captive portal</html>", '{"ok": true}', '{"ok": true, "result": {}}', "[]"])
async def test_an_unreadable_success_is_uncertain(telegram: TelegramApi, bot: TelegramChannel, body: str) -> None:
    telegram.refuse("sendMessage", 200, body=body)
    error = await failed(bot)
    assert (error.consequence, error.uncertain) == (Consequence.RETRY, True)


async def test_nobody_there_is_certain(unused_tcp_port: int) -> None:
    channel = TelegramChannel(token="1:never-in-a-log", api_url=f"http://127.0.0.1:{unused_tcp_port}/bot")
    await channel.start()
    error = await failed(channel)
    await channel.stop()
    assert (error.consequence, error.uncertain) == (Consequence.RETRY, False)


@pytest.mark.parametrize(
    ("method", "parameters", "description"),
    [
        ("sendMessage", {"chat_id": CHAT}, "text is required"),
        ("sendMessage", {"chat_id": CHAT, "text": "\n"}, "message text is empty"),
        ("sendMessage", {"chat_id": CHAT, "text": "x" * 4097}, "message is too long"),
        ("sendMessage", {"chat_id": str(CHAT), "text": "x"}, "not an integer"),
        ("sendMessage", {"chat_id": CHAT, "text": "x", "colour": 1}, "has no ['colour']"),
        ("sendMessage", {"chat_id": CHAT, "text": "x", "reply_markup": {"inline_keyboard": []}}, "can't parse"),
        (
            "sendMessage",
            {"chat_id": CHAT, "text": "x", "reply_markup": {"inline_keyboard": [[{"text": ""}]]}},
            "non-empty",
        ),
        (
            "sendMessage",
            {"chat_id": CHAT, "text": "x", "reply_markup": {"inline_keyboard": [[{"text": "a"}]]}},
            "unallowed",
        ),
        (
            "sendMessage",
            {
                "chat_id": CHAT,
                "text": "x",
                "reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "é" * 33}]]},
            },
            "BUTTON_DATA_INVALID",
        ),
        ("sendLocation", {"chat_id": CHAT, "latitude": 91, "longitude": 0}, "wrong location"),
        ("sendChatAction", {"chat_id": CHAT, "action": "dancing"}, "action"),
        ("deleteMessage", {"chat_id": CHAT, "message_id": 5}, "not found"),
        ("answerCallbackQuery", {"callback_query_id": "never asked"}, "query ID is invalid"),
        ("setWebhook", {"url": "http://farol.example/"}, "HTTPS"),
        ("setWebhook", {"url": "https://farol.example/", "secret_token": "a b"}, "unallowed"),
        ("getUpdates", {"limit": 0}, "limit"),
        ("sendPhoto", {}, "Not Found"),
    ],
)
async def test_the_emulator_is_strict(
    telegram: TelegramApi, method: str, parameters: dict[str, object], description: str
) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{telegram.url}{telegram.token}/{method}", json=parameters) as response:
            answer = await response.json()
    assert answer["ok"] is False and answer["error_code"] == response.status
    assert description in answer["description"]
    assert telegram.ledger == []


async def test_the_emulator_keeps_no_two_pollers_and_honours_offsets(telegram: TelegramApi) -> None:
    here = f"{telegram.url}{telegram.token}/"
    from tests.emulators.telegram_api import message

    ids = [(await telegram.push(message(CHAT, text)))["update_id"] for text in ("um", "dois", "três")]
    async with aiohttp.ClientSession() as session:

        async def get(**asked: object) -> dict[str, object]:
            async with session.post(here + "getUpdates", json=asked) as response:
                return await response.json()

        def numbers(answer: dict[str, object]) -> list[int]:
            return [update["update_id"] for update in answer["result"]]

        assert numbers(await get()) == ids
        assert numbers(await get(limit=1)) == ids[:1]
        assert numbers(await get(offset=ids[1])) == ids[1:]
        assert numbers(await get()) == ids[1:]
        assert numbers(await get(offset=-1)) == ids[2:]
        assert numbers(await get(offset=ids[2] + 1, timeout=0)) == []
        async with session.post(here + "setWebhook", json={"url": "https://farol.example/"}) as response:
            assert (await response.json())["ok"]
        assert (await get())["error_code"] == 409


async def test_messages_are_removed_a_hundred_at_a_time(telegram: TelegramApi, bot: TelegramChannel) -> None:
    await bot.remove(str(CHAT), ["1001 1002", *map(str, range(2000, 2120))])
    calls = telegram.calls("deleteMessages")
    assert [len(call["message_ids"]) for call in calls] == [100, 22] and calls[0]["message_ids"][:2] == [1001, 1002]
    assert (CHAT, 2119) in telegram.deleted


async def test_a_chat_that_blocked_us_cannot_be_cleared(telegram: TelegramApi, bot: TelegramChannel) -> None:
    telegram.blocked.add(CHAT)
    with pytest.raises(SendError) as caught:
        await bot.remove(str(CHAT), ["1001"])
    assert caught.value.consequence is Consequence.STOP_WRITING
