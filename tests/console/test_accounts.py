"""Accounts and sessions: enrolment, lock-out, codes that work once, sessions that end."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pyotp
import pytest
import pytest_asyncio
from click.testing import CliRunner
from sqlalchemy import func, select, text, update

from bot import migrations
from bot.cli import main
from bot.console.accounts import LOCK_AFTER, AccountFault, Accounts
from bot.console.models import AuditEntry, Operator, OperatorSession
from bot.console.sessions import Sessions
from bot.db import Database, now
from bot.vault import Vault
from tests.console.conftest import PASSWORD, QUICK, Person


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def database(request, tmp_path, postgres_server):
    name = f"accounts_{secrets.token_hex(4)}"
    sqlite = f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}"
    database = Database(sqlite if request.param == "sqlite" else postgres_server.create(name))
    await migrations.upgrade(database)
    yield database
    await database.close()


@pytest.fixture
def accounts(database):
    return Accounts(database, Vault(secrets.token_bytes(32)), QUICK)


async def enrolled(accounts, name="ana", role="operator") -> Person:
    token = await accounts.add(name, role)
    person = Person(name, (await accounts.invitation(token)).secret)
    await accounts.enrol(token, PASSWORD, person.code())
    return person


async def test_an_account_begins_with_a_link_that_works_once(accounts, database):
    token = await accounts.add("Ana", "operator")
    invitation = await accounts.invitation(token)
    assert invitation.name == "ana" and invitation.address.startswith("otpauth://totp/Farol:ana")
    person = Person("ana", invitation.secret)
    assert await accounts.check("ana", "", person.code()) is None, "no password was chosen yet"
    assert (await accounts.enrol(token, PASSWORD, person.code())).role == "operator"
    assert await accounts.invitation(token) is None
    with pytest.raises(AccountFault):
        await accounts.enrol(token, PASSWORD + "2", person.code())
    async with database.begin() as session:
        row = (await session.scalars(select(Operator))).one()
        assert row.password.startswith("$argon2id$") and row.enrol_hash is None
        assert PASSWORD not in row.password and invitation.secret.encode() not in row.sealed


async def test_a_link_is_too_old_after_a_day(accounts, database):
    token = await accounts.add("ana", "operator")
    async with database.begin() as session:
        await session.execute(update(Operator).values(enrol_until=now() - timedelta(seconds=1)))
    assert await accounts.invitation(token) is None
    assert (await accounts.all())[0].state == "link expired"


@pytest.mark.parametrize(
    ("password", "code", "key"),
    [
        ("short", None, "enrol.short"),
        ("my name is ana!", None, "enrol.name_in_password"),
        (PASSWORD, "000", "enrol.code"),
    ],
)
async def test_what_is_wrong_with_an_enrolment_is_said(accounts, password, code, key):
    token = await accounts.add("ana", "operator")
    person = Person("ana", (await accounts.invitation(token)).secret)
    with pytest.raises(AccountFault) as fault:
        await accounts.enrol(token, password, code or person.code())
    assert fault.value.key == key
    assert await accounts.invitation(token), "the link still works"


async def test_all_three_must_be_right(accounts):
    person = await enrolled(accounts)
    code = person.code()
    assert await accounts.check("ana", PASSWORD + "x", code) is None
    assert await accounts.check("ana", PASSWORD, "000000") is None
    assert await accounts.check("eva", PASSWORD, code) is None
    assert (await accounts.check(" ANA ", PASSWORD, code)).name == "ana"


async def test_a_code_works_once(accounts):
    person = await enrolled(accounts)
    code = person.code()
    assert await accounts.check("ana", PASSWORD, code)
    assert await accounts.check("ana", PASSWORD, code) is None


async def test_an_old_code_is_refused(accounts):
    person = await enrolled(accounts)
    late = pyotp.TOTP(person.secret).generate_otp(int(now().timestamp()) // 30 - 3)
    assert await accounts.check("ana", PASSWORD, late) is None


async def test_after_five_wrong_tries_even_the_right_one_is_refused_for_a_while(accounts, database):
    person = await enrolled(accounts)
    for _ in range(LOCK_AFTER):
        assert await accounts.check("ana", "wrong", "000000") is None
    code = person.code()
    assert await accounts.check("ana", PASSWORD, code) is None
    assert (await accounts.all())[0].state == "locked"
    async with database.begin() as session:
        await session.execute(update(Operator).values(locked_until=now() - timedelta(seconds=1)))
    assert await accounts.check("ana", PASSWORD, code)
    async with database.begin() as session:
        actions = list(await session.scalars(select(AuditEntry.action)))
    assert actions.count("sign_in_failed") == LOCK_AFTER and "locked" in actions


async def test_a_reset_takes_everything_away(accounts, database):
    person, sessions = await enrolled(accounts), Sessions(database)
    token = await sessions.open(await accounts.check("ana", PASSWORD, person.code()))
    assert await sessions.find(token)
    await accounts.reset("ana")
    assert await sessions.find(token) is None
    assert await accounts.check("ana", PASSWORD, person.code()) is None


async def test_a_session_ends_after_half_an_hour_of_nothing(accounts, database):
    person, sessions = await enrolled(accounts), Sessions(database)
    token = await sessions.open(await accounts.check("ana", PASSWORD, person.code()))

    async def idle(minutes: float) -> None:
        async with database.begin() as session:
            await session.execute(update(OperatorSession).values(seen_at=now() - timedelta(minutes=minutes)))

    await idle(29)
    assert await sessions.find(token, active=False), "still open"
    await idle(29)
    assert await sessions.find(token), "somebody did something"
    async with database.begin() as session:
        seen = await session.scalar(select(OperatorSession.seen_at))
    assert seen > now() - timedelta(minutes=1)
    await idle(30.1)
    assert await sessions.find(token) is None


async def test_what_a_page_asks_by_itself_keeps_no_session_awake(accounts, database):
    person, sessions = await enrolled(accounts), Sessions(database)
    token = await sessions.open(await accounts.check("ana", PASSWORD, person.code()))
    async with database.begin() as session:
        await session.execute(update(OperatorSession).values(seen_at=now() - timedelta(minutes=20)))
    assert await sessions.find(token, active=False)
    async with database.begin() as session:
        assert await session.scalar(select(OperatorSession.seen_at)) < now() - timedelta(minutes=19)


async def test_a_session_ends_after_a_shift_however_busy(accounts, database):
    person, sessions = await enrolled(accounts), Sessions(database)
    token = await sessions.open(await accounts.check("ana", PASSWORD, person.code()))
    async with database.begin() as session:
        await session.execute(update(OperatorSession).values(created_at=now() - timedelta(hours=12, seconds=1)))
    assert await sessions.find(token) is None


async def test_the_database_does_not_hold_what_opens_a_session(accounts, database):
    person, sessions = await enrolled(accounts), Sessions(database)
    token = await sessions.open(await accounts.check("ana", PASSWORD, person.code()))
    async with database.begin() as session:
        rows = [str(row) for row in (await session.execute(text("SELECT * FROM operator_session"))).all()]
    assert rows and token not in rows[0]
    for made_up in ("", "x", rows[0], "é" * 43):
        assert await sessions.find(made_up) is None


async def test_a_removed_operator_is_out_at_once(accounts, database):
    person, sessions = await enrolled(accounts), Sessions(database)
    token = await sessions.open(await accounts.check("ana", PASSWORD, person.code()))
    await accounts.remove("ana")
    assert await sessions.find(token) is None
    async with database.begin() as session:
        assert await session.scalar(select(func.count()).select_from(OperatorSession)) == 0


@pytest.mark.parametrize("name", ["", "a", "-ana", "ana maria", "ana\nb", "x" * 41, "аna"])
async def test_a_strange_name_is_refused(accounts, name):
    with pytest.raises(AccountFault):
        await accounts.add(name, "operator")


def test_the_command_line_makes_lists_and_removes(monkeypatch, tmp_path):
    monkeypatch.setenv("FAROL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("FAROL_PUBLIC_URL", "https://farol.example.org")

    def run(*words: str):
        return CliRunner().invoke(main, ["operator", *words])

    made = run("add", "Ana", "--role", "operator", "--qr")
    assert made.exit_code == 0 and "https://farol.example.org/console/enrol/" in made.output
    assert "\u2588" in made.output, "a picture for the phone"
    again = run("add", "ana", "--role", "viewer")
    assert again.exit_code == 2 and "farol operator reset ana" in again.output
    assert "ana\toperator\tinvited\tnever" in run("list").output
    assert run("unlock", "ana").exit_code == 0
    assert "/console/enrol/" in run("reset", "ana").output
    assert run("remove", "ana").exit_code == 0
    assert run("remove", "ana").exit_code == 2
