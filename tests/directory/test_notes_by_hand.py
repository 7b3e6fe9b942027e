"""What our own people find out: noted with day and name, in the staff's file or the database, and kept by imports."""

from __future__ import annotations

import asyncio
import json
from datetime import date, timedelta

import pytest
from click.testing import CliRunner
from openpyxl import load_workbook
from sqlalchemy import select

from bot.cli import main
from bot.db import Database, now
from bot.directory import listing
from bot.directory.coverage import of_countries, stale
from bot.directory.exchange import byhand, staff_file
from bot.directory.exchange.importer import bring_in
from bot.directory.hsds import Metadata, Service
from bot.directory.kept import kept
from bot.directory.rows import COLUMNS
from tests.directory.conftest import SHIPPED, write
from tests.directory.test_import_hsds import GOOD, SERVICE, changed, everything, package, spots
from tests.directory.test_import_spreadsheet import book, full

TODAY = date(2026, 11, 22)


async def noted(database, id_, note):
    async with database.begin() as session:
        place = await byhand.find(session, id_)
        await note(session, place)


async def service(database):
    async with database.begin(read_only=True) as session:
        return await session.get(Service, SERVICE["id"])


# --- In the database ---


async def test_verified_is_a_day_a_name_and_what_it_was_before(either, tmp_path):
    folder = package(tmp_path / "in", changed("service", assured_date="2020-01-01"))
    await bring_in(either, folder, "a")
    await noted(either, SERVICE["id"], lambda s, p: byhand.verify(s, p, "Ana", date(2026, 11, 1)))
    assert (await service(either)).assured_date == date(2026, 11, 1)
    async with either.begin(read_only=True) as session:
        notes = {row.field_name: row for row in await session.scalars(select(Metadata))}
    assert (notes["assured_date"].previous_value, notes["assured_date"].replacement_value) == (
        "2020-01-01", "2026-11-01",
    )  # fmt: skip
    assert notes["verified_by"].replacement_value == "Ana"
    assert all((row.updated_by, row.resource_id) == ("Ana", SERVICE["id"]) for row in notes.values())


async def test_an_older_file_does_not_undo_what_was_found_out(either, tmp_path):
    folder = package(tmp_path / "in", changed("service", assured_date="2020-01-01"))
    await bring_in(either, folder, "a")
    await noted(either, SERVICE["id"], lambda s, p: byhand.verify(s, p, "Ana", date(2026, 11, 1)))
    there = await everything(either)
    outcome = await bring_in(either, folder, "a")
    assert await everything(either) == there and outcome.report.unchanged == (SERVICE["id"],)


async def test_a_closed_door_stays_closed_until_the_source_looked_again(either, tmp_path):
    await bring_in(either, package(tmp_path / "in", GOOD), "a")
    await noted(either, SERVICE["id"], lambda s, p: byhand.close(s, p, "Ana", None))
    assert await spots(either) == 0
    outcome = await bring_in(either, package(tmp_path / "in", GOOD), "a")
    assert await spots(either) == 0 and "closed by hand" in str(outcome.report.faults[0])
    later = (now().date() + timedelta(days=1)).isoformat()
    await bring_in(either, package(tmp_path / "in", changed("service", assured_date=later)), "a")
    assert await spots(either) == 1


async def test_closed_for_a_while(database, tmp_path):
    await bring_in(database, package(tmp_path / "in", GOOD), "a")
    day = now().date() + timedelta(days=10)
    await noted(database, SERVICE["id"], lambda s, p: byhand.close(s, p, "Ana", day))
    for _ in range(2):
        async with database.begin(read_only=True) as session:
            from bot.directory.models import Spot

            assert (await session.scalars(select(Spot.closed_until))).all() == [day]
        await bring_in(database, package(tmp_path / "in", GOOD), "a")


