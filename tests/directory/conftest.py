"""A real SQLite file for every test, and one gazetteer for all of them: building it is the slowest thing here."""

from __future__ import annotations

import asyncio
import csv
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

import bot.directory.models  # noqa: F401 - its tables belong to Base
from bot.db import Base, Database
from bot.directory.gazetteer import Built, build
from bot.directory.listing import COLUMNS
from tests.directory.everything import fill
from tools.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = ROOT / "content" / "directory"

GOOD = {
    "id": "clinic", "organization": "Clinic Ltd", "name": "Clinic", "kinds": "hiv_test;prep", "city": "Lisbon",
    "country": "PT", "latitude": "38.7", "longitude": "-9.1", "precision": "exact", "phone": "+351 21 300 0000",
    "email": "help@example.org", "website": "https://example.org", "hours": "Mo-Fr 09:00-17:00", "languages": "pt;en",
    "id_required": "no", "source_title": "Their website", "source_url": "https://example.org/about",
    "source_read": "2026-01-31", "last_verified": "2026-02-01", "state": "draft", "sample": "no",
}  # fmt: skip
"""A row with nothing wrong; tests change one cell of it."""


async def tables(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


def write(folder: Path, *rows: dict[str, str], file: str = "places.csv") -> Path:
    """Write rows, each GOOD with some cells changed, as the staff would; returns the folder."""
    folder.mkdir(exist_ok=True)
    with (folder / file).open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        writer.writerows({name: "" for name in COLUMNS} | GOOD | row for row in rows)
    return folder


def write_more(folder: Path, *rows: dict[str, str], file: str = "places.csv") -> Path:
    """The same with columns that not every file has."""
    folder.mkdir(exist_ok=True)
    columns = list(dict.fromkeys((*COLUMNS, *(name for row in rows for name in row))))
    with (folder / file).open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, columns, restval="")
        writer.writeheader()
        writer.writerows({name: "" for name in COLUMNS} | GOOD | row for row in rows)
    return folder


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables and no rows, copied for every test: creating tables waits for the disk."""
    path = tmp_path_factory.mktemp("empty") / "farol.db"

    async def make() -> None:
        database = Database(f"sqlite+aiosqlite:///{path}")
        await tables(database)
        await database.close()

    asyncio.run(make())
    return path


@pytest.fixture(scope="session")
def empty_postgres(postgres_server: Postgres) -> str:
    """The name of a PostgreSQL database with all tables and no rows, copied for every test."""

    async def make() -> None:
        database = Database(postgres_server.create("directory_empty"))
        await tables(database)
        await database.close()

    asyncio.run(make())
    return "directory_empty"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database with all tables and no rows; every test that wants one runs on both kinds."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{shutil.copy(request.getfixturevalue('empty'), tmp_path)}"
        return
    template, server = request.getfixturevalue("empty_postgres"), request.getfixturevalue("postgres_server")
    name = f"t{secrets.token_hex(8)}"
    yield server.create(name, template)
    server.drop(name)


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def everything_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the rows of tests/directory/everything.py, to be copied."""
    path = tmp_path_factory.mktemp("everything") / "farol.db"
    asyncio.run(_everything(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def everything_template(postgres_server: Postgres) -> str:
    """The name of a PostgreSQL database with the same rows, to be copied."""
    asyncio.run(_everything(postgres_server.create("everything")))
    return "everything"


async def _everything(url: str) -> None:
    database = Database(url)
    await fill(database)
    await database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def full_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a copy of one's own, on each database in turn."""
    if request.param == "sqlite":
        copy = shutil.copy(request.getfixturevalue("everything_file"), tmp_path / "full.db")
        yield f"sqlite+aiosqlite:///{copy}"
        return
    server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("everything_template")
    with psycopg.connect(f"host=127.0.0.1 port={server.port} user=farol dbname=farol", autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS everything_copy WITH (FORCE)")
        connection.execute(f"CREATE DATABASE everything_copy TEMPLATE {template}")
    yield server.url_of("everything_copy")


@pytest_asyncio.fixture
async def full(full_url: str) -> AsyncIterator[Database]:
    database = Database(full_url)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def gazetteer(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Built, list[tuple[str, float]]]:
    """The address of a database with all towns, what building it said, and the progress it told."""
    url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('gazetteer') / 'farol.db'}"
    told: list[tuple[str, float]] = []

    async def make() -> Built:
        database = Database(url)
        await tables(database)
        built = await build(database, lambda step, done: told.append((step, done)))
        await database.close()
        return built

    return url, asyncio.run(make()), told


@pytest_asyncio.fixture
async def towns(gazetteer: tuple[str, Built, list]) -> AsyncIterator[Database]:
    database = Database(gazetteer[0])
    yield database
    await database.close()


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def either(request: pytest.FixtureRequest, tmp_path: Path, empty: Path) -> AsyncIterator[Database]:
    """An empty directory on each of the two databases."""
    if request.param == "sqlite":
        either = Database(f"sqlite+aiosqlite:///{shutil.copy(empty, tmp_path)}")
    else:
        name = "".join(letter if letter.isalnum() else "_" for letter in tmp_path.name.lower())
        either = Database(request.getfixturevalue("postgres_server").create(f"d_{name}"[:60]))
        await tables(either)
    yield either
    await either.close()
