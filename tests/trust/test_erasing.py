"""Erasing, for real: every language's words, every copy, and what a backup can still tell."""

from __future__ import annotations

import json
import secrets
import unicodedata
from datetime import timedelta

import pytest
import yaml
from click.testing import CliRunner
from sqlalchemy import func, select, update

from bot import migrations
from bot.cli import main
from bot.conversation import erasure
from bot.conversation.clearing import Clearing
from bot.conversation.inbox import Inbox
from bot.conversation.leases import Held
from bot.conversation.models import (
    Conversation,
    Handoff,
    InboxMessage,
    OutboxMessage,
    Person,
    Recipient,
    Removal,
    Tally,
)
from bot.conversation.retention import Retention
from bot.conversation.state import State
from bot.db import Database
from bot.messages import Consequence, Inbound, SendError
from bot.settings import Settings
from bot.vault import open_vault
from nlu.contract import Command, Response
from tests.conversation.conftest import CONTENT
from tests.conversation.fakes import TRAITS, FakeChannel, reply
from tests.trust.conftest import bytes_on_disk


def words_of(language: str) -> dict[str, list[str]]:
    return yaml.safe_load((CONTENT / "safety" / f"{language}.yml").read_text("utf-8"))["words"]


async def decided(assistant, said: str, state: State = State(), stopped: bool = False):
    """What the workers decide to answer; nothing is written."""
    held = Held("c", "p", "r", "web", b"", 1, state, stopped)
    return await assistant.workers._answering.of(held, {"text": said})


OF_PEOPLE = (Person, Recipient, Conversation, InboxMessage, OutboxMessage, Handoff, Removal)


class RemovingFake(FakeChannel):
    """A channel of which messages can be deleted, as Telegram's; remembers what it was asked."""

    def __init__(self) -> None:
        from dataclasses import replace

        super().__init__(replace(TRAITS, name="telegram", removes_within=timedelta(hours=48)))
        self.removed: list[tuple[str, list[str]]] = []
        self.refusals: list[SendError] = []

    async def remove(self, address: str, message_ids: list[str]) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.removed.append((address, sorted(message_ids)))


@pytest.fixture
def telegram(assistant):
    """The assistant, on a channel of which messages can be deleted."""
    channel = RemovingFake()
    assistant.channel = channel
    workers = type(assistant.workers)(
        assistant.database, assistant.vault, assistant.workers._answering._screen, assistant.engine,
        assistant.workers._content, {"telegram": channel.traits}, assistant.inbox.arrived,
    )  # fmt: skip
    assistant.workers = workers
    assistant.sender = type(assistant.sender)(
        assistant.database, assistant.vault, {"telegram": channel}, workers.answered
    )
    assistant.clearing = Clearing(assistant.database, assistant.vault, {"telegram": channel})
    return assistant


async def held(database) -> dict[str, int]:
    async with database.begin(read_only=True) as session:
        counts = {t.__tablename__: await session.scalar(select(func.count()).select_from(t)) for t in OF_PEOPLE}
    return {name: count for name, count in counts.items() if count}


async def let_time_pass(database, seconds: float) -> None:
    """As if everybody who is leaving had been erased that much earlier."""
    async with database.begin() as session:
        for person in await session.scalars(select(Person).where(Person.leaving_at.is_not(None))):
            person.leaving_at -= timedelta(seconds=seconds)
        await session.execute(update(Removal).values(next_at=Removal.created_at))


def test_the_promise_leaves_room():
    """A round comes every five seconds at most: erased, last word and all, within the minute."""
    assert erasure.LEAVING + timedelta(seconds=2 * 5) < timedelta(seconds=60)


