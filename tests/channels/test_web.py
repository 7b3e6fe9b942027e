"""The web chat over real HTTP: what a browser may send, what it is shown, and what nobody else gets to see."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from html import unescape
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from bot.channels.web import BODY_LIMIT, BUTTON_LIMIT, CONTENT_TYPES, COOKIE, LABELS, PAGE, SHOWN, WebChat, routes
from bot.messages import Button, Inbound, Location, Outbound
from tests.channels.leaks import Watch

XSS = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u2028\r\n\r\nevent: ready\ndata: {}"
HINT = "rights-and-testing"  # stands in every text of these tests, and must be in no log
TEXT = f"Olá, {HINT} à noite?"


CHAT = web.AppKey("chat", WebChat)


def words(tag: str) -> dict[str, str]:
    """As the assistant's own: Arabic, Spanish (also for those who read Portuguese), English for all others."""
    language = {"ar": "ar", "es": "es", "pt": "es"}.get(tag.partition("-")[0].lower(), "en")
    own = {label: f"{label} {language}" for label in LABELS}
    return {**own, "language": language, "direction": "rtl" if language == "ar" else "ltr"}


def entry(number: int, text: str = TEXT, **more: Any) -> dict[str, Any]:
    shown = {"buttons": [], "location": None, "ask_location": None, "direction": "ltr", "language": "pt"}
    return {"id": number, "text": text, **shown, **more}


class Desk:
    """The assistant behind the channel: takes messages, remembers what was sent, fails on demand."""

    def __init__(self) -> None:
        self.taken: list[Inbound] = []
        self.sent: dict[str, list[dict[str, Any]]] = {}
        self.fault: Exception | None = None
        self.hangs = False
        self.page_size = 100  # entries of the history given at a time
        self.read = asyncio.Event()  # somebody has looked into the history

    async def accept(self, event: Inbound) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.fault:
            raise self.fault
        self.taken.append(event)

    async def history(self, address: str, after: int) -> list[dict[str, Any]]:
        self.read.set()
        if self.fault:
            raise self.fault
        return [one for one in self.sent.get(address, []) if one["id"] > after][: self.page_size]

    def write(self, address: str, *entries: dict[str, Any]) -> None:
        self.sent.setdefault(address, []).extend(entries)


class Browser:
    """A page that is open: its cookie, its posts, its stream."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self.client = client
        self.origin = str(client.make_url("")).rstrip("/")

    @property
    def token(self) -> str:
        for cookie in self.client.session.cookie_jar:
            if cookie.key == COOKIE:
                return cookie.value
        return ""

    async def begin(self) -> Browser:
        async with self.client.get("/chat/words") as response:
            assert response.status == 200
        return self

    async def post(self, data: Any, headers: dict[str, str] | None = None, path: str = "/chat/messages") -> int:
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        own = {"Content-Type": "application/json", "Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        sent = {name: value for name, value in {**own, **(headers or {})}.items() if value}
        async with self.client.post(path, data=body, headers=sent, skip_auto_headers=["Content-Type"]) as response:
            return response.status

    async def say(self, text: str = TEXT, **more: Any) -> int:
        return await self.post({"id": str(uuid.uuid4()), "text": text, **more})

    async def stream(self, last: str | None = None, after: str | None = None) -> Stream:
        response = await self.client.get(
            "/chat/stream", params={"after": after} if after else {}, headers={"Last-Event-ID": last} if last else {}
        )
        assert response.status == 200
        return Stream(response)


class Stream:
    """A browser's EventSource: it knows ids, events and data, and drops comments."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.retry = 0

    async def next(self) -> tuple[str, str, Any]:
        """Id, event and data of the next event; ("", "end", None) when the stream has ended."""
        async with asyncio.timeout(5):
            while True:
                fields: dict[str, str] = {}
                while line := (await self.response.content.readline()).decode().rstrip("\n"):
                    name, _, value = line.partition(": ")
                    fields[name] = value
                self.retry = int(fields.get("retry", self.retry))
                if "data" in fields:
                    return fields.get("id", ""), fields.get("event", "message"), json.loads(fields["data"])
                if self.response.content.at_eof():
                    return "", "end", None

    async def until_ready(self) -> list[int]:
        """The ids of the messages up to the next `ready`."""
        seen: list[int] = []
        while True:
            _, event, data = await self.next()
            if event == "ready":
                return seen
            assert event == "message", event
            seen.append(data["id"])

    async def message(self) -> dict[str, Any]:
        while True:
            number, event, data = await self.next()
            assert event != "end"
            if event == "message":
                assert number == str(data["id"])
                return data


