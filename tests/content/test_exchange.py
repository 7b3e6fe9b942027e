"""Texts go out to translators and come back without loss, or are refused whole."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace

import openpyxl
import polib
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.content.exchange import sheet as sheets
from bot.content.exchange.entries import entries_of, files_of
from bot.content.exchange.proposal import adopt, propose, sheet_of
from bot.content.exchange.yaml_text import places, replaced
from bot.content.load import ContentError, Reader
from tests.conftest import SHIPPED
from tests.content.conftest import FOLDER

KINDS = ("csv", "xlsx", "po")
SOME = "hiv/hiv_self_test/sms"


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "content")
    return tmp_path / "content"


def check(folder):
    Reader(folder, SHIPPED).read()


def changed(sheet, which, /, **parts):
    return replace(sheet, rows=tuple(replace(row, **parts) if row.key == which else row for row in sheet.rows))


def everything(folder) -> dict:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_what_goes_out_comes_back_the_same(kind, language, content, tmp_path):
    sheet = sheet_of(FOLDER, language)
    words = content.words(language)
    own = (words.words, words.buttons, words.groups, words.services, words.page, *words.facts.values())
    assert len(sheet.rows) == 3 * len(words.topics) + sum(map(len, own)) and all(row.text for row in sheet.rows)
    path = tmp_path / f"texts.{kind}"
    sheets.write(sheet, path, right_to_left=language in ("ar", "fa"))
    back = sheets.read(path)
    assert back == sheet
    assert propose(FOLDER, back, SHIPPED).changes == ()


def test_writing_every_text_anew_changes_none(language):
    for path in files_of(FOLDER, language).values():
        content = path.read_text("utf-8")
        found = places(content)
        again = places(replaced(content, {name: place.text for name, place in found.items()}))
        assert {name: place.text.strip() for name, place in again.items()} == {
            name: place.text.strip() for name, place in found.items()
        }


FILE = """# first
state: draft
topics:
  one:  # why
    title: "One"
    text: |
      Line one.
      Line two.
    sms: 'short'

  two:
    title: Two
    text: >
      folded
    sms: "x"   # end