async def test_nothing_is_left_within_a_minute(telegram, tmp_path, logged):
    telegram.engine.answer = lambda request: reply("goodbye", events=[{"event": "user", "text": request.text}])
    for number in range(5):
        await telegram.receive(f"canary-sentence-{number}", sender="770077", message_id=f"{100 + number}")
    await telegram.receive("somebody else", sender="880088", message_id="1")
    keys = bytes_on_disk(tmp_path)
    async with telegram.database.begin() as session:
        wrapped = (await session.scalars(select(Person.wrapped_key).order_by(Person.created_at))).first()
    assert wrapped in keys
    telegram.engine.answer = lambda request: reply(Response("erased", effect="erase"))
    said = await telegram.receive("yes", sender="770077", message_id="105")
    assert len(said) == 1
    await telegram.clearing.forget()
    assert wrapped not in bytes_on_disk(tmp_path), "the key is gone at once, from the database's log as well"
    assert await telegram.clearing.remove() == 1
    (address, ids) = telegram.channel.removed[0]
    assert address == "770077" and {"100", "101", "102", "103", "104", "105"} <= set(ids)
    assert len(ids) == 6 + 6, "theirs and ours, the greeting included"
    async with telegram.database.begin() as session:
        last = (await session.scalars(select(Person.wrapped_key).where(Person.leaving_at.is_not(None)))).one()
    await let_time_pass(telegram.database, 31)
    assert await telegram.clearing.forget() == 1
    await telegram.clearing.forget()
    assert (await held(telegram.database))["person"] == 1, "the other person is still here"
    left = bytes_on_disk(tmp_path)
    assert last not in left and wrapped not in left
    assert b"canary-sentence" not in left and not [
        line for line in logged if "canary-sentence" in line or "770077" in line
    ]


async def test_a_provider_that_does_not_answer_keeps_nobody_here(telegram):
    await telegram.receive("hello", sender="770077", message_id="1")
    telegram.engine.answer = lambda request: reply(Response("erased", effect="erase"))
    telegram.channel.errors = [SendError("busy", Consequence.RETRY, retry_after=300)]
    telegram.channel.refusals = [SendError("busy", Consequence.RETRY)] * 2
    assert await telegram.receive("yes", sender="770077", message_id="2") == []
    for _ in range(3):
        await telegram.clearing.remove()
        await let_time_pass(telegram.database, 8)
    assert telegram.channel.removed, "tried again until it worked"
    await let_time_pass(telegram.database, 31)
    await telegram.clearing.forget()
    assert await held(telegram.database) == {}


async def test_quick_exit_says_nothing_and_removes_what_can_be_removed(telegram, language):
    words = words_of(language)
    await telegram.receive("hello", sender="770077", message_id="50")
    said = await telegram.receive(words["quick_exit"][-1], sender="770077", message_id="51")
    assert len(said) == 1 and "Farol" not in said[0] and len(said[0]) < 20
    await telegram.clearing.remove()
    assert {"50", "51"} <= set(telegram.channel.removed[0][1])
    await telegram.clearing.forget()
    assert (await held(telegram.database)).get("person") == 1, "leaving in a hurry is not erasing"
    assert "removal" not in await held(telegram.database)


async def test_each_language_s_words_ask_and_erase_even_without_the_engine(assistant, content, language):
    """In its own script; confirmed with that language's own yes."""
    assistant.engine.down = True
    ours = content.words(language)
    await assistant.receive("", payload="group:hiv", language_hint=language)
    (question,) = await assistant.receive(words_of(language)["erase"][0])
    assert question.startswith(ours.words["ask.erase"].strip()[:20])
    (said,) = await assistant.receive(f" {ours.buttons['yes'].upper()}! ")
    assert said.startswith(ours.words["erased"].strip()[:10])
    async with assistant.database.begin() as session:
        await erasure.forget_all_farewells(session)
    assert await held(assistant.database) == {}
    async with assistant.database.begin() as session:
        assert await session.scalar(select(func.count()).select_from(Tally)), "counts without ids stay"


async def test_every_phrase_of_each_language_asks_whether_to_erase(assistant, language):
    for phrase in words_of(language)["erase"]:
        await decided(assistant, phrase)
        assert assistant.engine.requests[-1].command == Command("delete_my_data"), phrase
        answer = await decided(assistant, phrase, State(language=language), stopped=True)
        assert [said.key for said in answer.responses] == ["ask.erase"] and answer.state.erase_asked, phrase
    assistant.engine.down = True
    for phrase in words_of(language)["erase"]:
        answer = await decided(assistant, phrase, State(language=language))
        assert [said.key for said in answer.responses] == ["ask.erase"] and answer.despite_stop, phrase


@pytest.mark.parametrize("said", ["no", "what is prep", "maybe yes", "إبقاء كل شيء", "2"])
async def test_anything_but_a_yes_keeps_everything(assistant, said):
    assistant.engine.down = True
    await assistant.receive("delete everything")
    await assistant.receive(said)
    assert (await held(assistant.database))["person"] == 1
    async with assistant.database.begin() as session:
        assert (await session.scalars(select(Person.leaving_at))).one() is None


