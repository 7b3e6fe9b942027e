"""Places out: nothing is lost, nothing that must stay is told, and the standard's own schemas agree."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import frictionless
import openpyxl
import pytest
from click.testing import CliRunner
from sqlalchemy import Date, Float, event, insert, update

from bot.cli.directory_export import export as export_command
from bot.db import Database, UtcTime
from bot.directory import listing
from bot.directory.exchange import export_csv, export_json, export_sheet
from bot.directory.exchange.export import Amount, amount
from bot.directory.exchange.nested import CHILDREN, Nest
from bot.directory.exchange.scope import PUBLIC, Scope
from bot.directory.exchange.standard import FILES
from bot.directory.hsds import TABLES, Service
from bot.directory.listing import load
from bot.directory.rows import COLUMNS, MORE_COLUMNS
from tests.directory.conftest import SHIPPED, write
from tests.directory.everything import CANARY, HIDDEN_IDS, all_rows, fill, id_

OFFICIAL = Path(__file__).resolve().parents[3] / "shared" / "hsds"
TODAY = date(2026, 11, 22)
CAREFUL = Scope(confidential=False, samples=False)


async def as_json(database: Database, scope: Scope) -> dict[str, Any]:
    file = io.StringIO()
    async with database.begin(read_only=True) as session:
        await export_json.write(session, scope, file)
    return json.loads(file.getvalue())


async def as_csv(database: Database, scope: Scope, path: Path) -> dict[str, int]:
    async with database.begin(read_only=True) as session:
        return await export_csv.write(session, scope, path)


# --- Reading back, as far as the standard library goes ---


def typed(table: str, column: str, value: Any) -> Any:
    """A value of a file as the database holds it."""
    kind = TABLES[table].__table__.c[column].type
    if isinstance(kind, UtcTime):
        return datetime.fromisoformat(value).astimezone(UTC)
    if isinstance(kind, Date):
        return date.fromisoformat(value)
    return float(value) if isinstance(kind, Float) else value


def rows_of(document: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Every row that a JSON export holds, however deeply nested; the same row twice must say the same."""
    tables = {key: child for children in CHILDREN.values() for key, child in children} | {
        "services": "service", "organizations": "organization", "locations": "location", "taxonomies": "taxonomy",
        "taxonomy_terms": "taxonomy_term", "service_at_locations": "service_at_location", "attributes": "attribute",
        "metadata": "metadata", "meta_table_descriptions": "meta_table_description", "organization": "organization",
        "program": "program", "location": "location", "service": "service", "taxonomy_term": "taxonomy_term",
        "taxonomy_detail": "taxonomy",
    }  # fmt: skip
    found: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in TABLES}

    def take(table: str, row: dict[str, Any]) -> None:
        plain = {}
        for key, value in row.items():
            if isinstance(value, (dict, list)):
                for one in value if isinstance(value, list) else [value]:
                    take(tables[key], one)
            else:
                plain[key] = typed(table, key, value)
        assert found[table].setdefault(row["id"], plain) == plain

    for key, rows in document.items():
        for row in rows if isinstance(rows, list) else ():
            take(tables[key], row)
    return found


def rows_in(open_file: Any) -> dict[str, dict[str, dict[str, Any]]]:
    found = {}
    for table, name in FILES.items():
        with open_file(name) as file:
            found[table] = {
                row["id"]: {key: typed(table, key, value) for key, value in row.items() if value != ""}
                for row in csv.DictReader(file)
            }
    return found


