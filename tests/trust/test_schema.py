"""What the tables about people may hold, read from a real database after all migrations."""

from __future__ import annotations

import re
import secrets

import pytest
from sqlalchemy import JSON, ForeignKeyConstraint, LargeBinary, String, inspect

import bot.console.models  # noqa: F401
import bot.directory.models  # noqa: F401
from bot import migrations
from bot.conversation import models
from bot.db import Base, Database

FORBIDDEN = re.compile(
    r"status|national|citizen|passport|visa|papers|permit|asylum|residen|birth|(^|_)age$|gender|sex|orient|relig|ethnic|race"
    r"|hiv|health|diagnos|name|phone|mobile|number|e_?mail|address|latitude|longitude|location|geo|ip$|agent|device"
)
"""Immigration status, nationality and name are never stored; the rest never in clear."""

ALLOWED = {("outbox", "status")}
"""Delivery status of a message."""

LONGEST = 128
"""Characters of a text column beside a person: ids, codes and hashes fit, a sentence is sealed as bytes."""


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request, tmp_path):
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}"
    else:
        url = request.getfixturevalue("postgres_server").create("schema" + secrets.token_hex(4))
    database = Database(url)
    await migrations.upgrade(database)
    yield database
    await database.close()


def of_people() -> set[str]:
    """The table of people and every table from which foreign keys lead to it."""
    found = {models.Person.__tablename__}
    while True:
        more = {
            table.name
            for table in Base.metadata.tables.values()
            for constraint in table.constraints
            if isinstance(constraint, ForeignKeyConstraint) and constraint.referred_table.name in found
        }
        if more <= found:
            return found
        found |= more


async def columns(database: Database) -> list[tuple[str, dict]]:
    def read(connection):
        seen = inspect(connection)
        return [(table, column) for table in sorted(of_people()) for column in seen.get_columns(table)]

    async with database.engine.connect() as connection:
        return await connection.run_sync(read)


def test_the_tables_of_people_are_found():
    assert of_people() >= {"person", "recipient", "conversation", "inbox", "outbox", "handoff", "removal"}


async def test_no_column_tells_who_somebody_is(database):
    named = {(table, column["name"]) for table, column in await columns(database)}
    assert not {one for one in named if FORBIDDEN.search(one[1])} - ALLOWED


async def test_what_people_wrote_has_only_sealed_columns_to_be_in(database):
    for table, column in await columns(database):
        kind = column["type"]
        assert not isinstance(kind, JSON), (table, column["name"])
        if isinstance(kind, String) and not isinstance(kind, LargeBinary):
            assert kind.length and kind.length <= LONGEST, f"{table}.{column['name']}: longer than an id; seal it"


async def test_everything_of_a_person_goes_with_the_person(database):
    for table in of_people() - {"person"}:
        for constraint in Base.metadata.tables[table].foreign_key_constraints:
            if constraint.referred_table.name in of_people():
                assert constraint.ondelete == "CASCADE", f"{table}.{constraint.column_keys}"


async def test_there_is_no_full_text_index(database):
    """FTS5 keeps copies of deleted rows; a GIN index would hold words."""
    query = (
        "SELECT name, sql FROM sqlite_master WHERE sql LIKE '%fts%' OR sql LIKE '%VIRTUAL%' AND name != 'spot_tree'"
        if database.sqlite
        else "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexdef ~* 'gin|gist|tsvector'"
        " AND indexname != 'ix_spot_point'"  # coordinates of places
    )
    async with database.engine.connect() as connection:
        assert (await connection.exec_driver_sql(query)).all() == []