Open = Callable[..., Awaitable[Browser]]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest_asyncio.fixture
async def opened(desk: Desk, logs: Watch) -> AsyncIterator[Open]:
    """Opens a browser; with `like`, at the same server as another one; else with a channel of these settings."""
    logs.for_words(HINT)
    clients: list[TestClient[Any, Any]] = []

    async def open_one(like: Browser | None = None, session: bool = True, **settings: Any) -> Browser:
        if like:
            server = like.client.server
        else:
            chat = WebChat(**{"accept": desk.accept, "history": desk.history, "words": words, **settings})
            app = web.Application()
            app.add_routes(routes(chat))
            app[CHAT] = chat

            async def stop(_: web.Application) -> None:
                await chat.stop()

            app.on_shutdown.append(stop)
            server = TestServer(app)
        clients.append(TestClient(server))
        await clients[-1].start_server()
        browser = Browser(clients[-1])
        if session:
            await browser.begin()
            logs.for_words(browser.token)
        return browser

    yield open_one
    for client in reversed(clients):  # the first one owns the server
        await client.close()


def channel(browser: Browser) -> WebChat:
    return browser.client.server.app[CHAT]


# --- The page ---


async def test_the_page_speaks_the_browser_s_language(opened: Open) -> None:
    browser = await opened(session=False, leave_to="https://weather.example/?a=1&b=2")
    async with browser.client.get("/", headers={"Accept-Language": "ar-SY,en;q=0.5"}) as response:
        html = await response.text()
        assert response.content_type == "text/html"
        assert response.headers["Vary"] == "Accept-Language"
    assert '<html lang="ar" dir="rtl">' in html
    assert "<title>title ar</title>" in html and "welcome ar" in html
    assert 'data-to="https://weather.example/?a=1&amp;b=2"' in html
    assert "{{" not in html


async def test_the_page_itself_sets_no_cookie(opened: Open) -> None:
    browser = await opened(session=False)
    async with browser.client.get("/") as response:
        assert "Set-Cookie" not in response.headers


async def test_words_cannot_become_markup(opened: Open) -> None:
    browser = await opened(session=False, words=lambda tag: {**words(tag), "welcome": XSS, "leave": XSS, "title": XSS})
    async with browser.client.get("/") as response:
        html = await response.text()
    assert "<script>alert" not in html and "<img src=x" not in html
    assert html.count("<script") == 1
    assert XSS.replace("\r\n", "\n") in unescape(html).replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("", "en"),
        ("*", "en"),
        ("ar", "ar"),
        ("AR-sy", "ar"),
        ("en;q=0.2, ar;q=0.9", "ar"),
        ("ar;q=0, es", "es"),
        ("sw, es;q=0.3", "es"),  # the first of the browser's own languages that we have
        ("pt-BR", "es"),  # none of them: what is closest to the favourite
        ("pt, en;q=0.8", "en"),
        ("../../etc/passwd", "en"),
        ("x" * 5000, "en"),
        ("é;q=9,\u212a", "en"),
    ],
)
async def test_language(opened: Open, header: str, shown: str) -> None:
    browser = await opened()
    async with browser.client.get("/chat/words", headers={"Accept-Language": header}) as response:
        given = await response.json()
    assert given == words(shown)


async def test_words_that_are_not_translated_yet_are_shown_in_the_default_language(opened: Open) -> None:
    browser = await opened(words=lambda tag: words(tag) if tag == "en" else {"language": "ar", "direction": "rtl"})
    async with browser.client.get("/chat/words", headers={"Accept-Language": "ar"}) as response:
        assert await response.json() == {**words("en"), "language": "ar", "direction": "rtl"}


