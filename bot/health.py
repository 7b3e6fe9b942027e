"""Is this assistant alive, and may it be given webhooks? For load balancers, containers and people who watch.

Ready means that a message can be stored, for that is what a webhook promises. An engine that is away is told and is no
reason to turn people away: danger is still recognised, and everybody else gets the safe answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from aiohttp import web
from sqlalchemy import text

from bot.db import Database

log = structlog.get_logger("farol.health")

_LIMIT = 2.0
"""Seconds the database has to answer."""


class Health:
    """GET /health/live and /health/ready. `engines()` says how many engines are well."""

    def __init__(self, database: Database, engines: Callable[[], int]) -> None:
        self._database = database
        self._engines = engines
        self._leaving = False

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/health/live", self.live), web.get("/health/ready", self.ready)]

    async def live(self, request: web.Request) -> web.Response:
        """200 as long as this process answers at all."""
        return web.json_response({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        """200 when messages can be stored, 503 when not or when stopping; says which part is away."""
        database = await self._database_answers()
        engines = self._engines()
        state = "leaving" if self._leaving else "ok" if database and engines else "degraded" if database else "away"
        found = {"status": state, "database": database, "engines": engines}
        return web.json_response(found, status=503 if self._leaving or not database else 200)

    async def leave(self, seconds: float) -> None:
        """Say for a while that we are about to stop, doors still open: so a load balancer sends no more."""
        self._leaving = True
        if seconds:
            log.info("leaving", seconds=seconds)
            await asyncio.sleep(seconds)

    async def _database_answers(self) -> bool:
        try:
            async with asyncio.timeout(_LIMIT), self._database.begin(read_only=True) as session:
                await session.execute(text("SELECT 1"))
        except Exception as error:
            # Whatever it is, the answer is no.
            log.warning("database does not answer", error=type(error).__name__)
            return False
        return True
