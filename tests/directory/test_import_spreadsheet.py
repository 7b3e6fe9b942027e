"""Lists of places, one row a place: as CSV and as a workbook, in and out again, and the template to fill in."""

from __future__ import annotations

import csv
import string
from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from bot.directory.exchange.importer import bring_in
from bot.directory.exchange.source import Unreadable
from bot.directory.exchange.spreadsheet import cells_of
from bot.directory.exchange.template import CHOICES, as_csv, as_workbook, columns, explained
from bot.directory.listing import check, load
from bot.directory.rows import COLUMNS, EXAMPLE, MORE_COLUMNS, Row, read
from bot.directory.terms import POPULATIONS, SERVICE_KINDS, YES_NO_FACTS, Answer
from tests.directory.conftest import GOOD, SHIPPED, write
from tests.directory.test_import_hsds import everything, refusals, spots

TODAY = date(2026, 11, 22)
ALL = (*COLUMNS, *MORE_COLUMNS)


def book(path, *rows, header=None):
    sheet = (workbook := Workbook()).active
    header = header or list(dict.fromkeys(name for row in rows for name in row))
    sheet.append(header)
    for row in rows:
        sheet.append([row.get(name) for name in header])
    for cell in (cell for line in sheet.iter_rows() for cell in line if cell.data_type in "fe"):
        # Typed as words, not as a formula or an error, whatever they begin with.
        cell.data_type = "s"
    workbook.save(path)
    return path


def full(**cells):
    return {name: "" for name in COLUMNS} | GOOD | cells


# --- Importing ---


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
async def test_a_list_comes_in_and_a_second_time_changes_nothing(either, tmp_path, ending):
    path = write(tmp_path / "in", {"id": "a"}, {"id": "b"}) / "places.csv"
    if ending == "xlsx":
        path = book(tmp_path / "in" / "places.xlsx", full(id="a"), full(id="b"))
    first = await bring_in(either, path, "lisbon", today=TODAY)
    assert first.report.added == ("a", "b") and refusals(first) == [] and await spots(either) == 2
    there = await everything(either)
    second = await bring_in(either, path, "lisbon", today=TODAY)
    assert second.report.unchanged == ("a", "b") and await everything(either) == there


async def test_a_row_with_a_fault_is_refused_and_the_others_come_in(database, tmp_path):
    folder = write(tmp_path / "in", {"id": "a"}, {"id": "b", "phone": "12", "state": "done"}, {"id": "a"})
    outcome = await bring_in(database, folder / "places.csv", "lisbon", today=TODAY)
    assert outcome.report.added == ("a",) and outcome.report.refused == 2
    assert [(fault.where, fault.column) for fault in outcome.report.faults] == [
        ("places.csv:3", "phone"), ("places.csv:3", "state"), ("places.csv:4", "id"),
    ]  # fmt: skip


async def test_a_place_with_a_fault_is_not_missing(database, tmp_path):
    await bring_in(database, write(tmp_path / "in", {"id": "a"}) / "places.csv", "lisbon", today=TODAY)
    path = write(tmp_path / "in", {"id": "a", "phone": "12"}, {"id": "b"}) / "places.csv"
    outcome = await bring_in(database, path, "lisbon", retire=True, today=TODAY)
    assert outcome.report.missing == () and await spots(database) == 2


async def test_the_staff_s_own_places_are_left_to_their_files(database, tmp_path):
    folder = write(tmp_path / "in", {"id": "a"})
    await load(database, folder, today=TODAY)
    outcome = await bring_in(database, folder / "places.csv", "other", today=TODAY, retire=True)
    assert refusals(outcome) == ["places.csv:2 id: 'a' is kept by the dataset 'content' already"]
    with pytest.raises(ValueError, match="--dataset content"):
        await bring_in(database, folder / "places.csv", "content", today=TODAY)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (list(COLUMNS[1:]), "the column 'id' stands there 0 times"),
        ([*COLUMNS, "colour"], "no column is called 'colour'"),
    ],
)
async def test_a_wrong_header_refuses_everything(database, tmp_path, header, said):
    with pytest.raises(Unreadable, match=said):
        await bring_in(database, book(tmp_path / "in.xlsx", full(), header=header), "lisbon", today=TODAY)