@pytest.mark.parametrize("name", sorted(path.name for path in PAGE.iterdir() if path.suffix in CONTENT_TYPES))
async def test_files(opened: Open, name: str) -> None:
    browser = await opened(session=False)
    async with browser.client.get("/") as response:
        version = re.search(rf"/chat/static/{name}\?v=(\w+)", await response.text())
    assert version
    for query, cached in (({"v": version[1]}, "immutable"), ({"v": "old"}, "no-cache"), ({}, "no-cache")):
        async with browser.client.get(f"/chat/static/{name}", params=query) as response:
            assert response.status == 200
            assert await response.read() == (PAGE / name).read_bytes()
            assert response.headers["Content-Type"] == f"{CONTENT_TYPES[(PAGE / name).suffix]}; charset=utf-8"
            assert cached in response.headers["Cache-Control"]


@pytest.mark.parametrize("name", ["index.html", "none.js", "..%2Fweb.py", "%2e%2e%2fweb.py", "%00", "chat.js%00.css"])
async def test_no_other_files(opened: Open, name: str) -> None:
    browser = await opened(session=False)
    async with browser.client.get(f"/chat/static/{name}") as response:
        assert response.status == 404


def test_the_page_has_no_inline_code_and_asks_nobody_else() -> None:
    html = (PAGE / "index.html").read_text("utf-8")
    assert re.findall(r"<script\b[^>]*>(.*?)</script>", html, re.DOTALL) == [""]
    assert not re.search(r"<style|\sstyle\s*=|\son\w+\s*=|javascript:", html, re.IGNORECASE)
    code = (PAGE / "chat.js").read_text("utf-8")
    sinks = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setAttribute\(.(on|style|href)"
    )
    assert not re.search(sinks, code)
    for file in PAGE.iterdir():
        addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", file.read_text("utf-8")))
        # A name that nobody looks up, and a map that opens only when it is tapped.
        assert addresses <= {"http://www.w3.org", "https://www.openstreetmap.org"}, file.name
    assert "openstreetmap" not in html


def test_the_page_keeps_nothing_in_the_browser() -> None:
    assert not re.search(r"localStorage|sessionStorage|indexedDB|caches\.|document\.cookie|serviceWorker", _code())


def test_the_page_uses_the_labels_that_it_is_given() -> None:
    html = (PAGE / "index.html").read_text("utf-8")
    in_page = set(re.findall(r"\{\{(\w+)\}\}", html)) - {"language", "direction", "version", "leave_to"}
    in_code = set(re.findall(r"words\.(\w+)", _code())) | {"sending", "sent"}  # the states name their labels
    assert in_page | in_code == set(LABELS)


def _code() -> str:
    return (PAGE / "chat.js").read_text("utf-8")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/chat/words", 200),
        ("GET", "/chat/static/chat.js", 200),
        ("GET", "/chat/static/none", 404),
        ("GET", "/chat/stream", 200),
        ("POST", "/chat/messages", 403),
        ("POST", "/chat/leave", 403),
    ],
)
async def test_headers(opened: Open, method: str, path: str, status: int) -> None:
    browser = await opened()
    async with browser.client.request(method, path) as response:
        assert response.status == status
        headers = response.headers
    policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == ("no-cache" if path.endswith(".js") else "no-store")
    assert not [name for name in headers if name.lower().startswith("access-control")]


def test_a_channel_without_its_words_does_not_start(desk: Desk) -> None:
    def some(tag: str) -> dict[str, str]:
        return {label: text for label, text in words(tag).items() if label not in ("send", "typing")}

    with pytest.raises(ValueError, match="'en' for: send, typing"):
        WebChat(accept=desk.accept, history=desk.history, words=some)


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "weather.example", ""])
def test_where_the_page_goes_is_an_address(desk: Desk, address: str) -> None:
    with pytest.raises(ValueError, match="leave_to"):
        WebChat(accept=desk.accept, history=desk.history, words=words, leave_to=address)


# --- The session ---


async def test_a_session_begins_with_the_words(opened: Open) -> None:
    browser = await opened(session=False)
    async with browser.client.get("/chat/words") as response:
        cookie = response.headers["Set-Cookie"]
    assert re.fullmatch(rf"{COOKIE}=[\w-]{{22}}; HttpOnly; Path=/chat; SameSite=Strict", cookie)
    async with browser.client.get("/chat/words") as response:
        assert "Set-Cookie" not in response.headers