def without_empty(rows: dict[str, dict[str, dict[str, Any]]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Without empty texts: a cell cannot tell them from none."""
    return {
        table: {key: {name: value for name, value in row.items() if value != ""} for key, row in of.items()}
        for table, of in rows.items()
    }


# --- Nothing is lost ---


async def test_json_holds_every_row_of_every_table(full):
    assert rows_of(await as_json(full, Scope())) == await all_rows(full)


async def test_csv_holds_every_row_of_every_table(full, tmp_path):
    counts = await as_csv(full, Scope(), tmp_path / "out")
    there = await all_rows(full)
    assert rows_in(lambda name: (tmp_path / "out" / name).open(encoding="utf-8", newline="")) == without_empty(there)
    assert counts == {table: len(rows) for table, rows in there.items()}
    assert all(there.values())  # every table had something to lose


async def test_a_zip_holds_the_same_as_a_folder(full, tmp_path):
    await as_csv(full, CAREFUL, tmp_path / "out")
    await as_csv(full, CAREFUL, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()
        }


async def test_json_and_csv_give_the_same_rows(full, tmp_path):
    await as_csv(full, CAREFUL, tmp_path / "out")
    in_csv = rows_in(lambda name: (tmp_path / "out" / name).open(encoding="utf-8", newline=""))
    in_json = without_empty(rows_of(await as_json(full, CAREFUL)))
    del in_csv["meta_table_description"], in_json["meta_table_description"]
    assert in_json == in_csv


async def test_one_dataset_with_what_belongs_to_it(full):
    document = await as_json(full, Scope(dataset="theirs"))
    assert [one["name"] for one in document["services"]] == ["Prevenção and tests"]
    assert [one["name"] for one in document["organizations"]] == ["House of Health"]
    rows = rows_of(document)
    assert set(rows["location"]) == {id_("clinic")} and set(rows["program"]) == {id_("programme")}


# --- Nothing that must stay is told ---


async def test_confidential_places_and_samples_stay(full, tmp_path):
    async with full.begin(read_only=True) as session:
        assert await amount(session, CAREFUL) == Amount(5, 3)
    document = await as_json(full, CAREFUL)
    assert {one["id"] for one in document["services"]} == set(
        map(id_, ("tests", "soup kitchen", "hotline", "past", "long past"))
    )
    await as_csv(full, CAREFUL, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        text = "".join(archive.read(name).decode() for name in archive.namelist()) + json.dumps(document)
    kept = {
        "hidden words",
        "hidden term",
        "past org",
        "past",
        "long past",
        "past at clinic",
        "ann",
        "ann's",
        "a3",
        "b7",
    }
    for name in HIDDEN_IDS - set(map(id_, kept)):
        assert name not in text
    for word in ("shelter", "back door", "sample house", "CANARY street", "row that is gone"):
        assert f"{CANARY} {word.removeprefix('CANARY ')}" not in text


async def test_a_pointer_to_what_is_held_back_goes_too(full):
    document = await as_json(full, CAREFUL)
    house = next(one for one in document["organizations"] if one["id"] == id_("house"))
    assert "parent_organization_id" not in house
    rows = rows_of(document)
    assert "organization_id" not in rows["location"][id_("square")]


async def test_a_fact_that_is_not_a_plain_no_hides(full):
    async with full.begin() as session:
        attribute = TABLES["attribute"]
        await session.execute(update(attribute).where(attribute.id == id_("b5")).values(value=None))
    assert id_("soup kitchen") not in {one["id"] for one in (await as_json(full, CAREFUL))["services"]}


# --- The standard agrees ---


@lru_cache
def schema(name: str) -> Any:
    path = OFFICIAL / "schema" / name
    if not path.is_file():
        pytest.skip(f"the standard's schemas are not at {OFFICIAL}")
    from jsonschema import Draft202012Validator, FormatChecker

    return Draft202012Validator(json.loads(path.read_text("utf-8")), format_checker=FormatChecker())


def faults(validator: Any, objects: list[dict[str, Any]]) -> Iterator[str]:
    for one in objects:
        for error in validator.iter_errors(one):
            yield f"{one.get('name', one['id'])} {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"


@pytest.mark.parametrize("scope", [Scope(), CAREFUL, PUBLIC], ids=["all", "careful", "public"])
async def test_nested_objects_validate(full, scope):
    async with full.begin(read_only=True) as session:
        ids = {
            name: sorted(await scope.given(session, name, (await all_rows(full))[name]))
            for name in ("service", "organization", "service_at_location", "location", "taxonomy_term")
        }
        nest = Nest(session, scope)
        for file, objects in (
            ("service", await nest.services(ids["service"])),
            ("service", await Nest(session, scope).services(ids["service"], whole_organization=False)),
            ("service_at_location", await Nest(session, scope).places(ids["service_at_location"])),
            ("organization", await Nest(session, scope).organizations(ids["organization"], locations=ids["location"])),
            ("service_list", await Nest(session, scope).service_list(ids["service"])),
            ("service_at_location_list", await Nest(session, scope).place_list(ids["service_at_location"])),
            ("organization_list", await Nest(session, scope).organization_list(ids["organization"])),
        ):
            assert objects
            assert list(faults(schema(f"compiled/{file}.json"), objects)) == []


async def test_the_json_file_validates(full):
    document = await as_json(full, Scope())
    assert list(faults(schema("compiled/service.json"), document["services"])) == []
    assert list(faults(schema("compiled/organization.json"), document["organizations"])) == []


async def test_the_tabular_files_agree_with_their_description(full, tmp_path):
    for name, scope in (("all", Scope()), ("careful", CAREFUL)):
        await as_csv(full, scope, tmp_path / name)
        report = frictionless.Package(str(tmp_path / name / "datapackage.json")).validate()
        assert report.valid, report.flatten(["title", "fieldName", "rowNumber", "note"])


def test_the_description_is_the_standards():
    """With rows that keep everything it demands what HSDS demands, but for HSDS's own slips."""
    path = OFFICIAL / "datapackage.json"
    if not path.is_file():
        pytest.skip(f"the standard's datapackage is not at {OFFICIAL}")
    theirs = {one["name"]: one for one in json.loads(path.read_text("utf-8"))["resources"]}
    ours = {one["name"]: one for one in export_csv.datapackage()["resources"]}
    assert {name: one["path"] for name, one in ours.items()} == {name: one["path"] for name, one in theirs.items()}
    for name, one in ours.items():
        keys = {(key["fields"], key["reference"]["resource"]) for key in one["schema"].get("foreignKeys", ())}
        assert keys == {
            (k["fields"], k["reference"]["resource"]) for k in theirs[name]["schema"].get("foreignKeys", ())
        }
        for mine, field in zip(one["schema"]["fields"], theirs[name]["schema"]["fields"], strict=True):
            where = (name, field["name"])
            assert (mine["name"], mine["type"]) == (field["name"], field["type"]), where
            assert mine.get("format") == field.get("format"), where
            wanted = field["constraints"]
            if where in {("program", "organization_id"), ("taxonomy_term", "code")}:
                # HSDS allows an organization one program, and no two taxonomies the same code.
                wanted = wanted | {"unique": False}
            assert mine["constraints"] == wanted, where


async def test_a_description_never_promises_what_the_rows_break(full, tmp_path):
    async with full.begin() as session:
        await session.execute(
            update(Service)
            .where(Service.id == id_("tests"))
            .values(url="not an address", email="nobody", status="open")
        )
        schedule = TABLES["schedule"]
        await session.execute(update(schedule).where(schedule.id == id_("rule")).values(opens_at="9 o'clock"))
    await as_csv(full, Scope(), tmp_path / "out")
    assert frictionless.Package(str(tmp_path / "out" / "datapackage.json")).validate().valid


# --- The cost ---


async def test_a_batch_takes_the_same_number_of_queries_whatever_its_size(full):
    ids = sorted(id_(f"copy {number}") for number in range(200))
    async with full.begin() as session:
        copies = [{"id": one, "organization_id": id_("house"), "name": "Copy", "status": "active"} for one in ids]
        await session.execute(insert(Service.__table__), copies)
        phones = [{"id": id_(one), "service_id": one, "number": "+351 1"} for one in ids]
        await session.execute(insert(TABLES["phone"].__table__), phones)
    counted: list[str] = []
    event.listen(full.engine.sync_engine, "before_cursor_execute", lambda *a: counted.append(a[2]))

    async def queries(ids: list[str]) -> int:
        async with full.begin(read_only=True) as session:
            counted.clear()
            assert len(await Nest(session, PUBLIC).services(ids)) == len(ids)
            return len(counted)

    assert await queries(ids) == await queries(ids[:1]) < 40


# --- The staff's columns ---


@pytest.fixture
def staff(tmp_path) -> Path:
    """A list with everything that the columns can say."""
    head = [*COLUMNS, *MORE_COLUMNS, "name:ar", "description:fr"]
    folder = write(tmp_path / "staff", {"id": "plain"})
    rich = {
        "id": "van", "organization": "Van Ltd", "name": "Van", "kinds": "prep;condoms", "city": "Lisbon",
        "country": "PT", "latitude": "38.75", "longitude": "-9.123456", "precision": "exact", "hours": "10:00-12:00",
        "languages": "pt;ar", "id_required": "no", "status_required": "yes", "walk_in": "yes", "sample": "no",
        "source_title": "Called", "source_read": "2026-01-31", "last_verified": "2026-02-01", "state": "reviewed",
        "phone": "+351 21 300 0000", "postal_code": "1000-123", "region": "Lisboa", "populations": "women;trans",
        "eligibility": "Everybody", "free": "yes", "cost": "Nothing", "documents": "Any letter;A photo;A third paper",
        "wheelchair": "no", "accessibility": "Two steps", "confidential": "no", "mobile": "yes",
        "dates": "2026-12-01;2026-12-08", "closed_until": "2026-12-31", "verified_by": "Ann",
        "id_required_source": "Ann said", "name:ar": "عيادة", "description:fr": "Une camionnette",
    }  # fmt: skip
    with (folder / "rich.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, head)
        out.writeheader()
        out.writerow(dict.fromkeys(head, "") | rich)
    return folder


async def as_sheet(database: Database, scope: Scope) -> tuple[str, export_sheet.Sheet]:
    file = io.StringIO(newline="")
    async with database.begin(read_only=True) as session:
        sheet = await export_sheet.write_csv(session, scope, file)
    return file.getvalue(), sheet


@pytest.mark.parametrize("source", ["shipped", "staff"])
async def test_the_staffs_rows_come_back_and_change_nothing(database, tmp_path, staff, source):
    await load(database, SHIPPED if source == "shipped" else staff, today=TODAY)
    text, sheet = await as_sheet(database, Scope())
    assert sheet.left_out == {}
    back = tmp_path / "back"
    back.mkdir()
    (back / "places.csv").write_text(text, encoding="utf-8")
    report = await load(database, back, today=TODAY)
    assert (report.added, report.changed, report.missing) == ((), (), ())
    assert len(report.unchanged) == sheet.written > 0


async def test_a_workbook_says_the_same_and_calculates_nothing(database, tmp_path, staff):
    await load(
        database, write(staff, {"id": "sum", "name": "=1+1", "description": "@SUM(A1)"}, file="sum.csv"), today=TODAY
    )
    path = tmp_path / "places.xlsx"
    async with database.begin(read_only=True) as session:
        sheet = await export_sheet.write_xlsx(session, Scope(), path)
    assert sheet == export_sheet.Sheet(3, {})
    cells = [cell for row in openpyxl.load_workbook(path).active.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    head, *rows = list(openpyxl.load_workbook(path).active.values)
    by_id = {row[0]: {name: value or "" for name, value in zip(head, row, strict=True)} for row in rows}
    assert by_id["sum"]["name"] == "=1+1" and by_id["van"]["phone"] == "+351 21 300 0000"
    text, _ = await as_sheet(database, Scope())
    in_csv = {row["id"]: row for row in csv.DictReader(io.StringIO(text))}
    assert in_csv == {id_: row for id_, row in by_id.items() if id_ != "sum"}


async def test_csv_for_people_holds_no_formula(database, tmp_path):
    bad = ["=1+1", "+SUM(A1)", "-2+cmd|' /C calc'!A0", "@x"]
    rows = [{"id": f"bad-{number}", "description": text} for number, text in enumerate(bad)]
    await load(database, write(tmp_path / "in", {"id": "good", "longitude": "-9.1"}, *rows), today=TODAY)
    text, sheet = await as_sheet(database, Scope())
    assert sheet == export_sheet.Sheet(1, {"a text that begins like a formula (take xlsx)": 4})
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert [cell for cell in cells if cell[:1] in tuple("=+-@\t\r") and cell] == ["-9.1", "+351 21 300 0000"]


async def test_what_the_columns_cannot_hold_is_left_out_and_said(full):
    text, sheet = await as_sheet(full, Scope())
    assert sheet.written == 0 and len(text.splitlines()) == 1
    assert sheet.left_out["not active"] == 1
    assert sum(sheet.left_out.values()) == 8


# --- The command ---


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Runs `farol directory export` on a database with the shipped places."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}"

    async def make() -> None:
        database = Database(url)
        await fill(database)
        await database.close()

    asyncio.run(make())
    monkeypatch.setenv("FAROL_DATABASE_URL", url)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(export_command, arguments)


def test_the_command_says_what_stays(command, tmp_path):
    result = command("-o", "out.json")
    assert result.exit_code == 0, result.output
    assert "out.json: 5 services" in result.stderr and "3 more stay here" in result.stderr
    assert len(json.loads((tmp_path / "out.json").read_text("utf-8"))["services"]) == 5
    result = command("-o", "all.json", "--with-confidential", "--with-samples")
    assert "all.json: 8 services" in result.stderr and "stay here" not in result.stderr


@pytest.mark.parametrize("form", ["json", "sheet"])
def test_the_command_writes_to_standard_output(command, form):
    result = command("--format", form)
    assert result.exit_code == 0
    assert json.loads(result.stdout) if form == "json" else next(csv.reader(result.stdout.splitlines()))[0] == "id"


def test_the_command_refuses_what_it_cannot_do(command, tmp_path):
    assert command("--format", "csv").exit_code == 2
    assert command("--format", "xlsx").exit_code == 2
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("x")
    result = command("--format", "csv", "-o", "taken")
    assert result.exit_code == 2 and "is there already" in result.stderr
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["mine.txt"]
    result = command("--dataset", "nope")
    assert result.exit_code == 2 and "no such dataset" in result.stderr


def test_the_command_writes_nothing_half(command, tmp_path, monkeypatch):
    monkeypatch.setenv("FAROL_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}")
    result = command("-o", "out.json")
    assert result.exit_code == 1 and "farol migrate" in result.stderr
    assert not (tmp_path / "out.json").exists() and not (tmp_path / ".out.json.part").exists()


def test_the_staffs_check_reads_what_was_written(command, tmp_path):
    assert command("--format", "sheet", "-o", "places.csv").exit_code == 0
    assert listing.check(tmp_path)[1] == ()
