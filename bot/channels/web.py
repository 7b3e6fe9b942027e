"""Chat on our own web page: posts of a little JSON up, server-sent events down, no provider in between.

The browser keeps one session cookie and nothing else; the page asks nobody but us for anything.
What is in an event stream: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from bot.channels.base import Accept
from bot.messages import ChannelTraits, Inbound, Location, Outbound

log = logging.getLogger(__name__)

Entry = dict[str, Any]
Words = dict[str, str]
History = Callable[[str, int], Awaitable[list[Entry]]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PAGE = Path(__file__).parent / "web_page"
TEXT_LIMIT = 4096
BUTTON_LIMIT = 24
TITLE_LIMIT = 40
PAYLOAD_LIMIT = 64  # bytes, as everywhere
BODY_LIMIT = 16 * 1024
COOKIE = "farol_chat"
COOKIE_PATH = "/chat"  # neither the console nor anything else of this host is sent it
TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")  # 128 random bits
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
NOT_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")  # what no database and no model should meet
RECONNECT = 3  # s until a browser opens a broken stream again
UNSTORED_LIMIT = 1000  # people for whom a message in no history is kept until their page is open
POLL = 5  # s between the visits of a browser for which no stream was free

# A comment for proxies, and an event for the page: a phone that has changed networks may not notice otherwise.
BEAT = ": still here\nevent: ready\ndata: {}\n\n"

# What the page shows of its own; `words` gives them all, with `language` and `direction` (ltr or rtl).
LABELS = (
    "title",
    "tagline",
    "welcome",
    "delete_hint",
    "leave",
    "messages",
    "placeholder",
    "send",
    "you",
    "assistant",
    "typing",
    "sending",
    "sent",
    "failed",
    "retry",
    "connection_lost",
    "my_location",
    "location_failed",
    "open_map",
    "no_script",
)

# What the browser is given in a message; anything else in an entry of the history stays here.
SHOWN = ("id", "text", "buttons", "location", "ask_location", "direction", "language")

CONTENT_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self), camera=(), microphone=()",
}


def routes(chat: WebChat) -> list[web.RouteDef]:
    """What the gateway adds to its router; `chat.stop` belongs in its `on_shutdown`, else open streams delay it."""
    return [
        web.get("/", _hardened(chat.page)),
        web.get("/chat/static/{name}", _hardened(chat.asset)),
        web.get("/chat/words", _hardened(chat.words)),
        web.get("/chat/stream", _hardened(chat.stream), allow_head=False),
        web.post("/chat/messages", _hardened(chat.receive)),
        web.post("/chat/leave", _hardened(chat.leave)),
    ]


class WebChat:
    """The page, and the channel behind it. A person's address is the random token in their cookie.

    accept: stores an Inbound, and may get the same one twice; when it raises, the page is told to try again.
    history(address, after): the first messages sent to this browser with an `id` above `after`, in order:
        {"id": 17, "text": "…", "buttons": [{"title": "Yes", "payload": "answer:yes"}], "location": None,
         "ask_location": None, "direction": "ltr", "language": "en"}
        Ids grow in the order in which messages become visible: one that appears late is never shown.
        A message counts as sent as soon as `send` may have been called for it.
    words(tag): LABELS in the language closest to a tag of the browser's ("pt-BR"), with `language` and `direction`.
    public_url: what people open, when a proxy is in front. leave_to: where the page goes when it is left in a hurry.
    streams, streams_each: how many are held open, in all and for one person; beyond that a browser asks every POLL s.
    heartbeat (s): how often an idle stream says that it lives, and looks for what another process has sent.
    follow_ups (s): pauses until it looks again after a `send`, whose message may be committed only later.
    """

    traits = ChannelTraits(
        "web",
        TEXT_LIMIT,
        button_limit=BUTTON_LIMIT,
        title_limit=TITLE_LIMIT,
        can_ask_location=True,
        can_send_location=True,
    )

    def __init__(
        self,
        *,
        accept: Accept,
        history: History,
        words: Callable[[str], Words],
        default_language: str = "en",
        public_url: str | None = None,
        leave_to: str = "about:blank",
        streams: int = 500,
        streams_each: int = 4,
        heartbeat: float = 15.0,
        follow_ups: tuple[float, ...] = (0.1, 0.5, 2.0),
        timeout: float = 10.0,
    ) -> None:
        if leave_to != "about:blank" and urlsplit(leave_to).scheme not in ("http", "https"):
            raise ValueError(f"leave_to is about:blank or an address with http or https, not {leave_to!r}")
        missing = [key for key in ("language", "direction", *LABELS) if key not in words(default_language)]
        if missing:
            raise ValueError(f"the web page has no words in {default_language!r} for: {', '.join(missing)}")
        self._accept = accept
        self._history = history
        self._words_in = words
        self._default_language = default_language
        self._public = urlsplit(public_url or "")
        self._leave_to = leave_to
        self._limit, self._limit_each = streams, streams_each
        self._heartbeat, self._follow_ups, self._timeout = heartbeat, follow_ups, timeout
        self._streams: dict[str, list[_Stream]] = {}
        self._unstored: dict[str, list[Entry]] = {}
        self._stopped = False
        self._html = (PAGE / "index.html").read_text("utf-8")
        self._assets = {path.name: path.read_bytes() for path in PAGE.iterdir() if path.suffix in CONTENT_TYPES}
        self._version = hashlib.sha256(b"".join(self._assets[name] for name in sorted(self._assets))).hexdigest()[:12]

    async def start(self) -> None:
        self._stopped = False

    async def stop(self) -> None:
        """End every open stream; browsers come back by themselves and miss nothing."""
        self._stopped = True
        for address in list(self._streams):
            self._end(address)

    async def send(self, address: str, message: Outbound) -> str:
        """Wake the person's page, which reads the message from the history, now or when it is next open.

        Raises ValueError for a message that does not fit; never SendError.
        """
        _check(message)
        self.wake(address)
        return secrets.token_hex(8)

    async def tell(self, address: str, message: Outbound, language: str, direction: str) -> None:
        """Show a message that is in no history, because nothing can be stored: at once, or when a page is next open."""
        _check(message)
        entry = {"id": None, "language": language, "direction": direction, **asdict(message)}
        self._unstored.setdefault(address, []).append(entry)
        while len(self._unstored) > UNSTORED_LIMIT:
            self._unstored.pop(next(iter(self._unstored)))
        self.wake(address)

    def wake(self, address: str) -> None:
        """Have the person's open pages look into the history: for a message that another process has sent."""
        for stream in self._streams.get(address, ()):
            stream.bell.set()

    async def page(self, request: web.Request) -> web.Response:
        """The page in the browser's language. It sets no cookie: see `words`."""
        fill = {**self._words(request), "version": self._version, "leave_to": self._leave_to}
        html = re.sub(r"\{\{(\w+)\}\}", lambda found: escape(fill[found[1]]), self._html)
        response = web.Response(
            text=html, content_type="text/html", headers={"Cache-Control": "no-store", "Vary": "Accept-Language"}
        )
        response.enable_compression()
        return response

    async def asset(self, request: web.Request) -> web.Response:
        """A file of the page, for good under the version that the page asks for."""
        name = request.match_info["name"]
        if name not in self._assets:
            raise web.HTTPNotFound(text="no such file")
        lasts = request.query.get("v") == self._version
        response = web.Response(
            body=self._assets[name],
            content_type=CONTENT_TYPES[Path(name).suffix],
            charset="utf-8",
            headers={"Cache-Control": "private, max-age=31536000, immutable" if lasts else "no-cache"},
        )
        response.enable_compression()
        return response

    async def words(self, request: web.Request) -> web.Response:
        """The page's labels; the session begins here.

        Not with the page itself: a SameSite=Strict cookie is not sent when somebody follows a link to us,
        and the new one would end the conversation that they already have.
        """
        _refuse_cross_site(request)
        response = web.json_response(
            self._words(request), headers={"Cache-Control": "no-store", "Vary": "Accept-Language"}
        )
        if not _session(request):
            response.set_cookie(COOKIE, secrets.token_urlsafe(16), **self._cookie(request))
        return response

    async def receive(self, request: web.Request) -> web.Response:
        """Take one message: {"id": uuid, "text": "…"}, {…, "payload": "…", "text": "…"} or
        {"id": uuid, "location": {"latitude": 38.72, "longitude": -9.14}}. 202 once it is stored."""
        self._refuse_other_origins(request)
        body = await _body(request, self._timeout)
        address = _required_session(request)
        try:
            said = _read(body)
        except (ValueError, RecursionError) as error:
            raise web.HTTPBadRequest(text=str(error) if type(error) is ValueError else "not JSON") from None
        try:
            async with asyncio.timeout(self._timeout):
                await self._accept(await self._event(address, said, request))
        except Exception as error:  # whatever it was, the page still holds the message
            log.error("message not stored: %s", type(error).__name__)
            raise web.HTTPServiceUnavailable(text="try again", headers={"Retry-After": "2"}) from None
        return web.Response(status=202, headers={"Cache-Control": "no-store"})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """What was sent since Last-Event-ID (or ?after=), then a `ready` event, then what is being sent, and so on."""
        _refuse_cross_site(request)
        address = _required_session(request)
        stream = self._hold(address, request)
        response = web.StreamResponse(
            headers={
                **HEADERS,  # they must be there before the first byte
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        try:
            await response.prepare(request)
            await self._write(response, f"retry: {(RECONNECT if stream else POLL) * 1000}\n\n")
            await self._show_unstored(response, address)
            after = await self._catch_up(response, address, _seen(request))
            await self._write(response, BEAT)
            if stream:
                await self._follow(response, address, after, stream)
        except OSError:  # a time-out included: the browser has gone, or reads nothing
            pass
        except Exception as error:  # the browser opens it again and goes on where it was
            log.error("stream ended: %s", type(error).__name__)
        finally:
            self._release(address, stream)
        return response

    async def leave(self, request: web.Request) -> web.Response:
        """Forget the session in this browser: its cookie, its other open pages, its copy of our files."""
        self._refuse_other_origins(request)
        response = web.Response(status=204, headers={"Cache-Control": "no-store", "Clear-Site-Data": '"cache"'})
        if address := _session(request):
            self._end(address)
        response.del_cookie(COOKIE, **self._cookie(request))
        return response

    async def _follow(self, response: web.StreamResponse, address: str, after: int, stream: _Stream) -> None:
        pauses: Iterator[float] = iter(())
        while True:
            if await _rings(stream.bell, next(pauses, self._heartbeat)):
                pauses = iter(self._follow_ups)
            if stream.ended:
                return
            stream.bell.clear()  # before reading: what is sent meanwhile rings again
            seen = after
            await self._show_unstored(response, address)
            after = await self._catch_up(response, address, after)
            if after == seen:
                await self._write(response, BEAT)

    async def _show_unstored(self, response: web.StreamResponse, address: str) -> None:
        for entry in self._unstored.pop(address, ()):
            shown = json.dumps({key: entry.get(key) for key in SHOWN})
            await self._write(response, f"data: {shown}\n\n")  # without an id: what is stored counts on from before

    async def _catch_up(self, response: web.StreamResponse, address: str, after: int) -> int:
        async for entry in self._entries(address, after):
            shown = json.dumps({key: entry.get(key) for key in SHOWN})
            await self._write(response, f"id: {entry['id']}\ndata: {shown}\n\n")
            after = entry["id"]
        return after

    async def _entries(self, address: str, after: int) -> AsyncIterator[Entry]:
        """The whole history after an id, however few entries it gives at a time."""
        while True:
            async with asyncio.timeout(self._timeout):
                entries = await self._history(address, after)
            if not entries:
                return
            for entry in entries:
                yield entry
            after = entries[-1]["id"]

    async def _write(self, response: web.StreamResponse, event: str) -> None:
        async with asyncio.timeout(self._timeout):
            await response.write(event.encode())

    async def _event(self, address: str, said: _Said, request: web.Request) -> Inbound:
        text, payload = said.text, said.payload
        if payload is not None:
            title = await self._offered(address, payload)
            # A changed page may send any payload. Without a button of ours it is what the person wrote, no more.
            text, payload = (text, None) if title is None else (title, payload)
        return Inbound(
            "web",
            # Nobody can take another person's id, and the token cannot be found from it.
            hashlib.sha256(f"{address}:{said.id.lower()}".encode()).hexdigest()[:32],
            address,
            text,
            payload,
            said.location,
            language_hint=next(_preferred(request), None),
            sent_at=datetime.now(UTC),
        )

    async def _offered(self, address: str, payload: str) -> str | None:
        """The title of the button with this payload that was last shown to this browser."""
        title = None
        async for entry in self._entries(address, 0):
            for button in entry.get("buttons") or ():
                if button["payload"] == payload:
                    title = button["title"]
        return title

    def _words(self, request: web.Request) -> Words:
        """In the first of the browser's languages that we have, else in what is closest to its favourite."""
        found = None
        for tag in _preferred(request):
            words = self._words_in(tag)
            if _primary(words["language"]) == _primary(tag):
                found = words
                break
            found = found or words
        return {**self._words_in(self._default_language), **(found or {})}

    def _hold(self, address: str, request: web.Request) -> _Stream | None:
        """A place for a stream, unless all are taken or we are stopping."""
        for other in list(self._streams):
            self._drop(other, lambda stream: stream.is_dead)
        open_now = sum(map(len, self._streams.values()))
        own = self._streams.get(address, [])
        if self._stopped or open_now >= self._limit or len(own) >= self._limit_each:
            return None
        stream = _Stream(request)
        self._streams[address] = [*own, stream]
        return stream

    def _release(self, address: str, stream: _Stream | None) -> None:
        self._drop(address, lambda other: other is stream)

    def _drop(self, address: str, which: Callable[[_Stream], bool]) -> None:
        left = [stream for stream in self._streams.get(address, ()) if not which(stream)]
        if left:
            self._streams[address] = left
        else:
            self._streams.pop(address, None)

    def _end(self, address: str) -> None:
        for stream in self._streams.get(address, ()):
            stream.ended = True
            stream.bell.set()

    def _cookie(self, request: web.Request) -> dict[str, Any]:
        secure = request.secure or self._public.scheme == "https"
        return {"path": COOKIE_PATH, "httponly": True, "samesite": "Strict", "secure": secure}

    def _refuse_other_origins(self, request: web.Request) -> None:
        """Only our own page may post. Every browser says where a post comes from, in one header or in both."""
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        ours = {request.host.lower(), self._public.netloc.lower()} - {""}
        told = site is not None or origin is not None
        if not told or site not in (None, "same-origin") or (origin is not None and _host(origin) not in ours):
            raise web.HTTPForbidden(text="only from the chat page itself")


@dataclass(eq=False)
class _Stream:
    """A page that is open: `bell` rings when it should look, `ended` tells it to close."""

    request: web.Request
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    @property
    def is_dead(self) -> bool:
        """Whether the browser has gone; the handler itself notices only when it writes."""
        return self.request.transport is None or self.request.transport.is_closing()


@dataclass(frozen=True)
class _Said:
    """A post as it was read, before anybody asks whether its payload was ever offered."""

    id: str
    text: str = ""
    payload: str | None = None
    location: Location | None = None


def _hardened(handler: Handler) -> Handler:
    """The handler, with our headers on whatever it answers."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as refusal:
            refusal.headers.update({**HEADERS, "Cache-Control": "no-store"})
            raise
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    return answer


async def _rings(bell: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await bell.wait()
    except TimeoutError:
        return False


async def _body(request: web.Request, timeout: float) -> bytes:
    if request.content_type != "application/json" or "Content-Encoding" in request.headers:
        raise web.HTTPUnsupportedMediaType(text="only application/json, not compressed")
    body = bytearray()
    try:
        async with asyncio.timeout(timeout):
            while len(body) <= BODY_LIMIT and (request.content_length or 0) <= BODY_LIMIT:
                part = await request.content.read(BODY_LIMIT)
                if not part:
                    return bytes(body)
                body += part
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the message took too long") from None
    raise web.HTTPRequestEntityTooLarge(BODY_LIMIT, text=f"at most {BODY_LIMIT} bytes")


def _read(body: bytes) -> _Said:
    """Raises ValueError with what is wrong, and RecursionError."""
    data = json.loads(body)
    if not isinstance(data, dict):
        raise ValueError("a message is an object")
    number, text, payload, place = (data.get(key) for key in ("id", "text", "payload", "location"))
    if not isinstance(number, str) or not UUID.fullmatch(number):
        raise ValueError("id is a UUID")
    if place is not None:
        if text is not None or payload is not None:
            raise ValueError("a location comes alone")
        return _Said(number, location=_location(place))
    if not isinstance(text, str):
        raise ValueError("text is a string")
    text = NOT_TEXT.sub("", text).strip()[:TEXT_LIMIT]
    if not text:
        raise ValueError("text is empty")
    if payload is not None and not (isinstance(payload, str) and _fits(payload)):
        raise ValueError(f"payload is a string of 1 to {PAYLOAD_LIMIT} bytes")
    return _Said(number, text, payload)


def _location(place: Any) -> Location:
    degrees = [place.get(key) for key in ("latitude", "longitude")] if isinstance(place, dict) else [None]
    if not all(type(degree) in (int, float) and abs(degree) <= 180 for degree in degrees):
        raise ValueError("location has a latitude and a longitude in degrees")
    return Location(float(degrees[0]), float(degrees[1]))


def _fits(payload: str) -> bool:
    return not NOT_TEXT.search(payload) and 1 <= len(payload.encode()) <= PAYLOAD_LIMIT


def _check(message: Outbound) -> None:
    if not message.text.strip() or len(message.text) > TEXT_LIMIT:
        raise ValueError(f"a text has 1 to {TEXT_LIMIT} characters, this one has {len(message.text)}")
    if len(message.buttons) > BUTTON_LIMIT:
        raise ValueError(f"a message has at most {BUTTON_LIMIT} buttons, this one has {len(message.buttons)}")
    for button in message.buttons:
        if not button.title.strip() or not _fits(button.payload):
            raise ValueError(f"a button has a title and a payload of 1 to {PAYLOAD_LIMIT} bytes: {button.payload!r}")


def _session(request: web.Request) -> str | None:
    token = request.cookies.get(COOKIE, "")
    return token if TOKEN.fullmatch(token) else None


def _required_session(request: web.Request) -> str:
    token = _session(request)
    if token is None:
        raise web.HTTPUnauthorized(text="no session: it begins with GET /chat/words")
    return token


def _host(origin: str) -> str:
    return origin.partition("://")[2].lower()


def _refuse_cross_site(request: web.Request) -> None:
    if request.headers.get("Sec-Fetch-Site") not in (None, "same-origin", "none"):
        raise web.HTTPForbidden(text="only from the chat page itself")


def _seen(request: web.Request) -> int:
    """The last id that the page has. A new stream can say it only in its address, a resumed one in its header."""
    given = (request.headers.get("Last-Event-ID", ""), request.query.get("after", ""))
    return max((int(seen) for seen in given if re.fullmatch(r"[0-9]{1,18}", seen)), default=0)


def _preferred(request: web.Request) -> Iterator[str]:
    """The language tags that the browser asks for, the favourite first."""
    wanted = re.findall(
        r"([a-z]{2,3}(?:-[a-z0-9]{1,8}){0,3})\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*(?:,|$)",
        request.headers.get("Accept-Language", "")[:200],
        re.IGNORECASE | re.ASCII,
    )
    ranked = sorted(wanted, key=lambda one: -float(one[1] or 1))
    return (tag for tag, quality in ranked if quality not in ("0", "0.0", "0.00", "0.000"))


def _primary(tag: str) -> str:
    return tag.partition("-")[0].lower()