async def test_behind_a_proxy_with_https_the_cookie_is_secure(opened: Open) -> None:
    browser = await opened(session=False, public_url="https://farol.example")
    async with browser.client.get("/chat/words") as response:
        assert "; Secure" in response.headers["Set-Cookie"]


async def test_with_https_of_our_own_the_cookie_is_secure(desk: Desk) -> None:
    chat = WebChat(accept=desk.accept, history=desk.history, words=words)
    response = await chat.words(make_mocked_request("GET", "/chat/words").clone(scheme="https"))
    assert response.cookies[COOKIE]["secure"]


@pytest.mark.parametrize(
    "value", ["", "short", "x" * 23, "x" * 21 + "!", "x" * 21 + "é", '"' + "x" * 22, "../" + "x" * 19]
)
async def test_a_cookie_that_is_not_ours_is_replaced(opened: Open, value: str) -> None:
    browser = await opened(session=False)
    sent = {"Cookie": f"{COOKIE}={value}"}
    async with browser.client.get("/chat/stream", headers=sent) as response:
        assert response.status == 401
    async with browser.client.get("/chat/words", headers=sent) as response:
        assert "Set-Cookie" in response.headers


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
async def test_other_sites_begin_and_read_nothing(opened: Open, site: str) -> None:
    browser = await opened()
    for path in ("/chat/words", "/chat/stream"):
        async with browser.client.get(path, headers={"Sec-Fetch-Site": site}) as response:
            assert response.status == 403
            assert "Set-Cookie" not in response.headers


async def test_leaving_ends_the_session_in_every_page(opened: Open) -> None:
    browser = await opened()
    first, second = await browser.stream(), await browser.stream()
    await first.until_ready()
    await second.until_ready()
    headers = {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}
    async with browser.client.post("/chat/leave", headers=headers) as response:
        assert response.status == 204
        assert f'{COOKIE}=""; expires=' in response.headers["Set-Cookie"]
        assert "Path=/chat" in response.headers["Set-Cookie"]
        assert response.headers["Clear-Site-Data"] == '"cache"'  # not "cookies": the console's are not ours to take
    assert (await first.next())[1] == (await second.next())[1] == "end"
    assert browser.token == ""
    assert await browser.say() == 401


async def test_leaving_twice_does_no_harm(opened: Open) -> None:
    browser = await opened(session=False)
    assert await browser.post(b"", path="/chat/leave") == 204


# --- What the person says ---


async def test_a_text(opened: Open, desk: Desk) -> None:
    browser = await opened()
    number = str(uuid.uuid4())
    assert await browser.post({"id": number, "text": TEXT}, {"Accept-Language": "pt-BR,en;q=0.5"}) == 202
    [event] = desk.taken
    assert (event.channel, event.sender, event.text) == ("web", browser.token, TEXT)
    assert (event.payload, event.location, event.media) == (None, None, None)
    assert event.language_hint == "pt-BR"
    assert event.sent_at and event.sent_at.tzinfo
    assert browser.token not in event.provider_id and number not in event.provider_id


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("  olá \n", "olá"),
        ("a\nb\tc", "a\nb\tc"),
        ("a\x00b\x07c\x7fd\re", "abcde"),
        ("a\ud800b\udfffc", "abc"),
        ("😀", "😀"),
        ("مرحبا", "مرحبا"),
        (XSS, XSS.replace("\r", "")),
        ("/intent{...}", "/intent{...}"),
        ("ሰ" * 5000, "ሰ" * 4096),
        (" " * 100 + "x" * 5000, "x" * 4096),
    ],
)
async def test_texts_are_cleaned_and_cut(opened: Open, desk: Desk, said: str, text: str) -> None:
    browser = await opened()
    raw = json.dumps({"id": str(uuid.uuid4()), "text": said}, ensure_ascii="\ud800" in said)
    assert await browser.post(raw.encode()) == 202
    assert desk.taken[0].text == text
    assert desk.taken[0].payload is None


