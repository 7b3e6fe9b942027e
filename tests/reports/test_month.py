"""A month from what was counted, and its files."""

from __future__ import annotations

import csv
import io
import json

import openpyxl
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from bot import migrations
from bot.cli import main
from bot.conversation.models import Tally
from bot.db import Database
from bot.reports import files
from bot.reports.cross import Cross
from bot.reports.month import NotAMonth, Report, Row, Table, report


async def fill(url: str) -> None:
    database = Database(url)
    await migrations.upgrade(database)
    async with database.begin() as session:
        for day, kind, key, count in (
            ("2026-11-01", "people_language", "es", 40),
            ("2026-11-01", "people_language", "fr", 9),
            ("2026-11-01", "people_language", "so", 2),
            ("2026-11-03", "topic", "prep_what", 30),
            ("2026-11-30", "topic", "prep_what", 12),
            ("2026-12-01", "topic", "prep_what", 500),
            ("2026-11-02", "crisis", "violence", 3),
            ("2026-11-02", "waited", "more", 6),
            ("2026-11-02", "waited", "5m", 5),
        ):
            session.add(Tally(day=day, kind=kind, key=key, count=count))
    await database.close()


async def test_a_month_is_the_sum_of_its_days_and_small_counts_are_held_back(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}"
    await fill(url)
    database = Database(url)
    tables = {table.kind: table for table in (await report(database, "2026-11")).tables}
    await database.close()
    assert tables["topic"].rows == (Row("prep_what", 42),) and tables["topic"].total == 42
    assert tables["people_language"].rows == (Row("es", 40), Row("fr", None), Row("so", None))
    assert tables["crisis"].withheld and tables["crisis"].total is None and tables["crisis"].rows == ()
    assert [row.name for row in tables["waited"].rows] == ["5m", "more"]
    assert tables["services_found"].total == 0


@pytest.mark.parametrize("month", ["2026-13", "2026", "2026-11-01", "", "November"])
async def test_what_is_no_month_is_named(month):
    with pytest.raises(NotAMonth, match="2026-11"):
        await report(None, month)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(start):
    name = f"{start}cmd|' /C calc'!A0"
    cross = Cross("topic_language", "topic", "language", (name,), (name, "es"), ((7, None),), (9,), (7, None))
    found = Report("2026-11", (Table("topic", "topic", (Row(name, 7),), 7, False),), (cross,))
    text = files.as_csv(found, lambda key: key, lambda kind, key: key).decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert f"'{name}" in cells and name not in cells
    book = openpyxl.load_workbook(io.BytesIO(files.as_xlsx(found, lambda key: key, lambda kind, key: key)))
    assert len(book.worksheets) == 2
    assert all(cell.data_type != "f" for page in book for row in page.iter_rows() for cell in row)
    assert not any(cell.startswith(start) for cell in cells)


def test_farol_report_writes_every_kind_of_file(monkeypatch, tmp_path):
    import asyncio

    asyncio.run(fill(f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}"))
    monkeypatch.setenv("FAROL_DATA_DIR", str(tmp_path))
    for kind in ("html", "xlsx", "csv", "json"):
        path = tmp_path / f"report.{kind}"
        words = ["report", "--month", "2026-11", "--format", kind, "--language", "ar", "--to", str(path)]
        said = CliRunner().invoke(main, words)
        assert said.exit_code == 0, said.output
    assert 'dir="rtl"' in (tmp_path / "report.html").read_text("utf-8")
    data = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert {row["name"]: row["count"] for row in data["tables"][1]["rows"]} == {"es": 40, "fr": None, "so": None}
    assert CliRunner().invoke(main, ["report", "--month", "x"]).exit_code == 2


COUNTS = some.lists(
    some.tuples(
        some.sampled_from(["2026-10-31", "2026-11-01", "2026-11-30", "2026-12-01"]),
        some.sampled_from(["prep_what", "hiv_basics", "sti"]),
        some.sampled_from(["es", "fr", "ar"]),
        some.integers(1, 30),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(COUNTS, some.sampled_from(["2026-10", "2026-11", "2026-12"]))
async def test_a_month_tells_nothing_of_the_months_beside_it(tmp_path_factory, counts, month):
    """Whatever the neighbours hold, a month's report is the same: two reports beside each other are two reports."""
    alone = [one for one in counts if one[0].startswith(month)]
    reports = []
    for kept in (counts, alone):
        url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('months') / 'farol.db'}"
        database = Database(url)
        async with database.engine.begin() as connection:
            await connection.run_sync(Tally.__table__.create)
        summed: dict[tuple[str, str, str], int] = {}
        for day, topic, language, count in kept:
            for kind, key in (("topic", topic), ("topic_language", f"{topic} {language}"),
                              ("topic_country", f"{topic} XX"), ("referral_made", f"prep {language.upper()}")):  # fmt: skip
                summed[day, kind, key] = summed.get((day, kind, key), 0) + count
        async with database.begin() as session:
            session.add_all(Tally(day=d, kind=k, key=key, count=n) for (d, k, key), n in summed.items())
        reports.append(await report(database, month))
        await database.close()
    assert reports[0] == reports[1]


async def test_referrals_are_counted_by_service_and_by_country(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}"
    await fill(url)
    database = Database(url)
    async with database.begin() as session:
        for kind, key, count in (
            ("referral_made", "prep CL", 30), ("referral_made", "hiv_test CL", 12), ("referral_made", "prep XX", 3),
            ("referral_reached_person", "prep CL", 9), ("referral_reached_service", "prep CL", 4),
            ("people_country", "CL", 80),
        ):  # fmt: skip
            session.add(Tally(day="2026-11-02", kind=kind, key=key, count=count))
    crosses = {cross.kind: cross for cross in (await report(database, "2026-11")).crosses}
    await database.close()
    services = dict(zip(crosses["referrals"].rows, crosses["referrals"].cells, strict=True))
    made, by_word, by_service = (crosses["referrals"].columns.index(one) for one in
                                 ("made", "reached_person", "reached_service"))  # fmt: skip
    assert services["prep"][made] == 33 and services["hiv_test"][made] == 12
    assert services["prep"][by_word] == 9 and services["prep"][by_service] is None, "four are held back"
    territories = dict(zip(crosses["activity"].rows, crosses["activity"].cells, strict=True))
    assert territories["CL"][0] == 80 and territories["XX"][crosses["activity"].columns.index("made")] is None
    # This month's topics were counted before two-way tables were: nothing is told of them.
    assert crosses["topic_language"].withheld
