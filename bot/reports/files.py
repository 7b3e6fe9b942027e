"""A report as a spreadsheet, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict

import openpyxl
from openpyxl.styles import Font

from bot.reports.month import Report, Table

Say = Callable[[str], str]
"""Words of a key in the reader's language; see `headings`."""

Name = Callable[[str, str], str]
"""What a row is called: of which kind (language, country, ...), and its key."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula (OWASP, CSV Injection)."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def as_json(report: Report) -> bytes:
    """For programs: counts held back are null."""
    return json.dumps(asdict(report), ensure_ascii=False, indent=1).encode()


def as_csv(report: Report, say: Say, name: Name) -> bytes:
    """One row for each count, with a byte order mark: without it Excel reads UTF-8 as the letters of its own country."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([say("report.month"), say("report.table"), say("report.name"), say("report.count")])
    for table in report.tables:
        for shown, count in lines(table, say, name):
            writer.writerow([report.month, safe(say(f"report.{table.kind}")), safe(shown), count])
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(report: Report, say: Say, name: Name, right_to_left: bool = False) -> bytes:
    """One sheet, list after list."""
    book = openpyxl.Workbook()
    page = book.active
    page.title = report.month
    page.sheet_view.rightToLeft = right_to_left
    page.column_dimensions["A"].width, page.column_dimensions["B"].width = 48, 14
    page.append([f"{say('report.title')} {report.month}"])
    page.append([say("report.held_back")])
    for table in report.tables:
        page.append([])
        page.append([say(f"report.{table.kind}")])
        page.cell(page.max_row, 1).font = Font(bold=True)
        for shown, count in lines(table, say, name):
            page.append([shown, count])
            page.cell(page.max_row, 1).data_type = "s"  # a name that begins with = is not a formula
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def lines(table: Table, say: Say, name: Name) -> list[tuple[str, int | str]]:
    """The rows as they are written: counts held back as words, the total last."""
    found: list[tuple[str, int | str]] = [
        (name(table.names, row.name), say("report.small") if row.count is None else row.count) for row in table.rows
    ]
    if table.withheld:
        found.append((say("report.withheld"), ""))
    return [*found, (say("report.total"), say("report.small") if table.total is None else table.total)]
