"""The edge: what is asked of every request before anybody reads it, and what every answer carries.

Deadlines against connections that say nothing or drip, limits against floods, headers against everything a browser might
be talked into. Nothing here knows what a message is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

log = structlog.get_logger("farol.edge")

HEADER_SECONDS = 10.0
"""From the opening of a connection until a whole request head has arrived."""
IDLE_SECONDS = 75.0
"""From the last answer's end until the next whole head: longer than clients and proxies keep a connection they may use
again, so that none is closed under a request on its way."""
BODY_SECONDS = 10.0
"""Until its body has; a provider sends a few kilobytes at once."""
CONNECTIONS = 2_000
"""Open at a time. Behind a proxy these are the proxy's; 500 of them may be open event streams (bot.channels.web)."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""For every answer that does not say otherwise; a page names what it needs itself."""
HSTS = {"Strict-Transport-Security": "max-age=31536000"}

WEBHOOK_TYPES = {"application/x-www-form-urlencoded", "application/json"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Bucket:
    """A token bucket: `burst` at once, `rate` a second after that. Time (s) is handed in."""

    __slots__ = ("_burst", "_left", "_rate", "_seen")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst, self._left, self._seen = rate, burst, burst, now

    def take(self, now: float) -> bool:
        """One token, if there is one."""
        self._left = min(self._burst, self._left + (now - self._seen) * self._rate)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Limits:
    """How many messages are taken in: from one sender, and in all. Senders are kept in memory only, the latest 50,000.

    A message over the limit is answered 2xx all the same and not kept: a provider that is refused tries again, and makes
    of a flood a storm.
    """

    def __init__(
        self,
        *,
        each: tuple[float, float] = (0.5, 30),
        all_together: tuple[float, float] = (100, 1000),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._each, self._clock = each, clock
        self._all = Bucket(*all_together, clock())
        self._senders: OrderedDict[tuple[str, str], Bucket] = OrderedDict()
        self.refused = 0

    def allow(self, channel: str, sender: str) -> bool:
        """Whether one more message of this sender is taken."""
        now, key = self._clock(), (channel, sender)
        bucket = self._senders.pop(key, None) or Bucket(*self._each, now)
        self._senders[key] = bucket
        while len(self._senders) > 50_000:
            self._senders.popitem(last=False)
        # The sender's own first: one who floods does not use up what is there for all.
        allowed = bucket.take(now) and self._all.take(now)
        self.refused += not allowed
        return allowed


def no_limits() -> Limits:
    """Lets everything in."""
    endless = (0.0, float("inf"))
    return Limits(each=endless, all_together=endless)


def hardened(public_url: str | None) -> Handler:
    """Middleware: the headers on whatever is answered, a fault included; no cookie and no version of ours in them."""
    headers = HEADERS | (HSTS if (public_url or "").startswith("https://") else {})

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as answer:
            _add(answer, headers)
            raise
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # Its text may quote what a person wrote.
            log.error("request failed", route=_route(request), error=type(error).__name__)
            response = web.Response(status=503, text="try again", headers={"Retry-After": "5"})
        if not response.prepared:
            _add(response, headers)
        return response

    return middleware


def _add(response: web.StreamResponse, headers: dict[str, str]) -> None:
    for name, value in headers.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "farol"


def _route(request: web.Request) -> str:
    return request.match_info.route.resource.canonical if request.match_info.route.resource else "none"


def server_log() -> logging.Logger:
    """A log for aiohttp's server, whose own words for a request that it cannot read quote the request, a cookie perhaps,
    and the address it came from. What kind of fault it was is enough."""
    logger = logging.getLogger("farol.http")
    if not logger.filters:
        logger.addFilter(_unquoted)
    return logger


def _unquoted(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    record.msg, record.args = "request not understood: %s", (type(error).__name__ if error else "unknown",)
    record.exc_info = record.exc_text = record.stack_info = None
    return True


async def body_of(request: web.Request) -> bytes:
    """A webhook's body, whole and in time. Raises HTTP 408, 413 (application's client_max_size) or 415."""
    if (request.content_length or 0) > request.client_max_size:
        raise web.HTTPRequestEntityTooLarge(request.client_max_size, text=f"at most {request.client_max_size} bytes")
    if request.content_type not in WEBHOOK_TYPES and request.can_read_body:
        raise web.HTTPUnsupportedMediaType(text="a form or JSON")
    if "Content-Encoding" in request.headers:
        # A kilobyte that unpacks to gigabytes: no provider of ours compresses.
        raise web.HTTPUnsupportedMediaType(text="not compressed")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the body took too long") from None


class Porter:
    """Closes connections on which no request head arrives in time, and those above CONNECTIONS: aiohttp has no such
    deadline of its own. Looks once a second."""

    def __init__(
        self,
        *,
        seconds: float = HEADER_SECONDS,
        idle: float = IDLE_SECONDS,
        connections: int = CONNECTIONS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds, self._idle, self._most, self._clock = seconds, idle, connections, clock
        self._served: set[object] = set()
        self._server: web.Server | None = None
        self._waiting: dict[object, float] = {}
        self._task: asyncio.Task | None = None

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Sees every request, also those that begin and end between two looks."""
        self._waiting.pop(request.protocol, None)
        self._served.add(request.protocol)
        return await handler(request)

    async def start(self, server: web.Server | None = None) -> None:
        """Begin to look after a server."""
        self._server = server
        self._task = asyncio.create_task(self._watch(), name="porter")

    async def stop(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def look(self) -> int:
        """One round; returns how many connections were closed."""
        now = self._clock()
        self._served.intersection_update(self._server.connections)
        # A handler works on a request from the moment its head is complete until the answer is out.
        idle = [one for one in self._server.connections if one._current_request is None]
        self._waiting = {one: self._waiting.get(one, now) for one in idle}
        late = [
            one
            for one, since in self._waiting.items()
            if now - since >= (self._idle if one in self._served else self._seconds)
        ]
        surplus = len(self._server.connections) - len(late) - self._most
        closing = late + [one for one in idle if one not in late][-surplus:] if surplus > 0 else late
        for one in closing:
            self._waiting.pop(one, None)
            one.force_close()
            if one.transport is not None:
                one.transport.abort()
        if closing:
            log.info("closed", late=len(late), surplus=len(closing) - len(late))
        return len(closing)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.look()
