"""A short storm, on both databases, with real processes; `make chaos` is the long one."""

from __future__ import annotations

import asyncio
import signal

import pytest

from benchmarks.storm import Storm, Weather
from tools.postgres import postgres

IN_FLIGHT = 8
"""Messages of a channel on their way at once (bot.conversation.sender): a kill leaves no more than these uncertain."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request) -> str | None:
    if request.param == "sqlite":
        return None
    return request.getfixturevalue("postgres_server").create("storm_" + request.node.name[:20].split("[")[0])


async def test_kills_and_failing_providers_lose_nothing(database_url):
    weather = Weather(messages=24, people=12, kills=1, engine_kills=1, faults=0.3)
    async with Storm(weather, database_url, seed=7) as storm:
        verdict = await storm.run()
    assert verdict.lost == 0 and verdict.out_of_order == 0, verdict
    assert verdict.doubled <= storm.accepted_faults + weather.kills * IN_FLIGHT, verdict
    doubled_by_sms = _doubled(storm)
    assert doubled_by_sms == 0, "Twilio's log is looked in before anything is said twice"


def _doubled(storm: Storm) -> int:
    answers = [(sent["To"], sent["Body"]) for sent in storm.twilio.sent if sent["Body"].startswith("answer to")]
    return len(answers) - len(set(answers))


@pytest.fixture
def durable_server():
    """A PostgreSQL whose commits are on disk, as in real use; the one that the other tests share forgives itself that."""
    with postgres() as server:
        yield server


async def test_a_database_that_stops_for_a_while_loses_nothing(durable_server):
    async def outage(storm: Storm) -> None:
        await asyncio.to_thread(durable_server.stop, "immediate")
        status = 0
        async with asyncio.timeout(60):
            while status != 503:
                async with storm.session.get(f"{storm.address}/health/ready") as response:
                    status = response.status
        await asyncio.to_thread(durable_server.start)

    url = durable_server.create("storm_outage")
    async with Storm(Weather(messages=24, people=12, kills=0), url, seed=3) as storm:
        verdict = await storm.run(outage)
    assert (verdict.lost, verdict.doubled, verdict.out_of_order) == (0, 0, 0), verdict


async def test_a_polite_stop_finishes_what_is_in_hand(database_url):
    async def stop(storm: Storm) -> None:
        assert await storm.assistant.end(signal.SIGTERM) == 0
        await storm.assistant.start()

    async with Storm(Weather(messages=24, people=12, kills=0), database_url, seed=5) as storm:
        verdict = await storm.run(stop)
    assert (verdict.lost, verdict.doubled, verdict.out_of_order, verdict.safe_answers) == (0, 0, 0, 0), verdict
