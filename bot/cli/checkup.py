"""What `farol doctor` looks at on this machine."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from bot.app import load_content
from bot.content.load import ContentError
from bot.content.version import content_version
from bot.conversation.engine import EngineClient, EngineDown
from bot.conversation.models import Person, Recipient
from bot.db import Database
from bot.migrations import alembic_config
from bot.settings import Settings
from bot.vault import VaultError, open_vault
from nlu.languages import load_languages
from nlu.manifest import DIALOGUE, LANGUAGE, POOLED, Manifest, ModelRefused, model_of

_LITTLE, _TOO_LITTLE = 2 * 1024**3, 200 * 1024**2
_SKEW = 30.0
"""Seconds a clock may be wrong: leases, WhatsApp's window and certificates go by it."""


@dataclass(frozen=True)
class Check:
    """One look. `state`: ok, note (works, but), fault (does not work), off (not set up, not needed)."""

    name: str
    state: str
    said: str
    do: str = ""


async def local(settings: Settings) -> list[Check]:
    """Everything that can be seen without asking anybody outside."""
    checks = [_disk(settings), _key(settings)]
    checks += await _database(settings)
    checks += [_content(settings), await asyncio.to_thread(_models, settings)]
    return checks + await _engines(settings)


def clock_check(name: str, theirs: datetime) -> Check:
    """Our clock against somebody else's."""
    apart = (datetime.now(UTC) - theirs).total_seconds()
    if abs(apart) <= _SKEW:
        return Check(name, "ok", f"{abs(apart):.0f} s apart")
    return Check(name, "fault", f"{apart:+.0f} s apart", "set the machine's clock by NTP (timedatectl set-ntp true)")


def _disk(settings: Settings) -> Check:
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".farol-probe"
        with probe.open("wb") as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
        probe.unlink()
    except OSError as error:
        return Check("disk", "fault", f"{folder}: {error.strerror}", "make the folder writable, or set FAROL_DATA_DIR")
    free = shutil.disk_usage(folder).free
    said = f"{free / 1024**3:.1f} GB free for {folder}"
    if free < _TOO_LITTLE:
        return Check("disk", "fault", said, "make room: a full disk refuses every message")
    return Check("disk", "note" if free < _LITTLE else "ok", said, "make room soon" if free < _LITTLE else "")


def _key(settings: Settings) -> Check:
    path = settings.data_dir / "master.key"
    if settings.master_key is None and not path.exists():
        return Check("master key", "note", "none yet", "the first start makes one: back it up apart from the database")
    try:
        open_vault(settings)
    except (ValueError, OSError) as error:
        return Check("master key", "fault", str(error), "put the right key back: nothing can be read without it")
    if settings.master_key is None and stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Check("master key", "fault", f"{path} can be read by others", f"chmod 600 {path}")
    return Check("master key", "ok", "FAROL_MASTER_KEY" if settings.master_key else str(path))


async def _database(settings: Settings) -> list[Check]:
    kind = "SQLite" if settings.database.startswith("sqlite") else "PostgreSQL"
    if kind == "SQLite" and not Path(settings.database.split("///", 1)[1]).exists():
        return [Check("database", "note", "no file yet", "run: farol migrate")]
    database = Database(settings.database)
    try:
        return await _opened(settings, database, kind)
    except (SQLAlchemyError, OSError) as error:
        # Its text may name user and host, never a password; but the type is enough to go by.
        wrong = type(getattr(error, "orig", None) or error).__name__
        return [
            Check("database", "fault", f"{kind} does not answer ({wrong})", "see FAROL_DATABASE_URL; is it running?")
        ]
    finally:
        await database.close()


async def _opened(settings: Settings, database: Database, kind: str) -> list[Check]:
    async with database.engine.connect() as connection:
        wanted, present = await connection.run_sync(_revisions)
        moment = None
        if not database.sqlite:
            moment = await connection.scalar(text("SELECT now()"))
    if present != wanted:
        return [Check("database", "fault", f"{kind}, tables of {present or 'nothing'}", "run: farol migrate")]
    checks = [Check("database", "ok", f"{kind}, tables of {present}")]
    if moment is not None:
        checks.append(clock_check("clock and database", moment.astimezone(UTC)))
    async with database.begin(read_only=True) as session:
        found = (await session.execute(select(Person, Recipient).join(Recipient).limit(1))).first()
    if found:
        person, recipient = found
        try:
            name = f"{person.id}/recipient/{recipient.id}"
            open_vault(settings).open(person.wrapped_key, recipient.sealed, name)
        except VaultError:
            do = "put back the key this database was written with: people's messages cannot be opened"
            checks.append(Check("key and database", "fault", "the key does not fit", do))
        else:
            checks.append(Check("key and database", "ok", "the key fits"))
    return checks


def _revisions(connection: object) -> tuple[str | None, str | None]:
    script = ScriptDirectory.from_config(alembic_config(connection))
    return script.get_current_head(), MigrationContext.configure(connection).get_current_revision()


def _content(settings: Settings) -> Check:
    try:
        content = load_content(settings)
    except ContentError as error:
        return Check("content", "fault", f"{len(error.faults)} faults", "run: farol content check")
    except ValueError as error:
        return Check("content", "fault", str(error).splitlines()[0], "run: farol content check")
    version = content_version(settings.content_dir)
    words = content.edition.words.values()
    drafts = sum(topic.draft for one in words for topic in one.topics.values())
    said = f"version {version}, {len(content.topics)} topics" + (f", {drafts} texts not reviewed" if drafts else "")
    return Check("content", "ok", said)


def _models(settings: Settings) -> Check:
    if settings.engine_urls:
        return Check("models", "off", "the engines elsewhere have their own")
    manifest, old = Manifest(settings.models_dir), []
    names = [*(model_of(code) for code in load_languages().shipped), POOLED, LANGUAGE, DIALOGUE]
    for name in names:
        try:
            manifest.verified(name)
        except ModelRefused as error:
            return Check("models", "fault", str(error), "run: farol train")
        if not manifest.is_current(name):
            old.append(name)
    if old:
        return Check("models", "note", f"{len(old)} of {len(names)} older than their sentences", "run: farol train")
    return Check("models", "ok", f"{len(names)} files as trained")


async def _engines(settings: Settings) -> list[Check]:
    if not settings.engine_urls:
        python = settings.engine_python
        if python.exists():
            return [Check("engine", "ok", "started by farol serve")]
        return [Check("engine", "fault", f"{python} is not there", "run: make setup, or set FAROL_ENGINE_URL")]

    async def one(number: int, url: str) -> Check:
        client = EngineClient(lambda: url, settings.engine_timeout)
        await client.start()
        try:
            said = await client.health()
        except EngineDown as error:
            return Check(f"engine {number}", "fault", f"{url}: {error}", "is it running, and may we reach it?")
        finally:
            await client.stop()
        missing = set(load_languages().shipped) - set(said.get("languages", []))
        if missing:
            return Check(f"engine {number}", "fault", f"without {', '.join(sorted(missing))}", "use the same release")
        return Check(f"engine {number}", "ok", f"{url}, {len(said['languages'])} languages")

    return list(await asyncio.gather(*(one(n, url) for n, url in enumerate(settings.engine_urls, start=1))))