async def test_a_button(opened: Open, desk: Desk) -> None:
    browser = await opened()
    choices = [{"title": "Sim", "payload": "answer:yes"}, {"title": "Não", "payload": "answer:no"}]
    desk.write(browser.token, entry(1, buttons=choices), entry(2))
    assert await browser.say("another title", payload="answer:no") == 202
    assert (desk.taken[0].payload, desk.taken[0].text) == ("answer:no", "Não")


async def test_a_payload_that_was_never_offered_is_only_text(opened: Open, desk: Desk) -> None:
    browser = await opened()
    other = await opened(like=browser)
    desk.write(other.token, entry(1, buttons=[{"title": "Sim", "payload": "answer:yes"}]))
    for payload in ("answer:yes", "intent:talk_to_human", "/intent{}"):
        assert await browser.say(payload=payload) == 202
    assert [(event.payload, event.text) for event in desk.taken] == [(None, TEXT)] * 3


async def test_a_button_with_the_title_that_was_shown_last(opened: Open, desk: Desk) -> None:
    browser = await opened()
    desk.page_size = 1
    for number, title in ((1, "Sim"), (2, "Não"), (3, "Oui")):
        payload = "answer:no" if title == "Não" else "answer:yes"
        desk.write(browser.token, entry(number, buttons=[{"title": title, "payload": payload}]))
    assert await browser.say(payload="answer:yes") == 202
    assert desk.taken[0].text == "Oui"


async def test_a_location(opened: Open, desk: Desk) -> None:
    browser = await opened()
    assert await browser.post({"id": str(uuid.uuid4()), "location": {"latitude": 38.72, "longitude": -9}}) == 202
    assert (desk.taken[0].location, desk.taken[0].text) == (Location(38.72, -9.0), "")