async def test_imported_places_are_counted_and_listed(either, tmp_path):
    await bring_in(either, package(tmp_path / "in", GOOD), "a")
    await bring_in(either, book(tmp_path / "b.xlsx", full(id="x", last_verified="2026-11-20")), "b", today=TODAY)
    async with either.begin(read_only=True) as session:
        found = [one async for one in kept(session, listing.DATASET)]
    assert [(one.dataset, one.id, one.country) for one in found] == [("a", SERVICE["id"], "??"), ("b", "x", "PT")]
    counted = of_countries(found)
    assert [(one.dataset, one.country, one.places, one.reachable) for one in counted] == [
        ("a", "??", 1, 1), ("b", "PT", 1, 1),
    ]  # fmt: skip
    assert counted[1].kinds == {"hiv_test": 1, "prep": 1} and counted[1].verified == 1
    assert [(one.dataset, one.id) for one in stale(found, TODAY, 180)] == [("a", SERVICE["id"])]


# --- In the staff's files ---

AWKWARD = (
    "\ufeff" + ",".join(COLUMNS) + "\r\n"
    + 'a,"Org, ""the"" first",A,,"two, words",,Lisbon,PT,38.7,-9.1,exact,,,,,,,,,,,Called,,2026-01-31,,draft,no,"x"\r\n'
    + "\r\n"
    + 'b,Org,"B",,,,Lisbon,PT,38.7,-9.1,exact,,,,,,,,,,,Called,,2026-01-31,2026-02-01,draft,no,y'
)  # fmt: skip


