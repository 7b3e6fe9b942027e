"""Several engines over real HTTP: whatever one of them does, the turn is answered, in time."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from bot.conversation.engine import EngineDown, EngineRefused
from bot.conversation.engines import Breaker, EnginePool
from nlu.contract import TurnRequest
from tests.conversation.engine_server import EngineServer

TURN = TurnRequest("somebody", "hello")


@asynccontextmanager
async def pool_of(*modes: str, timeout: float = 6.0):
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(EngineServer(str(n))) for n, _ in enumerate(modes)]
        for server, mode in zip(servers, modes, strict=True):
            server.mode = mode
        pool = EnginePool([lambda url=server.url: url for server in servers], timeout)
        stack.push_async_callback(pool.stop)
        await pool.start()
        yield pool, servers


@pytest.mark.parametrize("mode", ["broken", "babbling", "hung"])
async def test_a_turn_that_one_engine_fails_is_answered_by_another(mode):
    async with pool_of(mode, "well", timeout=1.0) as (pool, (bad, good)):
        for _ in range(12):
            assert (await pool.turn(TURN)).language == "en"
        assert len(good.turns) == 12
        assert bad.turns, "it was tried"
        assert len(bad.turns) <= 4, "and then left in peace"


async def test_a_killed_engine_is_noticed_at_once_and_used_again_when_it_is_back():
    async with pool_of("well", "well") as (pool, (one, other)):
        await one.die()
        for _ in range(20):
            await pool.turn(TURN)
        assert pool.well() == 1 and len(other.turns) == 20
        await one.live()
        async with asyncio.timeout(20):
            while not one.asked.is_set():
                await pool.turn(TURN)
        await pool.turn(TURN)
        assert pool.well() == 2


async def test_turns_are_shared():
    async with pool_of("well", "well", "well") as (pool, servers):
        await asyncio.gather(*(pool.turn(TURN) for _ in range(60)))
        assert all(len(server.turns) > 5 for server in servers)


async def test_without_any_engine_a_turn_fails_and_then_fails_at_once():
    async with pool_of("hung", "hung", timeout=0.4) as (pool, servers):
        for _ in range(6):
            with pytest.raises(EngineDown):
                await pool.turn(TURN)
        asked = sum(len(server.turns) for server in servers)
        for _ in range(50):
            with pytest.raises(EngineDown, match="no engine is well"):
                await pool.turn(TURN)
        assert sum(len(server.turns) for server in servers) == asked, "nobody waits for engines that rest"


async def test_a_refused_turn_is_not_taken_elsewhere():
    async with pool_of("refusing", "refusing") as (pool, servers):
        with pytest.raises(EngineRefused, match="too many"):
            await pool.turn(TURN)
        assert sum(len(server.turns) for server in servers) == 1 and pool.well() == 2


async def test_a_turn_carries_its_request_id():
    async with pool_of("well") as (pool, (server,)):
        await pool.turn(TURN, "0f" * 16)
        assert server.request_ids == ["0f" * 16]


def test_a_breaker_rests_longer_each_time_and_lets_one_turn_prove_that_it_is_well():
    moment = [0.0]
    breaker = Breaker(lambda: moment[0])
    rests = []
    for _ in range(3):
        breaker.failed()
    for _ in range(7):
        assert breaker.state == "open" and not breaker.admits() and not breaker.wants_probe()
        begun = moment[0]
        while not breaker.wants_probe():
            moment[0] += 0.1
        rests.append(moment[0] - begun)
        breaker.healthy()
        assert breaker.admits() and not breaker.admits(), "one turn only"
        breaker.failed()
    assert rests[0] < 1.5 and rests[1] < 3 < rests[3] < 10 and max(rests) < 37
    moment[0] += 60
    breaker.healthy()
    assert breaker.admits()
    breaker.succeeded()
    assert breaker.state == "closed" and breaker.admits() and breaker.admits()
