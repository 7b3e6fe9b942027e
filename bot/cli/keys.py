"""farol keys: the master keys, made anew while everything runs."""

from __future__ import annotations

import time

import click

from bot import migrations
from bot.cli.console import fail, out, quiet_logs, read_settings, run
from bot.console.models import Operator
from bot.conversation import rotation
from bot.conversation.models import Person
from bot.db import Database
from bot.keyring import KeyFile, Keyring, key_file, read_keyring
from bot.settings import Settings
from bot.vault import Vault

HOLDERS = (Person, Operator)
"""Whoever has a key of their own: people who write, and operators for their second factor."""

REST = 60
"""Seconds between a rotation and the retirement of older keys: by then no process makes a personal key with an old one."""


@click.group()
def keys() -> None:
    """The master keys that lock every person's own key."""


@keys.command()
def status() -> None:
    """Which versions there are, and how many people's keys each has wrapped."""
    settings = read_settings()
    quiet_logs()
    run(_status(settings))


@keys.command()
def rotate() -> None:
    """Make a new master key and wrap all personal keys with it, while Farol runs.

    Older keys stay in the file and open what is still in old backups; `farol keys retire` destroys them. Where the keys
    are in FAROL_MASTER_KEY, print the new value the first time; set it, restart, and run this again to wrap.
    """
    settings = read_settings()
    quiet_logs()
    run(_rotate(settings))


@keys.command()
@click.confirmation_option(prompt="Copies of the database made before the last rotation can then never be read. Go on?")
def retire() -> None:
    """Destroy all master keys but the newest, once nothing needs them any more."""
    settings = read_settings()
    quiet_logs()
    run(_retire(settings))


async def _status(settings: Settings) -> int:
    ring, _ = _ring(settings)
    database = Database(settings.database)
    try:
        await migrations.upgrade(database)
        used = await rotation.versions(database, HOLDERS)
    finally:
        await database.close()
    for version in ring.masters:
        says = " (seals)" if version == ring.newest else ""
        out.print(f"master key {version}{says}: {used.pop(version, 0)} people")
    for version, count in used.items():
        out.print(f"master key {version} IS NOT HERE: {count} people cannot be read")
    return 1 if used else 0


async def _rotate(settings: Settings) -> int:
    ring, file = _ring(settings)
    if file is None:
        if len(ring.masters) == 1:
            out.print("Set this in place of the present FAROL_MASTER_KEY, restart Farol, then run this again:\n")
            print("FAROL_MASTER_KEY=" + ",".join(ring.with_new().to_text().split()))
            return 0
    else:
        ring = ring.with_new()
        file.write(ring)
    database = Database(settings.database)
    try:
        await migrations.upgrade(database)
        count = await rotation.rewrap(database, Vault(ring), HOLDERS)
        await database.scrub()
    finally:
        await database.close()
    out.print(f"Master key {ring.newest} seals now; {count} personal keys wrapped anew.")
    return 0


async def _retire(settings: Settings) -> int:
    ring, file = _ring(settings)
    if len(ring.masters) == 1:
        out.print(f"Master key {ring.newest} is the only one.")
        return 0
    if file and file.age(time.time()) < REST:
        fail(f"the last rotation is less than {REST} s ago: a running Farol may still use the older key; try again", 1)
    database = Database(settings.database)
    try:
        await migrations.upgrade(database)
        await rotation.rewrap(database, Vault(ring), HOLDERS)
        left = {version for version in await rotation.versions(database, HOLDERS) if version != ring.newest}
        await database.scrub()
    finally:
        await database.close()
    if left:
        fail(f"some personal keys still need master key {min(left)}; run farol keys rotate and try again", 1)
    if file is None:
        out.print("Nothing needs the older keys. Set this in place of the present FAROL_MASTER_KEY, and restart:\n")
        print("FAROL_MASTER_KEY=" + ",".join(ring.newest_only().to_text().split()))
        return 0
    file.write(ring.newest_only())
    out.print(f"Retired. Master key {ring.newest} is the only one now; back it up apart from the database.")
    return 0


def _ring(settings: Settings) -> tuple[Keyring, KeyFile | None]:
    file = key_file(settings)
    if file is None:
        return read_keyring(settings.master_key.get_secret_value(), "FAROL_MASTER_KEY"), None
    return file.open(), file
