"""Files of HSDS: what the standard's own samples become, what is refused, and that nothing is ever half-written."""

from __future__ import annotations

import csv
import json
import shutil
import uuid
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from bot.db import Database
from bot.directory.exchange.importer import bring_in
from bot.directory.exchange.source import Unreadable
from bot.directory.exchange.standard import FILES
from bot.directory.hsds import TABLES
from bot.directory.models import Spot
from tests.directory.conftest import ROOT, tables

SAMPLES = ROOT.parent / "shared" / "hsds" / "examples"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the official samples (../shared/hsds) are not here")


def id_(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


ORGANIZATION = {"id": id_("organization"), "name": "Clinic Ltd", "description": "Runs clinics"}
SERVICE = {"id": id_("service"), "organization_id": ORGANIZATION["id"], "name": "Tests", "status": "active"}
LOCATION = {"id": id_("location"), "location_type": "physical", "latitude": "38.7", "longitude": "-9.1"}
THERE = {"id": id_("there"), "service_id": SERVICE["id"], "location_id": LOCATION["id"]}
PHONE = {"id": id_("phone"), "service_id": SERVICE["id"], "number": "+351 21 300 0000"}
SCHEDULE = {
    "id": id_("schedule"), "service_at_location_id": THERE["id"], "freq": "WEEKLY", "byday": "MO",
    "opens_at": "09:00", "closes_at": "17:00",
}  # fmt: skip
GOOD = {
    "organization": [ORGANIZATION], "service": [SERVICE], "location": [LOCATION], "service_at_location": [THERE],
    "phone": [PHONE], "schedule": [SCHEDULE],
}  # fmt: skip


def package(folder: Path, rows: dict[str, list[dict]]) -> Path:
    """A folder of CSV files with these rows."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for table, some in rows.items():
        with (folder / FILES[table]).open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, list(dict.fromkeys(name for row in some for name in row)) or ["id"])
            writer.writeheader()
            writer.writerows(some)
    return folder


def changed(table: str, **cells: str) -> dict[str, list[dict]]:
    """GOOD with some cells of a row different."""
    rows = {name: [dict(row) for row in some] for name, some in GOOD.items()}
    rows[table][0] |= cells
    return rows


async def everything(database: Database) -> dict[str, list[tuple]]:
    """All rows of all tables of the standard, but for the day of the last change, which is ours."""
    async with database.begin(read_only=True) as session:
        return {
            name: sorted((tuple(str(row[c]) for c in row if c != "last_modified") for row in rows.mappings()), key=str)
            for name, table in TABLES.items()
            for rows in [await session.execute(select(table.__table__))]
        }


async def spots(database: Database) -> int:
    async with database.begin(read_only=True) as session:
        return await session.scalar(select(func.count()).select_from(Spot))


def refusals(outcome) -> list[str]:
    return [str(fault) for fault in outcome.report.faults if fault.refused]


# --- The official samples ---


@needs_samples
@pytest.mark.parametrize(
    "file", ["csv", "service_full.json", "organization_full.json", "service_at_location_full.json", "tabular.json"]
)
async def test_an_official_sample_comes_in_whole_and_a_second_time_changes_nothing(either, file):
    first = await bring_in(either, SAMPLES / file, "sample")
    assert refusals(first) == []
    assert first.written and first.report.added == ("ac148810-d857-441c-9679-408f346de14b",)
    there = await everything(either)
    full = {"taxonomy", "taxonomy_term", "organization", "organization_identifier", "program", "service", "location",
            "service_at_location", "contact", "address", "phone", "schedule", "language", "accessibility",
            "cost_option", "funding", "required_document", "service_area", "attribute", "metadata"}  # fmt: skip
    assert {name for name in full if not there[name]} == set()
    second = await bring_in(either, SAMPLES / file, "sample")
    assert await everything(either) == there
    assert second.report.unchanged == first.report.added and not second.report.added + second.report.changed
    assert all(counts[0] == counts[1] == counts[3] == 0 for counts in second.report.tables.values())


@needs_samples
async def test_one_phone_nested_in_six_places_is_one_row_with_all_its_owners(database):
    await bring_in(database, SAMPLES / "organization_full.json", "sample")
    async with database.begin(read_only=True) as session:
        phones = (await session.scalars(select(TABLES["phone"]))).all()
    assert len(phones) == 1
    assert all([phones[0].service_id, phones[0].location_id, phones[0].organization_id, phones[0].contact_id,
                phones[0].service_at_location_id])  # fmt: skip
    assert phones[0].extension == 100


@needs_samples
async def test_the_sample_s_latitude_of_100_is_kept_and_never_found(database):
    outcome = await bring_in(database, SAMPLES / "csv", "sample")
    assert any(f.column == "latitude" and "100 does not lie between" in f.reason for f in outcome.report.faults)
    async with database.begin(read_only=True) as session:
        assert (await session.scalars(select(TABLES["location"].latitude))).all() == [100]
    assert await spots(database) == 0


@needs_samples
@pytest.mark.parametrize("file", ["service_list.json", "organization_list.json", "service_at_location_list.json",
                                  "taxonomy_list.json", "taxonomy_term_list.json", "location.json"])  # fmt: skip
async def test_lists_as_the_api_gives_them(database, file):
    outcome = await bring_in(database, SAMPLES / file, "sample")
    assert refusals(outcome) == [] and outcome.report.tables


@needs_samples
async def test_a_list_without_parts_takes_no_parts_away(database):
    await bring_in(database, SAMPLES / "service_full.json", "sample")
    await bring_in(database, SAMPLES / "service_list.json", "sample")
    async with database.begin(read_only=True) as session:
        assert await session.scalar(select(func.count()).select_from(TABLES["schedule"])) == 1


# --- Forms ---


async def test_a_zip_a_folder_and_json_say_the_same(database, tmp_path):
    folder = package(tmp_path / "in", GOOD)
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"export/{file.name}")
    (tmp_path / "in.json").write_text(json.dumps({FILES[table]: rows for table, rows in GOOD.items()}))
    assert refusals(await bring_in(database, folder, "a")) == []
    there = await everything(database)
    for file in ("in.zip", "in.json"):
        outcome = await bring_in(database, tmp_path / file, "a")
        assert refusals(outcome) == [] and len(outcome.report.unchanged) == 1, file
        assert await everything(database) == there
    assert await spots(database) == 1


async def test_files_go_by_the_names_of_the_datapackage(database, tmp_path):
    folder = package(tmp_path / "in", GOOD)
    (folder / "services.csv").rename(folder / "what-we-do.csv")
    resources = [{"name": "service", "path": "data/what-we-do.csv"}]
    (folder / "datapackage.json").write_text(json.dumps({"resources": resources}))
    (folder / "notes.txt").write_text("hello")
    outcome = await bring_in(database, folder, "a")
    assert outcome.report.added == (SERVICE["id"],)
    assert ["notes.txt file: is no file of the standard; left out"] == [str(f) for f in outcome.report.faults]


async def test_several_pages_in_a_folder_are_one_import(database, tmp_path):
    pages = tmp_path / "pages"
    pages.mkdir()
    organization = {**ORGANIZATION, "locations": [LOCATION | {"latitude": 38.7, "longitude": -9.1}]}
    (pages / "1.json").write_text(json.dumps({"contents": [{**SERVICE, "organization": organization}]}))
    (pages / "2.json").write_text(json.dumps({"contents": [{**THERE, "location": {"id": LOCATION["id"]}}]}))
    outcome = await bring_in(database, pages, "a")
    assert refusals(outcome) == [] and await spots(database) == 1


async def test_json_lines_are_read_too(database, tmp_path):
    other = {**SERVICE, "id": id_("other"), "name": "Other"}
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps({**one, "organization": ORGANIZATION})
                                                 for one in (SERVICE, other)))  # fmt: skip
    outcome = await bring_in(database, tmp_path / "in.jsonl", "a")
    assert sorted(outcome.report.added) == sorted([SERVICE["id"], other["id"]])


# --- What is refused, and what is only said ---

REFUSED = [
    ("service", {"id": "12"}, "services.csv:2 id: '12' is no UUID"),
    ("service", {"name": ""}, "services.csv:2 name: is empty; the standard requires it"),
    ("service", {"status": ""}, "services.csv:2 status: is empty"),
    ("service", {"status": "open"}, "services.csv:2 status: 'open' is not one of: active, inactive"),
    ("service", {"assured_date": "31.1.2026"}, "services.csv:2 assured_date: '31.1.2026' is not a day"),
    ("service", {"assured_date": "2026-02-30"}, "services.csv:2 assured_date: '2026-02-30' is not a day"),
    ("service", {"minimum_age": "twelve"}, "services.csv:2 minimum_age: 'twelve' is not a number"),
    ("service", {"minimum_age": "nan"}, "services.csv:2 minimum_age: 'nan' is not a number"),
    ("service", {"maximum_age": "1e999"}, "services.csv:2 maximum_age: '1e999' is too large"),
    ("service", {"last_modified": "soon"}, "services.csv:2 last_modified: 'soon' is not a moment"),
    ("service", {"name": "a\x00b"}, "services.csv:2 name: has an invisible sign"),
    ("service", {"organization_id": id_("nobody")}, "services.csv:2 organization_id: is needed, but there is no"),
    ("location", {"location_type": "ship"}, "locations.csv:2 location_type: 'ship' is not one of"),
    ("location", {"latitude": "38,7"}, "locations.csv:2 latitude: '38,7' is not a number; write it like 38.72509"),
    ("schedule", {"freq": "DAILY"}, "schedules.csv:2 freq: 'DAILY' is not one of: WEEKLY, MONTHLY"),
    ("schedule", {"opens_at": "9 am"}, "schedules.csv:2 opens_at: '9 am' is not a time of day"),
    ("schedule", {"opens_at": "25:00"}, "schedules.csv:2 opens_at: '25:00' is not a time of day"),
    ("phone", {"type": "x" * 21}, "phones.csv:2 type: 'xxxxxxxxxxxxxxxxxxxxx' has 21 letters; at most 20"),
]


@pytest.mark.parametrize(("table", "cells", "said"), REFUSED)
async def test_a_row_that_cannot_be_kept_is_named(database, tmp_path, table, cells, said):
    outcome = await bring_in(database, package(tmp_path / "in", changed(table, **cells)), "a")
    assert refusals(outcome)[0].startswith(said)
    assert outcome.written and not (await everything(database))[table]


async def test_what_needs_a_refused_row_is_refused_too_and_the_rest_comes_in(either, tmp_path):
    rows = changed("service", status="open")
    rows["service"].append({**SERVICE, "id": id_("other"), "name": "Other"})
    outcome = await bring_in(either, package(tmp_path / "in", rows), "a")
    assert [text.split(":")[0] for text in refusals(outcome)] == [
        "services.csv", "service_at_location.csv", "phones.csv", "schedules.csv",
    ]  # fmt: skip
    assert outcome.report.added == (id_("other"),) and outcome.report.refused == 4


async def test_the_same_id_twice_counts_once(database, tmp_path):
    rows = changed("phone")
    rows["phone"].append({**PHONE, "number": "+351 21 300 0001"})
    outcome = await bring_in(database, package(tmp_path / "in", rows), "a")
    assert refusals(outcome) == [f"phones.csv:3 id: '{PHONE['id']}' stands in the file already; the first row counts"]


WARNED = [
    ("service", {"url": "example.org"}, "url: 'example.org' is no web address"),
    ("service", {"email": "nobody"}, "email: 'nobody' is no address"),
    ("service", {"status": "Active"}, "status: 'Active' was read as 'active'"),
    ("service", {"colour": "red"}, "colour: is no column of the standard; left out"),
    ("service", {"program_id": id_("nowhere")}, "program_id: was emptied: there is no program"),
    ("service", {"assured_date": "2026-01-31T10:00:00"}, "assured_date: '2026-01-31T10:00:00' is a moment"),
    ("location", {"longitude": "181"}, "longitude: 181 does not lie between -180 and 180"),
    ("location", {"location_type": ""}, "location_type: is empty; read as 'physical'"),
]


@pytest.mark.parametrize(("table", "cells", "said"), WARNED)
async def test_what_can_be_kept_is_kept_and_said(database, tmp_path, table, cells, said):
    outcome = await bring_in(database, package(tmp_path / "in", changed(table, **cells)), "a")
    assert refusals(outcome) == []
    assert any(said in str(fault) for fault in outcome.report.faults), outcome.report.faults
    assert len((await everything(database))[table]) == 1


async def test_a_circle_of_terms_is_opened_and_children_may_come_first(either, tmp_path):
    def term(name, parent):
        return {"id": id_(name), "name": name, "description": name, "parent_id": id_(parent) if parent else ""}

    rows = {"taxonomy_term": [term("child", "parent"), term("parent", ""), term("a", "b"), term("b", "a")]}
    outcome = await bring_in(either, package(tmp_path / "in", rows), "a")
    assert refusals(outcome) == [] and outcome.report.tables["taxonomy_term"] == (4, 0, 0, 0)
    assert [f.column for f in outcome.report.faults] == ["parent_id"]


async def test_our_own_words_cannot_be_changed_by_a_file(database, tmp_path):
    from bot.directory.terms import FACTS, fact_term

    term = {"id": fact_term("id_required"), "code": "walk_in", "name": "x", "description": "x", "taxonomy_id": FACTS}
    await bring_in(database, package(tmp_path / "in", {**GOOD, "taxonomy_term": [term]}), "a")
    async with database.begin(read_only=True) as session:
        assert (await session.get(TABLES["taxonomy_term"], fact_term("id_required"))).code == "id_required"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("in.json", b'{"contents": [', "is not readable as JSON"),
        ("in.json", b"[]", "holds no records"),
        ("in.json", b'{"elements": []}', "has no elements"),
        ("in.csv", b"", "is empty"),
        ("in.csv", b"a,b\n1,2\n", "the column 'id' stands there 0 times"),
        ("in.csv", b"\xff\xfe\x00", "is of no form that Farol knows"),
        ("in.zip", b"PK\x03\x04 broken", "is of no form that Farol knows"),
    ],
)
async def test_a_file_that_cannot_be_read_says_so(database, tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Unreadable, match=said):
        await bring_in(database, tmp_path / name, "a")


# --- One transaction ---


async def test_a_file_that_breaks_off_writes_nothing(either, tmp_path):
    folder = package(tmp_path / "in", GOOD)
    before = await everything(either)
    with (folder / "schedules.csv").open("ab") as file:
        file.write(b"\xff\xfe")
    with pytest.raises(Unreadable, match="schedules.csv: has letters that are not UTF-8"):
        await bring_in(either, folder, "a")
    assert await everything(either) == before and await spots(either) == 0


@pytest.mark.parametrize(("how", "cells"), [({"dry_run": True}, {}), ({"strict": True}, {"number": ""})])
async def test_dry_and_strict_runs_leave_nothing(either, tmp_path, how, cells):
    before = await everything(either)
    outcome = await bring_in(either, package(tmp_path / "in", changed("phone", **cells)), "a", **how)
    assert not outcome.written and outcome.report.added == (SERVICE["id"],)
    assert await everything(either) == before and await spots(either) == 0


async def test_what_is_gone_from_the_file_is_listed_and_hidden_only_when_asked(either, tmp_path):
    other = {**SERVICE, "id": id_("other"), "name": "Other"}
    both = {**GOOD, "service": [SERVICE, other]}
    await bring_in(either, package(tmp_path / "in", both), "a")
    only_other = {**both, "service": [other], "service_at_location": [], "phone": [], "schedule": []}
    outcome = await bring_in(either, package(tmp_path / "in", only_other), "a")
    assert outcome.report.missing == (SERVICE["id"],) and not outcome.report.retired and await spots(either) == 1
    outcome = await bring_in(either, package(tmp_path / "in", only_other), "a", retire=True)
    assert outcome.report.missing == (SERVICE["id"],) and await spots(either) == 0


async def test_a_row_that_is_refused_is_not_missing_and_keeps_what_was_there(either, tmp_path):
    await bring_in(either, package(tmp_path / "in", GOOD), "a")
    outcome = await bring_in(either, package(tmp_path / "in", changed("service", status="open")), "a", retire=True)
    assert outcome.report.missing == () and await spots(either) == 1
    outcome = await bring_in(either, package(tmp_path / "in", changed("schedule", freq="DAILY")), "a", retire=True)
    assert outcome.report.refused == 1 and len((await everything(either))["schedule"]) == 1


async def test_two_datasets_do_not_undo_each_other(database, tmp_path):
    folder = package(tmp_path / "in", GOOD)
    await bring_in(database, folder, "a")
    outcome = await bring_in(database, folder, "b", retire=True)
    assert "is kept by the dataset 'a' already" in refusals(outcome)[0] and await spots(database) == 1


async def test_an_address_that_changes_is_a_change_of_the_place(database, tmp_path):
    address = {"id": id_("address"), "location_id": LOCATION["id"], "address_1": "1 Street", "city": "Lisbon",
               "state_province": "", "postal_code": "", "country": "pt", "address_type": "physical"}  # fmt: skip
    await bring_in(database, package(tmp_path / "in", {**GOOD, "address": [address]}), "a")
    outcome = await bring_in(
        database, package(tmp_path / "in", {**GOOD, "address": [{**address, "address_1": "2 Street"}]}), "a"
    )
    assert outcome.report.changed == (SERVICE["id"],) and outcome.report.unchanged == ()
    assert outcome.report.tables["address"] == (0, 1, 0, 0)


# --- Any file at all ---

CELL = st.one_of(
    st.text(max_size=12), st.sampled_from([id_(name) for name in ("organization", "service", "location", "there")]),
    st.sampled_from(["active", "physical", "2026-01-31", "12", "-9.1", "WEEKLY", "09:00"]),
)  # fmt: skip


@st.composite
def any_rows(draw):
    rows: dict[str, list[dict]] = {name: [dict(row) for row in some] for name, some in GOOD.items()}
    for table in draw(st.lists(st.sampled_from(sorted(TABLES)), max_size=4)):
        columns = [column.name for column in TABLES[table].__table__.columns]
        row = {name: draw(CELL) for name in draw(st.lists(st.sampled_from(columns), unique=True))}
        rows.setdefault(table, []).append({"id": draw(st.one_of(st.uuids().map(str), CELL)), **row})
    return rows


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=any_rows())
async def test_whatever_stands_in_a_file_the_second_time_changes_nothing(tmp_path, rows):
    database = Database(f"sqlite+aiosqlite:///{tmp_path / uuid.uuid4().hex}.db")
    try:
        await tables(database)
        path = tmp_path / "in.json"
        path.write_text(json.dumps({FILES[table]: some for table, some in rows.items()}))
        first = await bring_in(database, path, "a")
        there = await everything(database)
        second = await bring_in(database, path, "a")
        assert await everything(database) == there
        assert all(counts[0] == counts[1] == counts[3] == 0 for counts in second.report.tables.values())
        assert second.report.refused == first.report.refused
    finally:
        await database.close()