# --- Workbooks ---


def test_cells_of_a_workbook_are_read_as_people_typed_them(tmp_path):
    row = full(
        latitude=38.7, longitude=-9, source_read=datetime(2026, 1, 31), last_verified=date(2026, 2, 1),
        postal_code=1150, **{"name:ar": "عيادة"},
    )  # fmt: skip
    faults: list[str] = []
    (found,) = read(book(tmp_path / "a.xlsx", row), TODAY, {}, faults)
    assert not faults and (found.latitude, found.longitude) == (38.7, -9.0)
    assert (found.source_read, found.last_verified) == (date(2026, 1, 31), date(2026, 2, 1))
    assert found.postal_code == "1150" and found.translations == (("name", "ar", "عيادة"),)


async def test_the_staff_may_keep_workbooks_beside_csv_files(database, tmp_path):
    folder = write(tmp_path / "in", {"id": "a"})
    book(folder / "lisbon.xlsx", full(id="b"), {}, full(id="c"))
    (folder / "~$lisbon.xlsx").write_bytes(b"Excel's lock")
    assert len((await load(database, folder, today=TODAY)).added) == 3
    book(folder / "lisbon.xlsx", full(id="b", phone="12"))
    assert check(folder, today=TODAY)[1][0].startswith("lisbon.xlsx:2 phone: '12' cannot be dialled")


def test_a_broken_workbook_is_named(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"PK no")
    assert check(tmp_path, today=TODAY)[1][0].startswith("a.xlsx:1 file: is not readable as an Excel workbook")


# --- The template ---


def test_the_table_of_the_readme_explains_every_column_once():
    heads, table = explained((SHIPPED / "README.md").read_text("utf-8"))
    named = [name for line in table for name in line.columns]
    assert len(heads) == 3 and all(line.what and line.empty for line in table)
    assert sorted(name for name in named if ":" not in name) == sorted(ALL)
    assert all(line.empty.startswith("may be left out") == (line.columns[0] not in COLUMNS) for line in table)
    readme = " ".join((SHIPPED / "README.md").read_text("utf-8").split())
    assert " ".join(POPULATIONS) in readme


def test_the_example_is_a_good_row_and_never_loaded(tmp_path):
    (tmp_path / "list.csv").write_text(as_csv(SHIPPED), encoding="utf-8-sig")
    listed, faults = check(tmp_path, today=TODAY)
    assert not faults and listed["list.csv"] == []
    (tmp_path / "list.csv").write_text(as_csv(SHIPPED).replace(EXAMPLE, "a-row"), encoding="utf-8")
    listed, faults = check(tmp_path, today=TODAY)
    assert not faults and listed["list.csv"][0].sample is Answer.YES and "SAMPLE" in listed["list.csv"][0].name


def test_the_workbook_has_all_columns_choices_and_explanations(tmp_path):
    as_workbook(SHIPPED).save(tmp_path / "t.xlsx")
    listed, faults = check(tmp_path, today=TODAY)
    assert not faults and listed["t.xlsx"] == []
    made = load_workbook(tmp_path / "t.xlsx")
    assert made.sheetnames == ["places", "columns", "lists"]
    names = columns((SHIPPED / "README.md").read_text("utf-8"))
    assert [cell.value for cell in made["places"][1]] == names and set(ALL) < set(names)
    offered = {
        names[next(iter(choice.sqref.ranges)).min_col - 1]: choice
        for choice in made["places"].data_validations.dataValidation
    }
    assert set(offered) == {*CHOICES, "kinds", "populations"} and set(YES_NO_FACTS) < set(offered)
    for name, choice in offered.items():
        letter = choice.formula1.split("$")[1]
        words = [cell.value for cell in made["lists"][letter][1:] if cell.value]
        assert words == list(CHOICES.get(name) or {"kinds": SERVICE_KINDS, "populations": POPULATIONS}[name])
        assert bool(choice.showErrorMessage) == (name in CHOICES)