ID = "6f9619ff-8b86-4d01-b42d-00c04fc964ff"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        # Where it comes from
        ({"id": ID, "text": TEXT}, {"Sec-Fetch-Site": "cross-site"}, 403),
        ({"id": ID, "text": TEXT}, {"Sec-Fetch-Site": "same-site"}, 403),
        ({"id": ID, "text": TEXT}, {"Sec-Fetch-Site": "none"}, 403),
        ({"id": ID, "text": TEXT}, {"Origin": "https://evil.example"}, 403),
        ({"id": ID, "text": TEXT}, {"Origin": "null"}, 403),
        ({"id": ID, "text": TEXT}, {"Origin": "http://[bad"}, 403),
        ({"id": ID, "text": TEXT}, {"Origin": "https://evil.example", "Sec-Fetch-Site": ""}, 403),
        ({"id": ID, "text": TEXT}, {"Origin": "", "Sec-Fetch-Site": ""}, 403),
        # Who
        ({"id": ID, "text": TEXT}, {"Cookie": "farol_chat=nonsense"}, 401),
        # What kind
        ({"id": ID, "text": TEXT}, {"Content-Type": "text/plain"}, 415),
        ({"id": ID, "text": TEXT}, {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"id": ID, "text": TEXT}, {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ({"id": ID, "text": TEXT}, {"Content-Type": ""}, 415),
        (gzip.compress(json.dumps({"id": ID, "text": TEXT}).encode(), mtime=0), {"Content-Encoding": "gzip"}, 415),
        # How much
        (b" " * (BODY_LIMIT + 1), {}, 413),
        (json.dumps({"id": ID, "text": "x" * BODY_LIMIT}).encode(), {}, 413),
        # What it says
        (b"", {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"not json", {}, 400),
        (b"[" * BODY_LIMIT, {}, 400),
        (b'{"a":' * 3000, {}, 400),
        ([], {}, 400),
        ("text", {}, 400),
        (None, {}, 400),
        ({"text": TEXT}, {}, 400),
        ({"id": 1, "text": TEXT}, {}, 400),
        ({"id": "", "text": TEXT}, {}, 400),
        ({"id": ID + "\n", "text": TEXT}, {}, 400),
        ({"id": "../../../../../../../../../../../../", "text": TEXT}, {}, 400),
        ({"id": ID}, {}, 400),
        ({"id": ID, "text": None}, {}, 400),
        ({"id": ID, "text": ["a"]}, {}, 400),
        ({"id": ID, "text": " \n\t\x00\u2003 "}, {}, 400),
        ({"id": ID, "text": TEXT, "payload": 1}, {}, 400),
        ({"id": ID, "text": TEXT, "payload": ""}, {}, 400),
        ({"id": ID, "text": TEXT, "payload": "é" * 33}, {}, 400),
        ({"id": ID, "text": TEXT, "payload": "a\ud800"}, {}, 400),
        ({"id": ID, "payload": "answer:yes"}, {}, 400),
        ({"id": ID, "location": {}}, {}, 400),
        ({"id": ID, "location": [1, 2]}, {}, 400),
        ({"id": ID, "location": {"latitude": "1", "longitude": 2}}, {}, 400),
        ({"id": ID, "location": {"latitude": True, "longitude": 2}}, {}, 400),
        ({"id": ID, "location": {"latitude": 91, "longitude": 2}}, {}, 400),
        ({"id": ID, "location": {"latitude": 1, "longitude": 180.1}}, {}, 400),
        ({"id": ID, "location": {"latitude": float("nan"), "longitude": 2}}, {}, 400),
        ({"id": ID, "location": {"latitude": float("inf"), "longitude": 2}}, {}, 400),
        ({"id": ID, "location": {"latitude": 10**400, "longitude": 2}}, {}, 400),
        (b'{"id":"' + ID.encode() + b'","location":{"latitude":' + b"9" * 5000 + b',"longitude":2}}', {}, 400),
        ({"id": ID, "location": {"latitude": 1, "longitude": 2}, "text": TEXT}, {}, 400),
    ],
)
async def test_refusals(opened: Open, desk: Desk, body: Any, headers: dict[str, str], status: int) -> None:
    browser = await opened(session="Cookie" not in headers)
    assert await browser.post(body, headers) == status
    assert desk.taken == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": ""},  # browsers before 2023
        {"Origin": ""},
        {"Origin": "https://farol.example"},  # as people see us, when a proxy calls us by another name
        {"Content-Type": "application/json; charset=utf-8"},
    ],
)
async def test_what_our_own_page_may_look_like(opened: Open, desk: Desk, headers: dict[str, str]) -> None:
    browser = await opened(session=False, public_url="https://farol.example/")
    token = "own-token-of-22-chars_"
    assert await browser.post({"id": ID, "text": TEXT}, {"Cookie": f"{COOKIE}={token}", **headers}) == 202
    assert len(desk.taken) == 1


async def test_a_body_of_unknown_length_is_cut_off(opened: Open, desk: Desk) -> None:
    browser = await opened()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(BODY_LIMIT):
            yield b" " * 1024

    headers = {"Content-Type": "application/json", "Origin": browser.origin}
    try:
        async with browser.client.post("/chat/messages", data=endless(), headers=headers) as response:
            assert response.status == 413
    except aiohttp.ClientConnectionError:
        pass  # the door was closed while it was still talking
    assert desk.taken == []


async def test_a_body_that_never_ends_is_not_waited_for(opened: Open, desk: Desk) -> None:
    browser = await opened(timeout=0.05)
    stalled = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"id":'
        await stalled.wait()

    headers = {"Content-Type": "application/json", "Origin": browser.origin}
    async with browser.client.post("/chat/messages", data=slow(), headers=headers) as response:
        assert response.status == 408
        stalled.set()
    assert desk.taken == []


async def test_a_repeated_message_is_recognised_and_only_for_its_sender(opened: Open, desk: Desk) -> None:
    browser = await opened()
    other = await opened(like=browser)
    assert other.token != browser.token
    for who, number in ((browser, ID), (browser, ID.upper()), (other, ID), (browser, str(uuid.uuid4()))):
        assert await who.post({"id": number, "text": TEXT}) == 202
    first, again, others, second = [event.provider_id for event in desk.taken]
    assert first == again
    assert len({first, others, second}) == 3


