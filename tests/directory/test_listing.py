"""The staff's files: every fault named, nothing half-written, the same files twice change nothing."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import yaml
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from bot.db import Base
from bot.directory import hsds, models, terms
from bot.directory.listing import COLUMNS, Faulty, check, load
from tests.directory.conftest import GOOD, ROOT, SHIPPED, write

TODAY = date(2026, 11, 22)


async def counts(database) -> dict[str, int]:
    async with database.begin(read_only=True) as session:
        return {
            table.name: await session.scalar(select(func.count()).select_from(table))
            for table in Base.metadata.sorted_tables
        }


# --- The shipped files ---


def test_the_shipped_files_have_no_fault():
    rows, faults = check(SHIPPED)
    assert not faults
    assert len(rows["partners.csv"]) == 9
    assert all(row.state == "draft" and row.precision == "city" and row.sample == "no" for row in rows["partners.csv"])
    assert {kind for row in rows["sample.csv"] for kind in row.kinds} == set(terms.SERVICE_KINDS)


def test_samples_cannot_be_taken_for_real_places():
    for row in check(SHIPPED)[0]["sample.csv"]:
        assert row.name.startswith("SAMPLE ") and "SAMPLE" in row.city and row.country == "XX"
        assert abs(row.latitude) < 1 and abs(row.longitude) < 1  # Null Island: the open sea
        assert not row.phone or re.fullmatch(r"\+44 20 7946 0\d{3}", row.phone)  # Ofcom's range for fiction
        assert row.website.endswith(".example.org")


def test_samples_are_not_all_alike():
    rows = check(SHIPPED)[0]["sample.csv"]
    for fact in ("id_required", "status_required", "shares_with_immigration", "walk_in"):
        assert {getattr(row, fact) for row in rows} == {"yes", "no", "unknown"}, fact
    assert any(row.hours == "24/7" for row in rows) and any(not row.hours for row in rows)


def test_kinds_are_the_same_list_everywhere():
    interface = yaml.safe_load((ROOT / "content" / "interface" / "en.yml").read_text("utf-8"))["services"]
    assert list(interface) == list(terms.SERVICE_KINDS)
    readme = (SHIPPED / "README.md").read_text("utf-8")
    assert " ".join(terms.SERVICE_KINDS) in " ".join(readme.split())
    assert " ".join(terms.SERVICE_KINDS) in " ".join((ROOT / "nlu" / "data" / "README.md").read_text("utf-8").split())


def test_every_column_is_explained():
    readme = (SHIPPED / "README.md").read_text("utf-8")
    assert [name for name in COLUMNS if f"`{name}`" not in readme] == []


# --- Faults ---

BAD = [
    ("id", "", "id: is empty"),
    ("id", "My Clinic", "id: 'My Clinic' has other signs"),
    ("organization", "", "organization: is empty"),
    ("name", "", "name: is empty"),
    ("name", "x" * 81, "name: has 81 letters; at most 80"),
    ("name", "two\nlines", "name: has a line break"),
    ("name", "SAMPLE Clinic", "sample: an invented place"),
    ("kinds", "hiv_test;vaccines", "kinds: 'vaccines' is not a known kind of service; use: hiv_test self_test"),
    ("kinds", "hiv_test;hiv_test", "kinds: names something twice"),
    ("city", "", "city: is empty"),
    ("country", "Portugal", "country: 'Portugal' should be two capital letters such as FR"),
    ("country", "pt", "country: 'pt' should be two capital letters"),
    ("country", "XX", "country: 'XX' should be two capital letters"),
    ("country", "", "country: '' should be two capital letters"),
    ("latitude", "38,7", "latitude: '38,7' is not a number of degrees; write 38.7"),
    ("latitude", "", "latitude: '' is not a number of degrees"),
    ("latitude", "138.7", "latitude: 138.7 does not lie between -90 and 90; are the two swapped?"),
    ("latitude", "nan", "latitude: nan does not lie between"),
    ("longitude", "west", "longitude: 'west' is not a number"),
    ("precision", "", "precision: '' is not one of: exact, city"),
    ("phone", "21 300 0000", "phone: '21 300 0000' cannot be dialled from abroad"),
    ("phone", "+351 21", "phone: '+351 21' is no number of that country"),
    ("email", "help at example.org", "email: 'help at example.org' is not an address"),
    ("website", "example.org", "website: 'example.org' is not a web address; begin with https://"),
    ("website", "https://exa mple.org", "website: 'https://exa mple.org' is not a web address"),
    ("website", "https://[bad", "website: 'https://[bad' is not a web address"),
    ("source_url", "javascript:alert(1)", "source_url: 'javascript:alert(1)' is not a web address"),
    ("hours", "9-17", "hours: '9-17' cannot be read; write it like 'Mo-Fr 09:00-17:00"),
    ("languages", "english", "languages: 'english' is not a known language code, such as en;fr;ar"),
    ("id_required", "maybe", "id_required: 'maybe' is not one of: yes, no, unknown"),
    ("shares_with_immigration", "No", "shares_with_immigration: 'No' is not one of"),
    ("source_title", "", "source_title: is empty"),
    ("source_read", "", "source_read: is empty; write the day"),
    ("source_read", "31.1.2026", "source_read: '31.1.2026' is not a day; write year-month-day"),
    ("source_read", "2026-02-30", "source_read: '2026-02-30' is not a day"),
    ("last_verified", "2026-11-23", "last_verified: 2026-11-23 lies in the future"),
    ("state", "done", "state: 'done' is not one of: draft, reviewed"),
    ("sample", "", "sample: is empty; write 'no' for a real place"),
    ("sample", "yes", "sample: an invented place"),
]


@pytest.mark.parametrize(("column", "cell", "said"), BAD)
async def test_a_bad_cell_is_named_and_nothing_is_written(database, tmp_path, column, cell, said):
    folder = write(tmp_path / "in", {"id": "first"}, {column: cell})
    before = await counts(database)
    with pytest.raises(Faulty) as raised:
        await load(database, folder, today=TODAY)
    faults = raised.value.faults
    assert any(re.match(r"places\.csv:[34] " + re.escape(said), fault) for fault in faults), faults
    assert await counts(database) == before


def test_all_faults_are_told_at_once(tmp_path):
    folder = write(tmp_path / "in", {"country": "Portugal", "phone": "1"}, {"id": "b", "hours": "late"})
    write(folder, {"id": "c", "kinds": "vaccines"}, file="other.csv")
    faults = check(folder, today=TODAY)[1]
    assert [fault.split(":")[0] + ":" + fault.split(":")[1] for fault in faults] == [
        "other.csv:2 kinds", "places.csv:2 country", "places.csv:2 phone", "places.csv:3 hours",
    ]  # fmt: skip


def test_reviewed_needs_a_day(tmp_path):
    folder = write(tmp_path / "in", {"state": "reviewed", "last_verified": ""})
    assert "last_verified: is empty; a reviewed place has the day" in check(folder, today=TODAY)[1][0]


def test_an_id_taken_by_another_file(tmp_path):
    folder = write(write(tmp_path / "in", {}), {}, file="more.csv")
    assert check(folder, today=TODAY)[1] == (
        "places.csv:2 id: 'clinic' is taken by more.csv:2; give every place its own",
    )


def test_null_island_is_no_clinic(tmp_path):
    folder = write(tmp_path / "in", {"latitude": "0", "longitude": "0"})
    assert "lies in the sea" in check(folder, today=TODAY)[1][0]


HEAD = ",".join(COLUMNS)
BROKEN = [
    (b"", "header: the column 'id' stands there 0 times"),
    (HEAD.replace("phone", "telephone").encode(), "header: no column is called 'telephone'; the columns are: id,"),
    (HEAD.replace("phone", "email").encode(), "header: the column 'email' stands there 2 times; it must stand once"),
    (HEAD.replace(",", ";").encode(), "header: is separated by semicolons"),
    (HEAD.encode() + b"\nonly,three,cells\n", "row: has 3 cells, not 28"),
    (HEAD.encode() + b'\n"never closed,', "file: is not readable as CSV"),
    (HEAD.encode() + "\nclinic,Clínica".encode("latin-1"), "file: has letters that are not UTF-8"),
    (HEAD.encode() + b"\na\x00b,c", "row: has 2 cells"),
]


@pytest.mark.parametrize(("content", "said"), BROKEN)
async def test_a_broken_file_is_named_and_nothing_is_written(database, tmp_path, content, said):
    folder = write(tmp_path / "in", {})
    (folder / "broken.csv").write_bytes(content)
    with pytest.raises(Faulty) as raised:
        await load(database, folder, today=TODAY)
    faults = raised.value.faults
    assert any(re.match(r"broken\.csv:\d+ " + re.escape(said), fault) for fault in faults), faults
    assert (await counts(database))["service"] == 0


async def test_an_empty_folder_does_not_empty_the_directory(database, tmp_path):
    await load(database, write(tmp_path / "in", {}), today=TODAY)
    (tmp_path / "empty").mkdir()
    with pytest.raises(Faulty, match=r"no \.csv file here"):
        await load(database, tmp_path / "empty", today=TODAY)


# --- Loading ---


async def test_loading_twice_changes_nothing(database):
    first = await load(database, SHIPPED)
    assert len(first.added) == 26
    before = await counts(database)
    second = await load(database, SHIPPED)
    assert len(second.unchanged) == 26 and not (second.added or second.changed or second.missing)
    assert await counts(database) == before


async def test_added_changed_gone_and_back(database, tmp_path):
    folder = write(tmp_path / "in", {"id": "a"}, {"id": "b"}, {"id": "c"})
    assert (await load(database, folder, today=TODAY)).added == ("a", "b", "c")
    write(folder, {"id": "a"}, {"id": "b", "hours": "24/7", "phone": "", "kinds": ""}, {"id": "d"})
    report = await load(database, folder, today=TODAY)
    assert (report.added, report.changed, report.unchanged, report.missing) == (("d",), ("b",), ("a",), ("c",))
    async with database.begin(read_only=True) as session:
        status = dict((await session.execute(select(models.Listing.id, hsds.Service.status).join(hsds.Service))).all())
        assert status == {"a": "active", "b": "active", "c": "inactive", "d": "active"}
        changed = terms.stable_id("service_at_location", "b")
        schedules = await session.scalars(
            select(hsds.Schedule.description).where(hsds.Schedule.service_at_location_id == changed)
        )
        assert list(schedules) == ["24/7"]
        phones = select(hsds.Phone).where(hsds.Phone.service_id == terms.stable_id("service", "b"))
        assert (await session.scalars(phones)).first() is None
    assert (await load(database, folder, today=TODAY)).missing == ()  # told once
    write(folder, {"id": "a"}, {"id": "c"})
    report = await load(database, folder, today=TODAY)
    assert (report.changed, report.missing) == (("c",), ("b", "d"))


async def test_notes_are_never_loaded(database, tmp_path):
    folder = write(tmp_path / "in", {"notes": "ask Maria"})
    await load(database, folder, today=TODAY)
    write(folder, {"notes": "asked"})
    assert (await load(database, folder, today=TODAY)).unchanged == ("clinic",)


async def test_an_unknown_fact_has_no_row(database, tmp_path):
    await load(database, write(tmp_path / "in", {"status_required": "unknown", "walk_in": ""}), today=TODAY)
    async with database.begin(read_only=True) as session:
        rows = await session.execute(select(hsds.TaxonomyTerm.code, hsds.Attribute.value).join(hsds.Attribute))
        facts = dict(rows.all())
    assert facts["id_required"] == "no" and not {"status_required", "walk_in"} & set(facts)
    assert facts["hiv_test"] is None and facts["precision"] == "exact"


async def test_one_organization_for_all_its_places(database, tmp_path):
    await load(
        database, write(tmp_path / "in", {"id": "a"}, {"id": "b"}, {"id": "c", "organization": "Other"}), today=TODAY
    )
    assert (await counts(database))["organization"] == 2


async def test_a_failure_while_writing_leaves_the_old_list(database, tmp_path):
    folder = write(tmp_path / "in", {"id": "a"})
    await load(database, folder, today=TODAY)
    before = await counts(database)
    write(folder, {"id": "a", "name": "Other"}, {"id": "b"})
    # `spot` is written last.
    broken = {
        True: "CREATE TRIGGER disk_full BEFORE INSERT ON spot BEGIN SELECT RAISE(ABORT, 'disk_full'); END",
        False: "ALTER TABLE spot ADD CONSTRAINT disk_full CHECK (service_id = '') NOT VALID",
    }
    async with database.begin() as session:
        await session.execute(text(broken[database.sqlite]))
    with pytest.raises(DBAPIError, match="disk_full"):
        await load(database, folder, today=TODAY)
    assert await counts(database) == before


async def test_an_organization_s_new_name_is_shown_with_its_places(database, tmp_path):
    folder = write(tmp_path / "in", {"id": "a"}, {"id": "b", "organization": "Other"})
    await load(database, folder, today=TODAY)
    write(folder, {"id": "a", "organization": "CLINIC LTD"}, {"id": "b", "organization": "Other"})
    report = await load(database, folder, today=TODAY)
    assert report.changed == ("a",)
    async with database.begin(read_only=True) as session:
        cards = "\n".join(await session.scalars(select(models.Spot.card)))
    assert "CLINIC LTD" in cards and "Clinic Ltd" not in cards


# --- HSDS ---

HSDS = ROOT.parent / "shared" / "hsds" / "schema"


@pytest.mark.skipif(not HSDS.exists(), reason="the HSDS schema is not on this machine")
@pytest.mark.parametrize(
    "table",
    [
        hsds.Organization, hsds.Service, hsds.Location, hsds.ServiceAtLocation, hsds.Address, hsds.Phone,
        hsds.Schedule, hsds.Language, hsds.Taxonomy, hsds.TaxonomyTerm, hsds.Attribute,
    ],
)  # fmt: skip
def test_tables_and_columns_are_hsds(table):
    schema = yaml.safe_load((HSDS / f"{table.__tablename__}.json").read_text("utf-8"))
    assert set(table.__table__.columns.keys()) <= set(schema["properties"])
    assert set(schema["required"]) <= set(table.__table__.columns.keys())


def test_good_is_good(tmp_path):
    rows, faults = check(write(tmp_path / "in", {}), today=TODAY)
    assert not faults and rows["places.csv"][0].phone == "+351 21 300 0000" and GOOD["id"] == rows["places.csv"][0].id


def test_a_byte_order_mark_does_no_harm(tmp_path):
    folder = write(tmp_path / "in", {})
    path: Path = folder / "places.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert not check(folder, today=TODAY)[1]