# --- Records to file to records ---

WORDS = st.text(st.characters(blacklist_categories=("Cc", "Cs")), max_size=40).map(str.strip)
SOME = WORDS.filter(bool)
PARTS = st.lists(SOME.filter(lambda text: ";" not in text), max_size=3).map(tuple)
DAYS = st.dates(date(2000, 1, 1), TODAY)
LATER = st.dates(TODAY, date(2030, 1, 1))


def some_of(words):
    return st.lists(st.sampled_from(words), unique=True, max_size=4).map(tuple)


@st.composite
def rows(draw):
    mobile = draw(st.booleans())
    confidential = draw(st.sampled_from(Answer))
    verified = draw(DAYS)
    return Row(
        id=draw(st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=20)), organization=draw(SOME),
        name=draw(SOME), kinds=draw(some_of(SERVICE_KINDS)), description=draw(WORDS),
        address="" if confidential is Answer.YES else draw(WORDS), city=draw(SOME),
        country=draw(st.sampled_from(["PT", "GB", "UA"])), latitude=draw(st.floats(0.001, 90)),
        longitude=draw(st.floats(-180, 180)), precision=draw(st.sampled_from(["exact", "city"])),
        phone=draw(st.sampled_from(["", "+351 21 300 0000"])), email=draw(st.sampled_from(["", "a@example.org"])),
        website=draw(st.sampled_from(["", "https://example.org/a?b=1,2"])),
        hours=draw(st.sampled_from(["Mo-Fr 09:00-17:00; PH off", '24/7', 'Mo 09:00-12:00 "by appointment"'])),
        languages=draw(some_of(["en", "ar", "fa", "ckb"])), id_required=draw(st.sampled_from(Answer)),
        status_required=draw(st.sampled_from(Answer)), shares_with_immigration=draw(st.sampled_from(Answer)),
        walk_in=draw(st.sampled_from(Answer)), anonymous=draw(st.sampled_from(Answer)), source_title=draw(SOME),
        source_url="https://example.org", source_read=draw(DAYS), last_verified=verified,
        state=draw(st.sampled_from(["draft", "reviewed"])), sample=Answer.NO, notes=draw(WORDS),
        postal_code=draw(st.sampled_from(["", "01150", "SW1A 1AA"])), region=draw(WORDS),
        populations=draw(some_of(POPULATIONS)), eligibility=draw(WORDS), free=draw(st.sampled_from(Answer)),
        cost=draw(WORDS), documents=draw(PARTS), wheelchair=draw(st.sampled_from(Answer)), accessibility=draw(WORDS),
        confidential=confidential, mobile=Answer.YES if mobile else Answer.UNKNOWN,
        dates=tuple(sorted(draw(st.sets(LATER, min_size=1, max_size=3)))) if mobile else (),
        closed_until=draw(st.one_of(st.none(), LATER)), verified_by=draw(WORDS), id_required_source=draw(WORDS),
        translations=draw(st.sampled_from([(), (("name", "ar", "عيادة, 'أ'"), ("description", "fr", 'dit "oui"'))])),
    )  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=rows())
@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_row_written_and_read_is_the_same_row(tmp_path, ending, row):
    if row.name.startswith("SAMPLE "):
        return
    cells = cells_of(row)
    path = tmp_path / f"rows.{ending}"
    if ending == "xlsx":
        book(path, cells)
    else:
        with path.open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, list(cells))
            writer.writeheader()
            writer.writerow(cells)
    faults: list[str] = []
    found = list(read(path, TODAY + timedelta(days=1), {}, faults))
    assert not faults and found == [row]
