"""Several assistants on one PostgreSQL: they share the work, in each person's order, and wake each other at once."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import defaultdict
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from sqlalchemy import select

from bot import migrations
from bot.conversation.bell import Switchboard
from bot.conversation.duty import Duty
from bot.conversation.inbox import Inbox
from bot.conversation.leases import Leases
from bot.conversation.models import InboxMessage
from bot.conversation.sender import Sender
from bot.conversation.worker import Workers
from bot.db import Database, now
from bot.messages import Inbound
from bot.vault import Vault
from nlu.contract import Response
from tests.conversation.conftest import Assistant
from tests.conversation.fakes import FakeChannel, FakeEngine, reply


@pytest.fixture
def kind() -> str:
    return "postgresql"


@pytest_asyncio.fixture
async def several(database_url, content, screen):
    """Three assistants that share nothing but the database, the key, the provider and an engine."""
    vault, engine, channel = Vault(secrets.token_bytes(32)), FakeEngine(), FakeChannel()
    engine.answer = lambda request: reply(Response("rest", {"text": f"answer to {request.text}"}))
    found = []
    async with AsyncExitStack() as stack:
        for _ in range(3):
            database = Database(database_url)
            stack.push_async_callback(database.close)
            inbox = Inbox(database, vault, 4096)
            traits = {channel.traits.name: channel.traits}
            workers = Workers(database, vault, screen, engine, content, traits, inbox.arrived)
            sender = Sender(database, vault, {channel.traits.name: channel}, workers.answered)
            switchboard = Switchboard(database, {"arrived": inbox.arrived, "answered": workers.answered})
            stack.push_async_callback(switchboard.stop)
            await switchboard.start()
            await asyncio.wait_for(switchboard.connected.wait(), 20)
            found.append(Assistant(database, vault, engine, channel, inbox, workers, sender, []))
        yield found


async def test_they_share_the_work_and_keep_everybody_s_order(several):
    people, each = [f"+1500555{n:04}" for n in range(20)], 6
    for one in several:
        await one.workers.start()
        await one.sender.start()

    async def write(person: str) -> None:
        for number in range(each):
            # Every webhook reaches another assistant, and one of them twice.
            message = Inbound("web", f"{person}-{number}", person, f"{number}")
            for one in random.sample(several, 2):
                await one.inbox.accept(message)

    await asyncio.gather(*map(write, people))
    # Everybody is greeted once.
    await several[0].channel.until(len(people) * (each + 1))
    for one in several:
        await one.workers.stop()
        await one.sender.stop()
    asked, said = defaultdict(list), defaultdict(list)
    for request in several[0].engine.requests:
        asked[request.sender].append(int(request.text))
    for address, message in several[0].channel.sent:
        if message.text.startswith("answer to"):
            said[address].append(int(message.text.split()[-1]))
    assert list(asked.values()) == [list(range(each))] * len(people)
    assert said == {person: list(range(each)) for person in people}


async def test_a_bell_is_heard_by_the_others_at_once(several):
    heard = [one.inbox.arrived.own_event() for one in several]
    await several[0].inbox.accept(Inbound("web", "m", "a", "hello"))
    async with asyncio.timeout(20):
        await asyncio.gather(*(event.wait() for event in heard))


async def test_an_answer_of_one_is_sent_by_another(several):
    await several[0].sender.start()
    await several[1].inbox.accept(Inbound("web", "m", "a", "STOP"))
    await several[1].workers.drain()
    await several[0].channel.until(1)
    await several[0].sender.stop()


async def test_a_message_stored_while_a_conversation_is_let_go_is_not_overlooked(several):
    one, other = several[0], several[1]
    await one.inbox.accept(Inbound("web", "first", "a", "hello"))
    leases = Leases(one.database, one.vault)
    held = await leases.take()
    async with one.database.begin() as session:
        message = await session.scalar(select(InboxMessage))
        message.done_at = now()
    storing, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Inbox):
        async def _store(self, session, message):
            stored = await super()._store(session, message)
            storing.set()
            await go_on.wait()
            return stored

    accepting = asyncio.create_task(Slow(other.database, other.vault, 4096).accept(Inbound("web", "second", "a", "b")))
    await storing.wait()
    releasing = asyncio.create_task(leases.release(held))
    # The release must be waiting for the lock before the message is committed.
    async with asyncio.timeout(20), several[2].database.engine.connect() as connection:
        while not (await connection.exec_driver_sql("SELECT 1 FROM pg_locks WHERE NOT granted")).first():
            await connection.rollback()
    go_on.set()
    assert await accepting is True
    assert await releasing is False, "somebody has just written: the conversation is kept"


async def test_stopping_hands_the_work_to_the_others(several):
    one, other = several[0], several[1]
    begun, forever = asyncio.Event(), asyncio.Event()

    class Hung(FakeEngine):
        async def turn(self, request, request_id=""):
            begun.set()
            await forever.wait()

    one.workers._answering._engine = Hung()
    await one.workers.start()
    await one.inbox.accept(Inbound("web", "m", "a", "hello"))
    await begun.wait()
    for task in one.workers._tasks:
        task.cancel()
    await one.workers.stop()
    await other.workers.drain()
    assert [request.text for request in other.engine.requests] == ["hello"], "without waiting for the lease to end"


async def test_one_assistant_is_on_duty_and_another_takes_over(several):
    working, served = [], []
    begun = [asyncio.Event(), asyncio.Event()]

    def duty(number: int) -> Duty:
        async def work() -> None:
            working.append(number)
            begun[number].set()
            try:
                await asyncio.Event().wait()
            finally:
                working.remove(number)
                served.append(number)
                begun[number].clear()

        return Duty(several[number].database, "test", work, every=0.05)

    duties = [duty(0), duty(1)]
    for one in duties:
        await one.start()
    async with asyncio.timeout(20):
        first = await _first(*(one.wait() for one in begun))
        second = 1 - first
        assert working == [first]
        await duties[first].stop()
        await begun[second].wait()
        assert working == [second] and served == [first]
        # The database forgets the connection: the one on duty notices, stops, and takes it up again.
        begun[second].clear()
        async with several[2].database.engine.connect() as connection:
            await connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            )
        await begun[second].wait()
        assert served == [first, second] and working == [second]
        await duties[second].stop()


async def test_assistants_that_start_together_make_the_tables_once(postgres_server):
    databases = [
        Database(postgres_server.create("together") if not n else postgres_server.url_of("together")) for n in range(3)
    ]
    await asyncio.gather(*(migrations.upgrade(database) for database in databases))
    async with databases[0].begin() as session:
        assert (await session.scalars(select(InboxMessage))).all() == []
    for database in databases:
        await database.close()


async def _first(*waiting) -> int:
    """The place of the first of these to come true."""
    tasks = [asyncio.ensure_future(one) for one in waiting]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return next(place for place, task in enumerate(tasks) if task.done())
