"""The edge over real connections: what drips, floods, or comes in the wrong wrapping; and what every answer carries."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web

from bot import edge
from bot.admission import Admission, countries
from bot.conversation.pace import QUICK, SAME, Pace, judge
from bot.edge import HEADER_SECONDS, IDLE_SECONDS, Limits, Porter, body_of, hardened, server_log
from bot.messages import Inbound


class Inside:
    """Keeps what was let in."""

    def __init__(self) -> None:
        self.let_in: list[Inbound] = []

    async def accept(self, message: Inbound) -> bool:
        self.let_in.append(message)
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def server():
    """A server with our edge around a few handlers: (address, porter, its clock)."""
    clock = Clock()
    porter = Porter(clock=clock)
    app = web.Application(client_max_size=64 * 1024, middlewares=[hardened("https://farol.test"), porter.middleware])

    async def broken(request):
        raise RuntimeError("canary what somebody wrote")

    async def hook(request):
        return web.json_response({"bytes": len(await body_of(request))})

    app.add_routes([web.get("/broken", broken), web.post("/hook", hook)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    porter._server = runner.server
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", porter, clock
    await runner.cleanup()


async def test_a_connection_that_may_be_used_again_is_kept_longer_than_one_that_has_said_nothing(server):
    address, porter, clock = server
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{address}/none"):
            pass
        _, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        for _ in range(100):  # until the server has taken it up
            porter.look()
            if len(porter._waiting) == 2:
                break
            await asyncio.sleep(0)
        clock.now += HEADER_SECONDS
        assert porter.look() == 1, "the silent one"
        async with http.get(f"{address}/none") as answer:
            assert answer.status == 404
        porter.look()
        clock.now += IDLE_SECONDS
        assert porter.look() == 1
        writer.close()


@pytest.mark.parametrize("path", ["/broken", "/none", "/hook"])
async def test_every_answer_carries_the_headers(server, path, caplog):
    address, _, _ = server
    async with aiohttp.ClientSession() as http, http.get(address + path) as answer:
        assert answer.status == {"/broken": 503, "/none": 404, "/hook": 405}[path]
        for name, value in {**edge.HEADERS, **edge.HSTS}.items():
            assert answer.headers[name] == value
        assert answer.headers["Server"] == "farol"
        assert "canary" not in await answer.text() + caplog.text


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "application/json"}, b"{}", 200),
        ({"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}, b"a=1", 200),
        ({"Content-Type": "text/xml"}, b"<a/>", 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--", 415),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"\x1f\x8b", 415),
        ({"Content-Type": "application/json"}, b"x" * 65_537, 413),
        ({"Content-Type": "application/json"}, b"x" * 800_000, 413),
        ({"Content-Type": "application/octet-stream"}, b"x" * 100_000, 413),
    ],
)
async def test_what_a_webhook_may_look_like(server, headers, body, status):
    address, _, _ = server
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        async with http.post(
            address + "/hook", data=body, headers=headers, skip_auto_headers=["Content-Type"]
        ) as answer:
            assert answer.status == status


async def test_a_body_that_drips_is_given_up(server, monkeypatch):
    address, _, _ = server
    monkeypatch.setattr(edge, "BODY_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rsplit(":", 1)[1]))
    writer.write(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
    async with asyncio.timeout(20):
        assert b" 408 " in await reader.readline()
    writer.close()


async def test_connections_that_never_ask_are_closed_and_others_are_not(server):
    """500 that say nothing, or half a head, and drip on; somebody who asks meanwhile is served and stays connected."""
    address, porter, clock = server
    port = int(address.rsplit(":", 1)[1])
    slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(500)]
    for _, writer in slow[::2]:
        writer.write(b"POST /hook HTTP/1.1\r\nHost: x\r\nX-Drip: ")
    async with aiohttp.ClientSession() as http:
        async with asyncio.timeout(20):
            while len(porter._server.connections) < 500:
                async with http.get(address + "/none") as answer:
                    assert answer.status == 404
        assert porter.look() == 0
        clock.now += 6
        async with http.get(address + "/none") as answer:
            await answer.read()
        assert porter.look() == 0
        clock.now += 6
        for _, writer in slow[::2]:
            writer.write(b"x")
        assert porter.look() == 500
        async with asyncio.timeout(20):
            for reader, _ in slow:
                with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                    await reader.readexactly(1)
        async with http.get(address + "/none") as answer:
            assert answer.status == 404
    for _, writer in slow:
        writer.close()


def test_one_sender_s_flood_leaves_room_for_others():
    clock = Clock()
    limits = Limits(each=(0.5, 30), all_together=(10, 100), clock=clock)
    assert sum(limits.allow("sms", "flood") for _ in range(10_000)) == 30
    assert all(limits.allow("sms", f"person-{n}") for n in range(70))
    assert not limits.allow("sms", "the 101st at once")
    assert limits.refused == 9_970 + 1
    clock.now += 10
    assert sum(limits.allow("sms", "flood") for _ in range(100)) == 5


async def test_danger_is_let_in_whatever_else_is_not(screen):
    inside, clock = Inside(), Clock()
    door = Admission(inside, screen, countries("fr, es"), Limits(each=(0, 1), clock=clock), Limits(clock=clock))
    for text in ("hello", "hello", "I want to kill myself"):
        await door.accept(Inbound("sms", text, "+33612345678", text))
    await door.accept(Inbound("sms", "x", "+12025550123", "hello"))
    await door.accept(Inbound("sms", "x", "77077", "hello"))
    await door.accept(Inbound("sms", "y", "+12025550123", "I want to kill myself"))
    await door.accept(Inbound("whatsapp", "z", "+12025550123", "hello"))
    assert [(one.sender, one.text) for one in inside.let_in] == [
        ("+33612345678", "hello"), ("+33612345678", "I want to kill myself"),
        ("+12025550123", "I want to kill myself"), ("+12025550123", "hello"),
    ]  # fmt: skip
    assert door.abroad == 2


def test_a_country_that_is_none_is_named():
    with pytest.raises(ValueError, match="FAROL_SMS_COUNTRIES: 'FRANCE'"):
        countries("FRANCE")


# --- pace ------------------------------------------------------------------------------------------------------------


def answered(messages: list[tuple[str, float]], limit: int = 100, **how: bool) -> list[str]:
    pace, verdicts, at = Pace(), [], 1_760_000_000.0
    for text, pause in messages:
        at += pause
        pace, verdict = judge(pace, text, at, limit, **how)
        verdicts.append(verdict)
    return verdicts


def test_two_machines_end_within_five_messages():
    automatic = [("Thank you for your message. We will answer soon.", 40.0)] * 8
    assert answered(automatic).index("silence") == SAME < 5
    chatty = [(f"{n} " + "I am a helpful machine and here is a long answer, number " * 2, 1.0) for n in range(8)]
    assert answered(chatty).index("silence") <= QUICK < 5


@pytest.mark.parametrize(
    "messages",
    [
        [("1", 2.0)] * 10,
        [("MORE", 2.0)] * 10,
        [(f"where can I get a test in town number {n}, I have no papers and no money at all", 25.0) for n in range(20)],
        [("hello", 1.0), ("are you there", 1.0), ("please", 1.0), ("I need to know", 1.0), ("is PrEP free", 1.0)],
    ],
)
def test_people_are_answered(messages):
    assert set(answered(messages)) == {"answer"}


def test_a_button_may_be_pressed_at_will():
    assert set(answered([("About HIV and testing", 0.5)] * 20, pressed=True)) == {"answer"}


def test_a_day_has_an_end_and_says_so_once():
    verdicts = answered([(f"question {n}", 30.0) for n in range(15)], limit=10)
    assert verdicts == ["answer"] * 10 + ["limit"] + ["silence"] * 4
    assert answered([("q", 30.0)] * 10 + [("q", 86_400.0)], limit=10)[-1] == "answer"


async def test_after_the_cap_danger_is_still_answered(assistant, content):
    assistant.workers._answering._daily_limit = 1
    await assistant.receive("hello", language_hint="en")
    assert await assistant.receive("hello again") == [content.words("en").words["daily_limit"]]
    assert await assistant.receive("and again") == []
    assert await assistant.receive("I want to kill myself") != []
    assert len(await assistant.receive("STOP")) == 1


def test_the_limits_can_be_lifted_for_a_benchmark():
    limits = edge.no_limits()
    assert all(limits.allow("web", "one") for _ in range(5_000))


async def test_a_request_that_cannot_be_read_is_not_quoted(caplog):
    """aiohttp's own log line holds the request's bytes and whose address it came from."""
    runner = web.AppRunner(web.Application(), access_log=None, logger=server_log())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.addresses[0][1])
    writer.write(b"GET / HTTP/1.1\r\nCookie: farol_chat=canary\x00\r\nHost: x\r\n\r\n")
    assert b" 400 " in await reader.readline()
    writer.close()
    await runner.cleanup()
    said = [(record.name, record.getMessage(), record.exc_info) for record in caplog.records]
    assert [name for name, _, _ in said if name == "farol.http"], "it is told all the same"
    assert not [
        one for one in said if "canary" in one[1] or "127.0.0.1" in one[1] or (one[0] == "farol.http" and one[2])
    ]
