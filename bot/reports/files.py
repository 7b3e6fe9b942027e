"""A report as a spreadsheet, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict

import openpyxl
from openpyxl.styles import Alignment, Font

from bot.reports.cross import Cross
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
    for cross in report.crosses:
        for row, column, count in _pairs(cross, say, name):
            writer.writerow([report.month, safe(say(f"report.{cross.kind}")), safe(f"{row} / {column}"), count])
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(report: Report, say: Say, name: Name, right_to_left: bool = False) -> bytes:
    """A sheet with list after list, and one for each two-way table; the monthly activity is among them."""
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
    for cross in report.crosses:
        _sheet(book, cross, say, name, right_to_left)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _sheet(book: openpyxl.Workbook, cross: Cross, say: Say, name: Name, right_to_left: bool) -> None:
    title = re.sub(r"[\[\]:*?/\\]", " ", say(f"report.{cross.kind}"))
    page = book.create_sheet(title[:31])
    page.sheet_view.rightToLeft = right_to_left
    page.column_dimensions["A"].width = 36
    page.append([say(f"report.{cross.kind}")])
    page.cell(1, 1).font = Font(bold=True)
    page.append([say(f"report.{cross.kind}.hint")])
    if cross.withheld or not cross.rows:
        page.append([say("report.withheld" if cross.withheld else "report.nothing")])
        return
    total = [say("report.total")] if cross.row_totals else []
    page.append(["", *(name(cross.column_names, column) for column in cross.columns), *total])
    for cell in page[page.max_row]:
        cell.font, cell.alignment, cell.data_type = Font(bold=True), Alignment(wrap_text=True), "s"
    for position, row in enumerate(cross.rows):
        counts = [*cross.cells[position], *cross.row_totals[position : position + 1]]
        page.append([name(cross.row_names, row), *(_count(count, say) for count in counts)])
        page.cell(page.max_row, 1).data_type = "s"
    page.append([say("report.total"), *(_count(count, say) for count in cross.column_totals)])
    page.freeze_panes = "B4"


def _pairs(cross: Cross, say: Say, name: Name) -> Iterator[tuple[str, str, int | str]]:
    """Every count of a two-way table with the names of its row and column, the totals last."""
    if cross.withheld:
        yield say("report.withheld"), "", ""
        return
    for row, cells in zip(cross.rows, cross.cells, strict=True):
        for column, count in zip(cross.columns, cells, strict=True):
            yield name(cross.row_names, row), name(cross.column_names, column), _count(count, say)
    for row, count in zip(cross.rows, cross.row_totals, strict=False):
        yield name(cross.row_names, row), say("report.total"), _count(count, say)
    for column, count in zip(cross.columns, cross.column_totals, strict=True):
        yield say("report.total"), name(cross.column_names, column), _count(count, say)


def _count(count: int | None, say: Say) -> int | str:
    return say("report.small") if count is None else count


def lines(table: Table, say: Say, name: Name) -> list[tuple[str, int | str]]:
    """The rows as they are written: counts held back as words, the total last."""
    found: list[tuple[str, int | str]] = [
        (name(table.names, row.name), say("report.small") if row.count is None else row.count) for row in table.rows
    ]
    if table.withheld:
        found.append((say("report.withheld"), ""))
    return [*found, (say("report.total"), say("report.small") if table.total is None else table.total)]