async def test_what_could_not_be_stored_is_not_acknowledged(opened: Open, desk: Desk, logs: Watch) -> None:
    browser = await opened()
    desk.fault = RuntimeError(f"could not store {TEXT}")
    headers = {"Content-Type": "application/json", "Origin": browser.origin}
    async with browser.client.post("/chat/messages", json={"id": ID, "text": TEXT}, headers=headers) as response:
        assert response.status == 503
        assert response.headers["Retry-After"]
    desk.fault = None
    assert await browser.post({"id": ID, "text": TEXT}) == 202
    assert "bot.channels.web ERROR message not stored: RuntimeError" in logs.lines


async def test_a_store_that_hangs_is_not_waited_for(opened: Open, desk: Desk) -> None:
    browser = await opened(timeout=0.05)
    desk.hangs = True
    assert await browser.say() == 503


# --- What Farol says ---


async def test_a_stream_begins_with_what_was_sent(opened: Open, desk: Desk) -> None:
    browser = await opened()
    place = {"latitude": 38.7, "longitude": -9.1, "label": "Rossio"}
    first = entry(3, location=place, ask_location="Onde?", buttons=[{"title": "Sim", "payload": "answer:yes"}])
    desk.write(browser.token, {**first, "person": "never shown", "key": "greeting"}, entry(7, "مرحبا", direction="rtl"))
    stream = await browser.stream()
    assert stream.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert stream.response.headers["X-Accel-Buffering"] == "no"
    assert await stream.message() == first and set(first) == set(SHOWN)
    assert (await stream.message())["direction"] == "rtl"
    assert (await stream.next())[1] == "ready"
    assert stream.retry == 3000


@pytest.mark.parametrize(
    ("last", "after", "shown"),
    [
        (None, None, [3, 7, 9]),
        ("3", None, [7, 9]),
        (None, "7", [9]),
        ("7", "3", [9]),  # the address is as old as the page, the header is not
        ("99", None, []),
        ("-1", "x", [3, 7, 9]),
        ("9" * 30, "1e9", [3, 7, 9]),
        ("٧", None, [3, 7, 9]),
    ],
)
async def test_a_stream_goes_on_where_it_was(
    opened: Open, desk: Desk, last: str | None, after: str | None, shown: list[int]
) -> None:
    browser = await opened()
    desk.write(browser.token, entry(3), entry(7), entry(9))
    stream = await browser.stream(last, after)
    assert await stream.until_ready() == shown


async def test_a_long_history_is_read_to_its_end(opened: Open, desk: Desk) -> None:
    browser = await opened()
    desk.page_size = 2
    desk.write(browser.token, *(entry(number) for number in range(1, 8)))
    stream = await browser.stream()
    assert await stream.until_ready() == [1, 2, 3, 4, 5, 6, 7]


async def test_a_reply_arrives_at_once_in_every_page_of_the_person_and_in_no_other(opened: Open, desk: Desk) -> None:
    browser = await opened()
    other = await opened(like=browser)
    streams = [await browser.stream(), await browser.stream(), await other.stream()]
    for stream in streams:
        await stream.until_ready()
    desk.write(browser.token, entry(1))
    number = await channel(browser).send(browser.token, Outbound(TEXT))
    assert number and browser.token not in number
    assert [(await stream.message())["id"] for stream in streams[:2]] == [1, 1]
    desk.write(other.token, entry(2))
    await channel(browser).send(other.token, Outbound(TEXT))
    assert (await streams[2].message())["id"] == 2


async def test_a_reply_to_a_closed_page_waits_for_it(opened: Open, desk: Desk) -> None:
    browser = await opened()
    desk.write(browser.token, entry(1))
    await channel(browser).send(browser.token, Outbound(TEXT))
    assert (await (await browser.stream()).message())["id"] == 1


async def test_a_reply_that_is_committed_only_after_it_was_sent_is_not_missed(opened: Open, desk: Desk) -> None:
    browser = await opened(follow_ups=(0.0, 0.01, 0.05))
    stream = await browser.stream()
    await stream.until_ready()
    desk.read.clear()
    await channel(browser).send(browser.token, Outbound(TEXT))
    await desk.read.wait()  # it has looked, and there was nothing
    desk.write(browser.token, entry(1))
    assert (await stream.message())["id"] == 1


