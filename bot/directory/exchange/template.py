"""An empty list of places to fill in: all columns, choices to pick from, every column explained, an example row.

What the columns mean is said in one place, the table of content/directory/README.md; the example is
content/directory/template/example.csv.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from bot.directory.rows import COLUMNS, MORE_COLUMNS
from bot.directory.sheets import lines
from bot.directory.terms import POPULATIONS, SERVICE_KINDS, YES_NO_FACTS, Answer

_ROWS = 2_000
"""Lines of the sheet that have drop-down lists."""
_NAMES = re.compile(r"`([a-z_]+(?::[a-z]+)?)`")
_CODE = re.compile(r"`([^`]*)`")

CHOICES: dict[str, tuple[str, ...]] = {
    **{fact: tuple(Answer) for fact in YES_NO_FACTS if fact != "sample"},
    "sample": ("no", "yes"),
    "precision": ("exact", "city"),
    "state": ("draft", "reviewed"),
}
"""Columns of which a cell is one of a closed list."""

SEVERAL: dict[str, tuple[str, ...]] = {"kinds": SERVICE_KINDS, "populations": POPULATIONS}
"""Columns of which a cell is some of a closed list, separated by semicolons: the list is only offered."""


@dataclass(frozen=True)
class Explained:
    """A line of the table: one or more columns, what to write there, and whether it may be empty."""

    columns: tuple[str, ...]
    what: str
    empty: str


def explained(readme: str) -> tuple[tuple[str, ...], list[Explained]]:
    """The heads and lines of the table under "## Columns". Raises ValueError if it is not there."""
    section = re.search(r"^## Columns\n(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\|(.+)\|$", section[1], re.MULTILINE) if section else []
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    if len(cells) < 3 or any(len(row) != 3 for row in cells):
        raise ValueError("README.md: has no table of three columns under '## Columns'")
    heads, _, *body = cells
    table = [Explained(tuple(_NAMES.findall(row[0])), _plain(row[1]), _plain(row[2])) for row in body]
    return tuple(heads), table


def columns(readme: str) -> list[str]:
    """All columns of the template: the needed ones, the others, and one in another language as an example."""
    translated = [name for line in explained(readme)[1] for name in line.columns if ":" in name]
    return [*COLUMNS, *MORE_COLUMNS, *translated]


def as_csv(folder: Path) -> str:
    """The template as CSV: the columns and the example row. `folder` is content/directory."""
    names = columns(_readme(folder))
    example = _example(folder)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerows([names, [example.get(name, "") for name in names]])
    return out.getvalue()


def as_workbook(folder: Path) -> Workbook:
    """The template as a workbook of three sheets: places to fill in, the columns explained, and the choices."""
    readme = _readme(folder)
    names, example = columns(readme), _example(folder)
    book = Workbook()
    places = book.active
    places.title = "places"
    places.append(names)
    places.append([example.get(name, "") for name in names])
    places.freeze_panes = "C2"
    for number, name in enumerate(names, 1):
        letter = get_column_letter(number)
        # Text everywhere: Excel would take the first 0 from a postcode and make numbers of telephones.
        places.column_dimensions[letter].number_format = "@"
        places.column_dimensions[letter].width = 30 if name in ("name", "organization", "address", "website") else 16
        for line in (1, 2):
            places[f"{letter}{line}"].number_format = "@"
        places[f"{letter}1"].font = Font(bold=name in COLUMNS)
        places[f"{letter}2"].fill = PatternFill("solid", fgColor="EEEEEE")
    _explain(book.create_sheet("columns"), readme)
    _offer(places, book.create_sheet("lists"), names)
    return book


def _explain(sheet: Worksheet, readme: str) -> None:
    heads, table = explained(readme)
    sheet.append(list(heads))
    for line in table:
        sheet.append([", ".join(line.columns), line.what, line.empty])
    for letter, width in zip("ABC", (36, 90, 24)):
        sheet.column_dimensions[letter].width = width
        sheet[f"{letter}1"].font = Font(bold=True)
    for row in sheet.iter_rows(min_row=2):
        for cell in row:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.freeze_panes = "A2"


def _offer(places: Worksheet, lists: Worksheet, names: list[str]) -> None:
    """Drop-down lists; the words themselves stand on a sheet of their own, for lists of any length."""
    for number, (name, words) in enumerate((CHOICES | SEVERAL).items(), 1):
        letter = get_column_letter(number)
        for line, word in enumerate((name, *words), 1):
            lists[f"{letter}{line}"] = str(word)
        lists[f"{letter}1"].font = Font(bold=True)
        choice = DataValidation("list", f"lists!${letter}$2:${letter}${len(words) + 1}", allow_blank=True)
        choice.showErrorMessage = name in CHOICES
        places.add_data_validation(choice)
        column = get_column_letter(names.index(name) + 1)
        choice.add(f"{column}2:{column}{_ROWS}")


def _readme(folder: Path) -> str:
    return (folder / "README.md").read_text("utf-8")


def _example(folder: Path) -> dict[str, str]:
    (_, header), (_, cells) = lines(folder / "template" / "example.csv")
    return dict(zip(header, cells))


def _plain(markdown: str) -> str:
    return _CODE.sub(r"\1", markdown).replace("**", "")
