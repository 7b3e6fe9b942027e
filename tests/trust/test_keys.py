"""Master keys in versions: the newest seals, older ones open, and they are changed while messages come in."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text

from bot import migrations
from bot.cli import main
from bot.conversation import rotation
from bot.conversation.inbox import Inbox
from bot.conversation.models import InboxMessage, Person
from bot.db import Database
from bot.keyring import KeyFile, keyring_of, read_keyring
from bot.messages import Inbound
from bot.settings import Settings
from bot.vault import Vault, VaultError, open_vault, version_of

MASTER = secrets.token_bytes(32)


def test_an_older_key_opens_and_the_newest_seals():
    old = Vault(MASTER)
    key = old.new_key("p")
    sealed = old.seal(key, "hello", "p/inbox/1")
    new = Vault(keyring_of(MASTER).with_new())
    assert new.open(key, sealed, "p/inbox/1") == "hello"
    assert version_of(new.new_key("p")) == 2
    again = new.rewrapped(key, "p")
    assert version_of(again) == 2 and new.rewrapped(again, "p") is None
    assert new.open(again, sealed, "p/inbox/1") == "hello", "texts are not sealed anew"
    with pytest.raises(VaultError):
        old.open(again, sealed, "p/inbox/1")


def test_what_a_retired_key_wrapped_is_lost():
    ring = keyring_of(MASTER)
    key = Vault(ring).new_key("p")
    with pytest.raises(VaultError, match="master key 1"):
        Vault(ring.with_new().newest_only()).seal(key, "x", "p/a")


def test_addresses_are_found_whatever_key_seals():
    ring = keyring_of(MASTER)
    lookups = {
        Vault(one).lookup("sms", "+15005550006") for one in (ring, ring.with_new(), ring.with_new().newest_only())
    }
    assert len(lookups) == 1


def test_a_keyring_is_written_and_read_back():
    ring = keyring_of(MASTER).with_new().with_new()
    for written in (ring.to_text(), ",".join(ring.to_text().split())):
        read = read_keyring(written, "here")
        assert (list(read.masters), read.newest, read.lookup) == ([1, 2, 3], 3, ring.lookup)


def test_numbers_are_used_again_after_the_last():
    ring = read_keyring(f"255:{base64.b64encode(MASTER).decode()}", "here")
    assert ring.with_new().newest == 1


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("", "32 random bytes"),
        ("0:{key}", "version"),
        ("256:{key}", "version"),
        ("one:{key}", "version"),
        ("1:{key} 1:{key}", "twice"),
        ("1:{key} 2:{key}", "lookup"),
        ("1:{key} lookup:c2hvcnQ=", "found 5"),
        ("2:?", "32 random bytes"),
    ],
)
def test_a_faulty_keyring_is_named_and_never_repeated(written, says):
    key = base64.b64encode(MASTER).decode()
    with pytest.raises(ValueError, match=says) as raised:
        read_keyring(written.format(key=key), "there")
    assert "there" in str(raised.value) and key not in str(raised.value)


def test_replacing_the_file_overwrites_the_old_bytes(tmp_path):
    file = KeyFile(tmp_path / "master.key")
    ring = file.open()
    os.link(file.path, tmp_path / "old")  # what somebody finds who looks at the freed blocks
    held = (tmp_path / "old").read_bytes()
    file.write(ring.with_new())
    assert set((tmp_path / "old").read_bytes()) == {0} and held.strip()
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert list(KeyFile(file.path).open().masters) == [1, 2]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}"
    return request.getfixturevalue("postgres_server").create("keys" + secrets.token_hex(4))


async def test_rotation_under_load_breaks_nothing(url, tmp_path):
    """Messages of known and of new people come in all the while; every one is stored, and opens afterwards."""
    database = Database(url)
    await migrations.upgrade(database)
    settings = Settings(_env_file=None, data_dir=tmp_path)
    running = open_vault(settings)
    inbox = Inbox(database, running, 4096)
    for number in range(120):
        await inbox.accept(Inbound("web", f"a{number}", f"person-{number % 60}", f"text {number}"))
    stop = asyncio.Event()
    sent = 120

    async def load() -> None:
        nonlocal sent
        while not stop.is_set():
            # Somebody known, then somebody new.
            await inbox.accept(Inbound("web", f"a{sent}", f"person-{sent % 60}", f"text {sent}"))
            await inbox.accept(Inbound("web", f"a{sent + 1}", f"fresh-{sent}", f"text {sent + 1}"))
            sent += 2

    loading = asyncio.create_task(load())
    other = KeyFile(tmp_path / "master.key")  # as another process sees it: `farol keys rotate`
    for _ in range(3):
        ring = other.open().with_new()
        other.write(ring)
        await rotation.rewrap(database, Vault(ring), batch=7)
    ring = other.open()
    await rotation.rewrap(database, Vault(ring), batch=7)
    stop.set()
    await loading
    used = await rotation.versions(database)
    assert set(used) == {ring.newest}, "the running process makes its keys with the newest, too"
    other.write(ring.newest_only())
    fresh = open_vault(settings)
    async with database.begin() as session:
        rows = (
            await session.execute(
                select(InboxMessage, Person.id, Person.wrapped_key)
                .join_from(InboxMessage, Person, text("person.id = (select person_id from conversation where id = inbox.conversation_id)"))
            )
        ).all()  # fmt: skip
    assert len(rows) == sent > 120
    for message, person, wrapped in rows:
        assert '"text": "text ' in fresh.open(wrapped, message.sealed, f"{person}/inbox/{message.id}")
    await database.close()


def test_the_commands(tmp_path, monkeypatch):
    monkeypatch.setenv("FAROL_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("FAROL_MASTER_KEY", raising=False)

    def farol(*arguments: str) -> str:
        result = CliRunner().invoke(main, ["keys", *arguments])
        return f"{result.exit_code} {result.output}"

    assert farol("status").startswith("0 master key 1 (seals): 0 people")
    assert farol("rotate").startswith("0 Master key 2 seals now; 0 personal keys")
    assert "less than 60 s ago" in farol("retire", "--yes")
    os.utime(tmp_path / "master.key", (1, 1))
    assert farol("retire", "--yes").startswith("0 Retired. Master key 2")
    assert list(KeyFile(tmp_path / "master.key").open().masters) == [2]


def test_the_commands_with_the_key_in_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("FAROL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("FAROL_MASTER_KEY", base64.b64encode(MASTER).decode())
    result = CliRunner().invoke(main, ["keys", "rotate"])
    value = next(line for line in result.output.splitlines() if line.startswith("FAROL_MASTER_KEY=")).partition("=")[2]
    assert list(read_keyring(value, "").masters) == [1, 2]
    monkeypatch.setenv("FAROL_MASTER_KEY", value)
    assert "2 seals now" in CliRunner().invoke(main, ["keys", "rotate"]).output
    assert not (tmp_path / "master.key").exists()