async def test_a_reply_that_another_process_sent_arrives_with_the_next_heartbeat(opened: Open, desk: Desk) -> None:
    browser = await opened(heartbeat=0.01)
    stream = await browser.stream()
    await stream.until_ready()
    await stream.until_ready()  # a beat
    desk.write(browser.token, entry(1))
    assert (await stream.message())["id"] == 1


async def test_a_text_cannot_become_an_event_or_markup(opened: Open, desk: Desk) -> None:
    browser = await opened()
    choice = {"title": XSS, "payload": "answer:yes"}
    desk.write(browser.token, entry(1, XSS, buttons=[choice], location={"latitude": 1, "longitude": 2, "label": XSS}))
    stream = await browser.stream()
    raw = (await stream.response.content.readuntil(b"}\n\n")).decode()
    [data] = [line for line in raw.splitlines() if line.startswith("data:")]
    assert json.loads(data.removeprefix("data: "))["text"] == XSS
    assert raw.count("event:") == data.count("event:") == 3  # inside the string, where a line break is \n in letters
    assert (await stream.next())[1] == "ready"


@pytest.mark.parametrize("settings", [{"streams": 0}, {"streams_each": 0}])
async def test_without_a_free_stream_the_page_comes_back_and_asks(
    opened: Open, desk: Desk, settings: dict[str, int]
) -> None:
    browser = await opened(**settings)
    desk.write(browser.token, entry(1))
    stream = await browser.stream()
    assert await stream.until_ready() == [1]
    assert (await stream.next())[1] == "end"
    assert stream.retry == 5000


async def test_streams_are_bounded_and_a_page_that_went_makes_room(opened: Open) -> None:
    browser = await opened(streams=1, heartbeat=3600)
    other = await opened(like=browser)
    held = await browser.stream()
    await held.until_ready()
    turned_away = await other.stream()
    await turned_away.until_ready()
    assert (await turned_away.next())[1] == "end"
    await browser.client.session.close()  # without a word, as browsers do
    async with asyncio.timeout(5):
        while True:  # until the server has noticed
            taken = await other.stream()
            await taken.until_ready()
            if taken.retry == 3000:
                break


async def test_a_history_that_fails_ends_the_stream_which_is_opened_again(
    opened: Open, desk: Desk, logs: Watch
) -> None:
    browser = await opened()
    stream = await browser.stream()
    await stream.until_ready()
    desk.fault = RuntimeError(TEXT)
    channel(browser).wake(browser.token)
    assert (await stream.next())[1] == "end"
    assert "bot.channels.web ERROR stream ended: RuntimeError" in logs.lines
    desk.fault = None
    desk.write(browser.token, entry(1))
    assert (await (await browser.stream()).message())["id"] == 1


async def test_stopping_ends_the_streams(opened: Open) -> None:
    browser = await opened()
    stream = await browser.stream()
    await stream.until_ready()
    chat = channel(browser)
    await chat.stop()
    await chat.stop()
    assert (await stream.next())[1] == "end"
    late = await browser.stream()
    await late.until_ready()
    assert (await late.next())[1] == "end"
    await chat.start()
    again = await browser.stream()
    await again.until_ready()
    assert again.retry == 3000


@pytest.mark.parametrize(
    "message",
    [
        Outbound(""),
        Outbound(" \n"),
        Outbound("x" * 4097),
        Outbound("x", buttons=(Button("Sim", "yes"),) * (BUTTON_LIMIT + 1)),
        Outbound("x", buttons=(Button(" ", "yes"),)),
        Outbound("x", buttons=(Button("Sim", ""),)),
        Outbound("x", buttons=(Button("Sim", "é" * 33),)),
    ],
)
async def test_a_message_that_does_not_fit_is_a_mistake_of_ours(desk: Desk, message: Outbound) -> None:
    chat = WebChat(accept=desk.accept, history=desk.history, words=words)
    with pytest.raises(ValueError):
        await chat.send("nobody", message)


def test_traits(desk: Desk) -> None:
    traits = WebChat.traits
    assert (traits.name, traits.text_limit, traits.title_limit) == ("web", 4096, 40)
    assert traits.button_limit >= 8
    assert traits.can_ask_location and traits.can_send_location