def test_one_cell_changes_and_every_other_byte_stays(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(AWKWARD.encode())
    staff_file.set_cells(tmp_path, "b", {"last_verified": "2026-11-22"})
    assert path.read_bytes().decode() == AWKWARD.replace("2026-02-01", "2026-11-22")
    staff_file.set_cells(tmp_path, "a", {"last_verified": "2026-11-21"})
    expected = AWKWARD.replace("2026-02-01", "2026-11-22").replace("2026-01-31,,draft", "2026-01-31,2026-11-21,draft")
    assert path.read_bytes().decode() == expected


def test_a_column_that_is_not_there_is_added_at_the_end(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(AWKWARD.encode())
    staff_file.set_cells(tmp_path, "a", {"verified_by": "Ana, nurse", "closed_until": "2026-12-01"})
    header, first, empty, second = path.read_bytes().decode().split("\r\n")
    assert header.endswith(",notes,verified_by,closed_until") and first.endswith(',"x","Ana, nurse",2026-12-01')
    assert empty == "" and second.endswith(",y,,")
    listed, faults = listing.check(tmp_path, today=TODAY)
    assert not faults and [row.verified_by for row in listed["a.csv"]] == ["Ana, nurse", ""]


def test_a_row_is_taken_out_and_the_rest_stays(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(AWKWARD.encode())
    staff_file.remove(tmp_path, "a")
    lines = AWKWARD.split("\r\n")
    assert path.read_bytes().decode() == "\r\n".join([lines[0], *lines[2:]])
    staff_file.remove(tmp_path, "b")
    assert path.read_bytes().decode() == lines[0] + "\r\n\r\n"


def test_a_workbook_keeps_its_other_cells(tmp_path):
    path = book(tmp_path / "a.xlsx", full(id="a"), full(id="b"))
    staff_file.set_cells(tmp_path, "b", {"last_verified": "2026-11-22", "verified_by": "Ana"})
    rows = [row for _, row in zip(range(3), load_workbook(path).active.iter_rows(values_only=True))]
    assert rows[0][-1] == "verified_by" and rows[1][-1] is None and rows[2][-1] == "Ana"
    listed, faults = listing.check(tmp_path, today=TODAY)
    assert not faults and listed["a.xlsx"][1].last_verified == date(2026, 11, 22)
    staff_file.remove(tmp_path, "a")
    assert [row.id for row in listing.check(tmp_path, today=TODAY)[0]["a.xlsx"]] == ["b"]


def test_an_id_that_is_nowhere(tmp_path):
    with pytest.raises(staff_file.NotThere):
        staff_file.set_cells(write(tmp_path / "in", {}), "nobody", {"verified_by": "Ana"})


# --- The commands ---


@pytest.fixture(scope="module")
def farol(tmp_path_factory):
    """The command line on a database of its own with all towns, and a copy of the content."""
    import os
    import shutil

    folder = tmp_path_factory.mktemp("farol")
    shutil.copytree(SHIPPED.parent, folder / "content")
    url = f"sqlite+aiosqlite:///{folder / 'farol.db'}"
    names = {"FAROL_DATA_DIR": str(folder), "FAROL_CONTENT_DIR": str(folder / "content"), "FAROL_DATABASE": url}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)

    def run(*words):
        return CliRunner().invoke(main, ["directory", *map(str, words)])

    run.folder, run.url = folder, url
    yield run
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


def test_from_import_to_verify_by_command(farol, tmp_path):
    folder = package(tmp_path / "in", GOOD)
    said = farol("import", folder, "--dataset", "partner", "--json")
    report = json.loads(said.stdout)
    assert said.exit_code == 0 and report["added"] == [SERVICE["id"]] and report["written"]
    said = farol("import", folder, "--dataset", "partner")
    assert said.exit_code == 0 and "places added\tchanged\tunchanged\tmissing\trows refused" in said.stdout
    assert "0\t0\t1\t0\t0" in said.stdout

    package(folder, changed("phone", number=""))
    said = farol("import", folder, "--dataset", "partner", "--dry-run")
    assert said.exit_code == 1 and "phones.csv:2\tnumber\tis empty" in said.stdout
    assert "Nothing was written: a dry run." in said.stdout

    (tmp_path / "broken.json").write_text("{")
    said = farol("import", tmp_path / "broken.json")
    assert said.exit_code == 2 and "nothing was changed" in said.stderr
    assert farol("import", folder, "--dataset", "content").exit_code == 2
    assert farol("import", folder, "--dataset", "A b").exit_code == 2

    stale_ones = json.loads(farol("stale", "--json").stdout)
    assert {"partner", "content"} == {one["dataset"] for one in stale_ones}
    assert farol("verify", SERVICE["id"], "--by", "Ana", "--on", "2026-11-20").exit_code == 0
    assert SERVICE["id"] not in farol("stale", "--days", 180).stdout
    assert {one["dataset"] for one in json.loads(farol("stats", "--json").stdout)} >= {"partner", "content"}


def test_a_place_of_the_staff_is_noted_in_its_file(farol):
    path = farol.folder / "content" / "directory" / "partners.csv"
    before = path.read_text("utf-8")
    said = farol("verify", "pastt", "--by", "Ana", "--on", "2026-11-22")
    assert said.exit_code == 0 and "partners.csv" in said.stdout
    lines, old = path.read_text("utf-8").splitlines(), before.splitlines()
    assert lines[0] == old[0] + ",verified_by"
    assert [(a, b) for a, b in zip(old[1:], lines[1:]) if b != a + ","] == [
        (row, row.replace(",2026-11-22,,draft", ",2026-11-22,2026-11-22,draft") + ",Ana")
        for row in old if row.startswith("pastt,")
    ]  # fmt: skip
    assert farol("close", "pastt", "--by", "Ana", "--for-good").exit_code == 0
    assert "pastt" not in path.read_text("utf-8")

    async def state():
        database = Database(farol.url)
        async with database.begin(read_only=True) as session:
            found = await session.scalar(select(Service.status).where(Service.name == "Association PASTT"))
        await database.close()
        return found

    assert asyncio.run(state()) == "inactive"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("verify", "nobody", "--by", "Ana"), 1, "no place in the directory has this id"),
        (("verify", "pastt", "--by", " "), 2, "--by: is empty"),
        (("verify", "pastt", "--by", "Ana", "--on", "2999-01-01"), 2, "lies in the future"),
        (("close", "pastt", "--by", "Ana"), 2, "say either --until DAY or --for-good"),
        (("close", "pastt", "--by", "Ana", "--until", "2020-01-01"), 2, "is over"),
    ],
)
def test_what_is_not_right_is_said(farol, words, code, said):
    answer = farol(*words)
    assert answer.exit_code == code and said in answer.stderr
