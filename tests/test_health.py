"""What load balancers and log collectors see: ready or not, and one id through all lines about a message."""

from __future__ import annotations

import io
import json
import logging
import sys

import aiohttp
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.cli.console import quiet_logs
from bot.db import Database
from bot.health import Health


async def ask(health: Health, path: str) -> tuple[int, dict]:
    app = web.Application()
    app.add_routes(health.routes())
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        async with session.get(server.make_url(path)) as response:
            return response.status, await response.json()


@pytest.mark.parametrize(("engines", "state"), [(2, "ok"), (0, "degraded")])
async def test_ready_is_who_can_store_messages(tmp_path, engines, state):
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}")
    found = await ask(Health(database, lambda: engines), "/health/ready")
    assert found == (200, {"status": state, "database": True, "engines": engines})
    await database.close()


async def test_without_a_database_an_assistant_lives_and_is_not_ready(postgres_server):
    postgres_server.create("vanishing")
    database = Database(postgres_server.url_of("vanishing"))
    health = Health(database, lambda: 1)
    assert (await ask(health, "/health/ready"))[0] == 200
    postgres_server.drop("vanishing")
    assert await ask(health, "/health/ready") == (503, {"status": "away", "database": False, "engines": 1})
    assert await ask(health, "/health/live") == (200, {"status": "ok"})
    await database.close()


async def test_whoever_leaves_says_so_before_the_doors_close(tmp_path):
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}")
    health = Health(database, lambda: 1)
    await health.leave(0)
    status, said = await ask(health, "/health/ready")
    assert (status, said["status"]) == (503, "leaving")
    await database.close()


def test_lines_as_json_carry_the_id_of_the_message_they_are_about(monkeypatch):
    written, before = io.StringIO(), (structlog.get_config(), logging.getLogger().handlers[:])
    monkeypatch.setattr(sys, "stderr", written)
    try:
        logging.getLogger().handlers[:] = []
        quiet_logs(logging.INFO, as_json=True)
        with structlog.contextvars.bound_contextvars(request="0f" * 16):
            structlog.get_logger("farol.worker").warning("engine down", error="HTTP 500")
        logging.getLogger("somebody.else").warning("%d things", 3)
        lines = [json.loads(line) for line in written.getvalue().splitlines()]
    finally:
        structlog.configure(**before[0])
        logging.getLogger().handlers[:] = before[1]
    assert lines[0]["request"] == "0f" * 16 and lines[0]["event"] == "engine down" and lines[0]["level"] == "warning"
    assert lines[1]["event"] == "3 things" and lines[1]["logger"] == "somebody.else"
