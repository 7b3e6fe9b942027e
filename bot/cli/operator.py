"""farol operator: who may sign in to the console."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable

import click
import segno

from bot import migrations
from bot.cli.console import fail, out, print_table, quiet_logs, read_settings, run
from bot.console.accounts import ENROL, AccountFault, Accounts
from bot.console.roles import ROLES
from bot.db import Database
from bot.settings import Settings
from bot.vault import open_vault


@click.group()
def operator() -> None:
    """The people of your team who watch and answer in the console, at /console."""


@operator.command()
@click.argument("name")
@click.option("--role", type=click.Choice(list(ROLES)), required=True, help="What the account may do.")
@click.option("--qr", is_flag=True, help="Show the link as a QR code too, to be opened on a phone.")
def add(name: str, role: str, qr: bool) -> None:
    """Make an account; prints a link that works once, for its owner to choose a password."""
    settings = read_settings()
    run(_with(settings, lambda accounts: _invited(settings, name, accounts.add(name, role), qr)))


@operator.command()
@click.argument("name")
@click.option("--qr", is_flag=True, help="Show the link as a QR code too, to be opened on a phone.")
def reset(name: str, qr: bool) -> None:
    """Make a new link for a forgotten password or a lost phone; the old password and code stop working."""
    settings = read_settings()
    run(_with(settings, lambda accounts: _invited(settings, name, accounts.reset(name), qr)))


@operator.command("list")
def list_() -> None:
    """All accounts, and whether they can sign in."""

    async def show(accounts: Accounts) -> None:
        rows = [[one.name, one.role, one.state, one.signed_in or "never"] for one in await accounts.all()]
        print_table(["name", "role", "state", "last signed in"], rows, "", 4)

    run(_with(read_settings(), show))


@operator.command()
@click.argument("name")
def remove(name: str) -> None:
    """Delete an account; it is signed out at once."""

    async def act(accounts: Accounts) -> None:
        await accounts.remove(name)
        out.print(f"{name}: removed", markup=False)

    run(_with(read_settings(), act))


@operator.command()
@click.argument("name")
def unlock(name: str) -> None:
    """Let somebody try again who was locked out after wrong passwords or codes."""

    async def act(accounts: Accounts) -> None:
        await accounts.unlock(name)
        out.print(f"{name}: may try again", markup=False)

    run(_with(read_settings(), act))


async def _invited(settings: Settings, name: str, token: Awaitable[str], qr: bool) -> None:
    base = (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")
    link = f"{base}/console/enrol/{await token}"
    hours = int(ENROL.total_seconds() // 3600)
    out.print(f"{name}: give this link to its owner, by a safe way. It works once, for {hours} hours.", markup=False)
    out.print(link, markup=False)
    if qr:
        picture = io.StringIO()
        segno.make(link).terminal(out=picture, compact=True)
        print(picture.getvalue())


async def _with(settings: Settings, work: Callable[[Accounts], Awaitable[None]]) -> int:
    quiet_logs()
    database = Database(settings.database)
    try:
        await migrations.upgrade(database)
        await work(Accounts(database, open_vault(settings)))
    except AccountFault as error:
        fail(str(error))
    finally:
        await database.close()
    return 0