"""


@given(
    st.sampled_from(sorted(path for path in places(FILE) if len(path) == 3)),
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1).filter(str.strip),
)
def test_any_text_can_be_put_in_place_of_another(path, text):
    edited = replaced(FILE, {path: text})
    after = places(edited)
    assert after[path].text.strip("\n") == text.strip("\n") or after[path].text == text
    assert {name: place.text for name, place in after.items() if name != path} == {
        name: place.text for name, place in places(FILE).items() if name != path
    }
    assert "# first" in edited and "# why" in edited and "# end" in edited


def test_only_the_changed_lines_change():
    edited = replaced(
        FILE, {("topics", "one", "text"): "Ligne: une.\n\nLigne «deux».", ("topics", "two", "sms"): 'a "b" \\'}
    )
    assert edited.splitlines()[:6] == FILE.splitlines()[:6]
    assert "    text: |\n      Ligne: une.\n\n      Ligne «deux».\n    sms: 'short'\n\n" in edited
    assert edited.endswith('    sms: "a \\"b\\" \\\\"   # end\n')


def test_a_correction_is_taken_over_and_nothing_else(folder):
    before = everything(folder)
    proposal = propose(folder, changed(sheet_of(folder, "ar"), SOME, text="كلمات أخرى"), SHIPPED)
    (file,) = adopt(folder, proposal, False, check)
    assert file == folder / "answers" / "ar" / "hiv.yml"
    after = everything(folder)
    assert [path for path in after if after[path] != before[path]] == [file]
    assert entries_of(folder, "ar")[SOME].text == "كلمات أخرى"
    lines = zip(before[file].splitlines(), after[file].splitlines(), strict=True)
    assert sum(old != new for old, new in lines) == 1


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda s: replace(s, rows=s.rows[1:]), "interface/words/greeting.first: this row is missing"),
        (lambda s: replace(s, rows=(*s.rows, s.rows[0])), "interface/words/greeting.first: stands there twice"),
        (lambda s: changed(s, SOME, key="hiv/hiv_selftest/sms"), "hiv/hiv_selftest/sms: no text of this name in fr"),
        (lambda s: changed(s, SOME, text=""), f"{SOME}: not translated"),
        (lambda s: replace(s, language="xx"), "language: 'xx' is not one of"),
        (lambda s: replace(s, source="de"), "language: translated from 'de', expected 'en'"),
    ],
)
def test_a_half_broken_sheet_is_refused_with_every_fault(edit, said):
    with pytest.raises(ContentError) as error:
        propose(FOLDER, edit(sheet_of(FOLDER, "fr")), SHIPPED)
    assert said in "\n".join(error.value.faults)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("hiv/hiv_self_test/title", "far too long to stand on a button"),
        ("interface/words/greeting.first", "{days, plural, one {# jour} other {# jours}"),
        ("facts/prep/limited", "{nobody}"),
    ],
)
def test_what_the_checker_refuses_is_not_half_written(folder, key, text):
    before = everything(folder)
    sheet = changed(changed(sheet_of(folder, "fr"), SOME, text="autre chose"), key, text=text)
    with pytest.raises(ContentError):
        adopt(folder, propose(folder, sheet, SHIPPED), False, check)
    assert everything(folder) == before


def test_trying_writes_nothing(folder):
    before = everything(folder)
    proposal = propose(folder, changed(sheet_of(folder, "so"), SOME, text="wax kale"), SHIPPED)
    assert adopt(folder, proposal, False, check, only_try=True) and everything(folder) == before


@pytest.mark.parametrize(("reviewed", "state"), [(False, "draft"), (True, "reviewed")])
def test_a_reviewed_file_that_is_changed_is_a_draft_again(folder, reviewed, state):
    file = folder / "answers" / "es" / "hiv.yml"
    file.write_text(file.read_text("utf-8").replace("state: draft", "state: reviewed", 1), "utf-8")
    proposal = propose(folder, changed(sheet_of(folder, "es"), SOME, text="otras palabras"), SHIPPED)
    adopt(folder, proposal, reviewed, check)
    assert yaml.safe_load(file.read_text("utf-8"))["state"] == state


def test_a_source_text_that_has_changed_since_is_named(folder):
    sheet = changed(sheet_of(folder, "uk"), SOME, source="as it was last year")
    assert propose(folder, sheet, SHIPPED).outdated == (SOME,)


def test_semicolons_and_a_wrong_encoding(tmp_path):
    path = tmp_path / "texts.csv"
    sheets.write(sheet_of(FOLDER, "pt"), path, right_to_left=False)
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.reader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";", lineterminator="\n").writerows(table)
    assert sheets.read(path) == sheet_of(FOLDER, "pt")
    path.write_text("key,note,en,pt\nà,b,c,d\n", "latin-1")
    with pytest.raises(sheets.SheetFault, match="UTF-8"):
        sheets.read(path)


def test_a_cell_is_never_a_formula(tmp_path):
    path = tmp_path / "texts.xlsx"
    sheets.write(changed(sheet_of(FOLDER, "en"), SOME, text="=1+1"), path, right_to_left=False)
    page = openpyxl.load_workbook(path).active
    (cell,) = [row[3] for row in page.iter_rows() if row[0].value == SOME]
    assert cell.data_type == "s" and cell.value == "=1+1"
    assert {row.key: row.text for row in sheets.read(path).rows}[SOME] == "=1+1"


def test_a_fuzzy_translation_is_none(tmp_path):
    path = tmp_path / "texts.po"
    sheets.write(sheet_of(FOLDER, "ht"), path, right_to_left=False)
    catalogue = polib.pofile(str(path))
    catalogue.find(SOME, by="msgctxt").flags.append("fuzzy")
    catalogue.save()
    with pytest.raises(ContentError, match=f"{SOME}: not translated"):
        propose(FOLDER, sheets.read(path), SHIPPED)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"", "the name must end in .csv, .xlsx, .po"),
        ("a.xlsx", b"not a workbook", "not an Excel workbook"),
        ("a.csv", b"", "row 1: expected the columns key, note"),
        ("a.csv", b"key,note,en,fr\n,x,y,z\n", "row 2: the key is missing"),
        ("a.po", b'msgid "a"\nmsgstr "b"\n', "without msgctxt"),
        ("a.po", b"nonsense\n", "cannot be read as PO"),
    ],
)
def test_a_file_of_another_kind_is_refused_in_one_line(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(sheets.SheetFault) as error:
        sheets.read(path)
    assert said in str(error.value) and "\n" not in str(error.value)
