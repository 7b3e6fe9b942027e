"""Serves the API: GET only, never more at once than leaves the people who write to Farol their database."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import structlog
from aiohttp import web
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database
from bot.directory.api.description import HSDS_VERSION, PROFILE, description
from bot.directory.api.endpoints import ENDPOINTS, OWN_ID, Endpoint
from bot.directory.api.finding import UnknownPostcode
from bot.directory.api.parameters import BadParameters, Wanted, is_id, read
from bot.directory.exchange.nested import Object

log = structlog.get_logger("farol.directory.api")

PREFIX = "/hsds"
AT_ONCE = 3
"""Answers worked out at the same time; the others wait."""
PATIENCE = 10.0
"""Seconds a request waits for its turn."""
_STREAM = 200
_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag",
    "Cache-Control": "public, max-age=300",
    "X-Content-Type-Options": "nosniff",
}

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Busy(Exception):
    """Too much is asked at once."""


class DirectoryApi:
    """HSDS's endpoints under /hsds. `address`: the public address of this server, such as https://farol.example.org."""

    def __init__(self, database: Database, address: str) -> None:
        self._database = database
        self._address = address.rstrip("/") + PREFIX
        self._turns = asyncio.Semaphore(AT_ONCE)

    def routes(self) -> list[web.RouteDef]:
        """What the assistant's web application serves for partners."""
        found = [
            web.get(PREFIX, self._guarded(self._about)),
            web.get(f"{PREFIX}/", self._guarded(self._about)),
            web.get(f"{PREFIX}/openapi.json", self._guarded(self._description)),
        ]
        for endpoint in ENDPOINTS:
            found.append(web.get(f"{PREFIX}/{endpoint.name}", self._guarded(partial(self._list, endpoint))))
            found.append(web.get(f"{PREFIX}/{endpoint.name}/{{id}}", self._guarded(partial(self._entry, endpoint))))
        return [
            *found,
            web.get(PREFIX + "/{rest:.*}", self._guarded(self._nothing)),
            web.options(PREFIX + "{rest:(/.*)?}", self._allowed),
        ]

    # --- Answers ---

    async def _about(self, request: web.Request) -> web.StreamResponse:
        read(request.query.items(), ())
        return _json(
            request,
            {"version": HSDS_VERSION, "profile": PROFILE, "openapi_url": f"{self._address}/openapi.json"},
        )

    async def _description(self, request: web.Request) -> web.StreamResponse:
        return _json(request, description(self._address))

    async def _list(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        wanted = read(request.query.items(), endpoint.list_parameters)
        if wanted.format == "ndjson":
            return await self._stream(endpoint, request, wanted)
        async with self._turn() as session:
            matches = await endpoint.find(session, wanted)
            total = await session.scalar(matches.total()) or 0
            start = (wanted.page - 1) * wanted.size
            ids: list[str] = []
            if start < total:
                ids = list(await session.scalars(matches.ids.limit(wanted.size).offset(start)))
            contents = await endpoint.build(session, ids, wanted) if ids else []
        return _json(request, _page(contents, wanted, total))

    async def _entry(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        wanted = read(request.query.items(), endpoint.parameters)
        id_ = request.match_info["id"]
        if not is_id(id_):
            return await self._nothing(request)
        async with self._turn() as session:
            matches = await endpoint.find(session, Wanted())
            there = await session.scalar(matches.ids.where(OWN_ID[endpoint.name] == id_))
            found = await endpoint.build_whole(session, [id_], wanted) if there else []
        return _json(request, found[0]) if found else await self._nothing(request)

    async def _stream(self, endpoint: Endpoint, request: web.Request, wanted: Wanted) -> web.StreamResponse:
        """Everything, a line each. A transaction for each batch: a slow reader must not hold the database."""
        first = await self._batch(endpoint, wanted, None, 0)
        response = web.StreamResponse(headers=_HEADERS | {"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        ids, objects = first
        done = 0
        try:
            while ids:
                await response.write(b"".join(_bytes(one) + b"\n" for one in objects))
                done += len(ids)
                ids, objects = await self._batch(endpoint, wanted, ids[-1], done)
            await response.write_eof()
        except (_Busy, DBAPIError, NoConnection, ConnectionError) as error:
            log.warning("stream broken off", reason=type(error).__name__)
            # Without the end of the transfer, so that nobody takes half of it for the whole.
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _batch(
        self, endpoint: Endpoint, wanted: Wanted, last: str | None, done: int
    ) -> tuple[list[str], list[Object]]:
        async with self._turn() as session:
            matches = await endpoint.find(session, wanted)
            query = matches.ids.limit(_STREAM)
            if not matches.by_id:
                query = query.offset(done)
            elif last is not None:
                query = query.where(OWN_ID[endpoint.name] > last)
            ids = list(await session.scalars(query))
            if not ids:
                return [], []
            # A whole page may hold too much together; one by one nothing does.
            try:
                return ids, await endpoint.build(session, ids, wanted)
            except BadParameters:
                return ids, [one for id_ in ids for one in await endpoint.build(session, [id_], wanted)]

    async def _nothing(self, request: web.Request) -> web.StreamResponse:
        return _problem(404, "Not found", f"there is no {request.path}, or it is not public; {PREFIX}/openapi.json "
                        "says what there is")  # fmt: skip

    async def _allowed(self, request: web.Request) -> web.StreamResponse:
        """What a browser asks before it sends headers of its own to somebody else's address."""
        methods = {"Allow": "GET, HEAD, OPTIONS", "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS"}
        more = {"Access-Control-Allow-Headers": "*", "Access-Control-Max-Age": "86400"}
        return web.Response(status=204, headers=_HEADERS | methods | more)

    # --- Around every answer ---

    def _guarded(self, answer: Answer) -> Answer:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return await answer(request)
            except BadParameters as error:
                return _problem(400, "Bad parameters", str(error))
            except UnknownPostcode:
                return _problem(404, "Unknown postcode", "no public place of this directory has this postcode; give the "
                                "point itself: proximity=METRES,LATITUDE,LONGITUDE")  # fmt: skip
            except _Busy:
                return _problem(503, "Busy", "too much is asked at once; try again in a minute")
            except (DBAPIError, NoConnection) as error:
                log.warning("database", reason=type(error).__name__)
                return _problem(503, "Busy", "the database did not answer; try again in a minute")

        return handle

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[AsyncSession]:
        try:
            await asyncio.wait_for(self._turns.acquire(), PATIENCE)
        except TimeoutError:
            raise _Busy from None
        try:
            async with self._database.begin(read_only=True) as session:
                yield session
        finally:
            self._turns.release()


def _page(contents: list[Object], wanted: Wanted, total: int) -> Object:
    pages = -(-total // wanted.size)
    return {
        "total_items": total,
        "total_pages": pages,
        "page_number": wanted.page,
        "size": len(contents),
        "first_page": wanted.page == 1,
        "last_page": wanted.page >= pages,
        "empty": not contents,
        "contents": contents,
    }


def _json(request: web.Request, told: Object) -> web.Response:
    body = _bytes(told)
    # Weak: a proxy may compress.
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = _HEADERS | {"ETag": tag}
    known = {one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")}
    if "*" in known or tag.removeprefix("W/") in known:
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type="application/json", charset="utf-8", headers=headers)


def _problem(status: int, title: str, detail: str) -> web.Response:
    """RFC 9457. Nobody keeps it: what is missing now may be there in a minute."""
    headers = _HEADERS | {"Cache-Control": "no-store"} | ({"Retry-After": "60"} if status == 503 else {})
    body = _bytes({"title": title, "status": status, "detail": detail})
    return web.Response(status=status, body=body, content_type="application/problem+json", headers=headers)


def _bytes(told: Object) -> bytes:
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # What a caller sent is quoted to him, and may hold half a surrogate pair.
    return text.encode("utf-8", "backslashreplace")