async def test_somebody_who_wants_no_messages_can_still_have_everything_deleted(assistant):
    await assistant.receive("hello")
    await assistant.receive("STOP")
    assert await assistant.receive("hello again") == []
    assert len(await assistant.receive("delete everything")) == 1
    assert len(await assistant.receive("1")) == 1, "the number of the button that says yes"
    async with assistant.database.begin() as session:
        await erasure.forget_all_farewells(session)
    assert await held(assistant.database) == {}


async def test_somebody_who_writes_again_at_once_stays_and_is_forgotten_with_time_only(assistant):
    assistant.engine.answer = lambda request: reply(Response("erased", effect="erase"))
    await assistant.receive("yes")
    assistant.engine.answer = lambda request: reply("goodbye")
    await assistant.receive("one more thing")
    clearing = Clearing(assistant.database, assistant.vault, {})
    await let_time_pass(assistant.database, 40)
    assert await clearing.forget() == 0
    async with assistant.database.begin() as session:
        assert (await session.scalars(select(Person.leaving_at))).one() is None


# --- opting out ----------------------------------------------------------------------------------------------------


async def test_nobody_who_said_stop_is_written_to_whoever_wants_to(assistant):
    """What was queued before or after, by anybody, for any reason, is not sent; what answers their own word is."""
    await assistant.receive("hello")
    async with assistant.database.begin() as session:
        conversation = (await session.scalars(select(OutboxMessage.conversation_id))).first()
        person = (await session.scalars(select(Person))).one()
    for _ in range(2):
        row_id = secrets.token_hex(16)
        text = json.dumps({"text": "?", "buttons": [], "location": None, "ask_location": None, "list_title": None})
        sealed = assistant.vault.seal(person.wrapped_key, text, f"{person.id}/outbox/{row_id}")
        async with assistant.database.begin() as session:
            session.add(OutboxMessage(id=row_id, conversation_id=conversation, channel="web", sealed=sealed))
        if assistant.engine.requests[-1].text != "STOP":
            assert len(await assistant.receive("STOP")) == 1
        before = len(assistant.channel.sent)
        await assistant.sender.drain()
        assert len(assistant.channel.sent) == before
        async with assistant.database.begin() as session:
            row = (await session.scalars(select(OutboxMessage).where(OutboxMessage.id == row_id))).one()
            assert (row.status, row.error_code) == ("failed", "stopped")
    assert await assistant.receive("hello again") == []
    assert await assistant.receive("I want to kill myself") != [], "danger is answered"


async def test_the_words_that_must_always_work_need_no_engine(assistant, language):
    effects = {"stop": "opt_out", "start": "opt_in", "quick_exit": "quick_exit", "help": None}
    for name, effect in effects.items():
        for phrase in words_of(language)[name]:
            for stopped in (False, True):
                answer = await decided(assistant, f" {phrase}! ", State(language=language), stopped)
                assert [said.effect for said in answer.responses] == [effect] and answer.despite_stop, phrase
    assert assistant.engine.requests == []


async def test_help_brings_the_number_to_call_and_the_ways_out(assistant, language):
    (said,) = await assistant.receive(words_of(language)["help"][0], language_hint=language)
    assert "STOP" in said and "7946 0000" in said
    assert assistant.channel.sent[-1][1].buttons


# --- retention, and what is promised about it ------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "people"), [(7, 90), (3, 30), (1, 1)])
async def test_the_privacy_answer_says_what_the_settings_say(language, days, people):
    from bot.app import load_content

    settings = Settings(_env_file=None, transcript_days=days, person_days=people)
    content = load_content(settings)
    shown = content.render(
        [Response("privacy")], language=language, country=None, traits=TRAITS, draft_noted=True
    ).messages[0].text  # fmt: skip
    shown = "".join(str(unicodedata.digit(letter)) if letter.isdigit() else letter for letter in shown)
    for number in {days, people} - {1}:  # one day may be a word
        assert str(number) in shown
    retention = Retention(None, settings.transcript_days, settings.person_days)
    assert (retention._transcripts.days, retention._people.days) == (days, people)


