"""An engine that speaks the real /turn over real HTTP, and can be told to hang, to fail or to vanish."""

from __future__ import annotations

import asyncio

from aiohttp import web

from nlu.contract import TurnRequest
from tests.conversation.fakes import reply


class EngineServer:
    """`url` once entered. `mode`: well, hung, broken (500), refusing (400), babbling (no contract), slow to say."""

    def __init__(self, name: str = "") -> None:
        self.name, self.mode = name, "well"
        self.turns: list[TurnRequest] = []
        self.request_ids: list[str] = []
        self.asked = asyncio.Event()
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def __aenter__(self) -> EngineServer:
        await self.live()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.die()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def live(self) -> None:
        """Listen (again), at the same address."""
        self._closing.clear()
        app = web.Application()
        app.add_routes([web.post("/turn", self._turn), web.get("/health", self._health)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def die(self) -> None:
        """Listen no more: connections are refused."""
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _turn(self, request: web.Request) -> web.Response:
        self.turns.append(TurnRequest.from_json(await request.json()))
        self.request_ids.append(request.headers.get("X-Request-Id", ""))
        self.asked.set()
        if self.mode == "hung":
            await self._closing.wait()
        if self.mode == "broken":
            return web.Response(status=500, text="<html>no</html>")
        if self.mode == "refusing":
            return web.json_response({"error": "events: too many"}, status=400)
        if self.mode == "babbling":
            return web.json_response({"nothing": "of the contract"})
        return web.json_response(reply("goodbye").to_json())

    async def _health(self, request: web.Request) -> web.Response:
        if self.mode == "hung":
            await self._closing.wait()
        return web.json_response({"status": "ok", "languages": ["en"]}, status=500 if self.mode == "broken" else 200)