# --- backups, by the command line --------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request, tmp_path, monkeypatch):
    """Settings of an installation of its own, as the command line sees them."""
    monkeypatch.setenv("FAROL_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("FAROL_MASTER_KEY", raising=False)
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").create("erasing" + secrets.token_hex(4))
        monkeypatch.setenv("FAROL_DATABASE_URL", url)
    else:
        monkeypatch.delenv("FAROL_DATABASE_URL", raising=False)
    return Settings(_env_file=None)


def run(*coroutines):
    import asyncio

    async def one_by_one():
        return [await coroutine for coroutine in coroutines]

    return asyncio.run(one_by_one())[-1]


async def people_write(settings: Settings) -> None:
    database = Database(settings.database)
    await migrations.upgrade(database)
    inbox = Inbox(database, open_vault(settings), 4096)
    await inbox.accept(Inbound("sms", "SM1", "+15005550006", "canary of the one who leaves", message_id="SM1"))
    await inbox.accept(Inbound("sms", "SM2", "+15005550007", "canary of the one who stays", message_id="SM2"))
    await database.close()


def farol(*arguments: str, given: str | None = None) -> str:
    result = CliRunner().invoke(main, list(arguments), input=given)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return f"{result.exit_code} {result.output}"


def test_an_old_backup_tells_nothing_about_somebody_erased_since(installation, tmp_path, monkeypatch):
    run(people_write(installation))
    old, keys = tmp_path / "monday.farol", tmp_path / "keys.farol"
    assert farol("backup", str(old), "--keys", str(keys)).startswith("0 ")
    assert old.stat().st_mode & 0o777 == keys.stat().st_mode & 0o777 == 0o600
    shown = farol("what-we-hold", "-", given="+15005550006\n")
    assert "canary of the one who leaves" in shown and "+15005550006" in shown
    assert farol("erase", "+15005550006", "--yes").startswith("0 Erased.")
    assert "Nothing is held" in farol("what-we-hold", "+15005550006")
    assert farol("erase", "+15005550006", "--yes").startswith("1 ")
    assert farol("backup", str(tmp_path / "tuesday.farol"), "--keys", str(keys)).startswith("0 ")
    # The older backup, with everything there is today: master key, key file, running database.
    shown = json.loads(_restored(old, keys, tmp_path, monkeypatch, installation)[2:])
    assert [said["what"] for holding in shown for said in holding["messages"]] == ["canary of the one who stays"]
    assert b"canary" not in old.read_bytes() + keys.read_bytes()


def _restored(old, keys, tmp_path, monkeypatch, installation) -> str:
    monkeypatch.setenv("FAROL_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'elsewhere.db'}")
    assert farol("restore", str(old), "--keys", str(keys)).startswith("0 1 people restored; 1 had been erased")
    assert "Nothing is held" in farol("what-we-hold", "+15005550006")
    return farol("what-we-hold", "+15005550007", "--json")


def test_the_backup_without_its_keys_tells_nothing_at_all(installation, tmp_path):
    """Even to somebody who has the master key: that is why the keys are a file of their own."""
    run(people_write(installation))
    old, keys = tmp_path / "data.farol", tmp_path / "keys.farol"
    farol("backup", str(old), "--keys", str(keys))

    async def wrapped() -> list[bytes]:
        database = Database(f"sqlite+aiosqlite:///{old}")
        async with database.begin(read_only=True) as session:
            found = list(await session.scalars(select(Person.wrapped_key)))
        await database.close()
        return found

    assert run(wrapped()) == [b"", b""]
    assert farol("backup", str(old), "--keys", str(keys)).startswith("2 "), "no backup is overwritten"


def test_a_raw_copy_is_closed_by_rotating_and_retiring(installation, tmp_path, monkeypatch):
    """What a copy of the database itself still tells, and what ends that: docs/privacy.md."""
    if "postgresql" in installation.database:
        pytest.skip("the raw copy here is of the SQLite file")
    import os
    import shutil

    run(people_write(installation))
    shutil.copytree(installation.data_dir, tmp_path / "copy", ignore=shutil.ignore_patterns("master.key"))
    farol("erase", "+15005550006", "--yes")
    raw = Settings(_env_file=None, data_dir=tmp_path / "copy")

    def readable() -> bool:
        shutil.copy(installation.data_dir / "master.key", tmp_path / "copy" / "master.key")
        monkeypatch.setenv("FAROL_DATA_DIR", str(raw.data_dir))
        result = CliRunner().invoke(main, ["what-we-hold", "+15005550006"])
        monkeypatch.setenv("FAROL_DATA_DIR", str(installation.data_dir))
        return "canary" in result.output

    assert readable(), "said openly: a raw copy and the master key of its day open each other"
    farol("keys", "rotate")
    os.utime(installation.data_dir / "master.key", (1, 1))
    assert farol("keys", "retire", "--yes").startswith("0 Retired")
    assert not readable()
