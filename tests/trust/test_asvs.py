"""docs/asvs.md names every requirement of ASVS 5.0.0 at levels 1 and 2 once, and only files that are there."""

from __future__ import annotations

import re

from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "asvs.md").read_text("utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if re.match(r"\| \d", line)]

SECTIONS = {
    1: {1: "1-2", 2: "1-9", 3: "1-11", 4: "1-3", 5: "1-2"},
    2: {1: "1-3", 2: "1-3", 3: "1-4", 4: "1-1"},
    3: {2: "1-2", 3: "1-4", 4: "1-6", 5: "1-5", 7: "1-2"},
    4: {1: "1-3", 2: "1-1", 3: "1-2", 4: "1-4"},
    5: {1: "1-1", 2: "1-3", 3: "1-2", 4: "1-3"},
    6: {1: "1-3", 2: "1-12", 3: "1-4", 4: "1-4", 5: "1-5", 6: "1-3", 8: "1-4"},
    7: {1: "1-3", 2: "1-4", 3: "1-2", 4: "1-5", 5: "1-2", 6: "1-2"},
    8: {1: "1-2", 2: "1-3", 3: "1-1", 4: "1-1"},
    9: {1: "1-3", 2: "1-4"},
    10: {1: "1-2", 2: "1-2", 3: "1-4", 4: "1-11", 5: "1-5", 6: "1-2", 7: "1-3"},
    11: {1: "1-2", 2: "1-3", 3: "1-3", 4: "1-4", 5: "1-1", 6: "1-1"},
    12: {1: "1-3", 2: "1-2", 3: "1-4"},
    13: {1: "1-1", 2: "1-5", 3: "1-2", 4: "1-5"},
    14: {1: "1-2", 2: "1-4", 3: "1-3"},
    15: {1: "1-3", 2: "1-3", 3: "1-7"},
    16: {1: "1-1", 2: "1-5", 3: "1-4", 4: "1-3", 5: "1-3"},
    17: {1: "1-1", 2: "1-4", 3: "1-2"},
}
"""The requirements of levels 1 and 2 by chapter and section, from the CSV of the release: there, those of level 3 are the
last of each section."""


def required() -> list[str]:
    found = []
    for chapter, sections in SECTIONS.items():
        for section, numbers in sections.items():
            first, last = map(int, numbers.split("-"))
            found += [f"{chapter}.{section}.{number}" for number in range(first, last + 1)]
    return found


def test_every_requirement_is_there_once():
    named = [one for row in ROWS for one in row[0].split(", ")]
    assert sorted(named) == sorted(required())


def test_every_state_is_one_that_is_explained():
    states = {"met", "partly", "not met", "yours", "n/a"}
    assert all(len(row) == 5 and row[3] in states and row[4] for row in ROWS), [row for row in ROWS if len(row) != 5]


def test_what_is_open_is_said_at_the_top():
    head = TEXT[: TEXT.index("## V1")]
    unmet = [one for row in ROWS if row[3] == "not met" for one in row[0].split(", ")]
    assert [one for one in unmet if one not in head and one not in ("6.1.2", "6.2.3", "12.3.4")] == []


def test_every_file_named_is_there():
    named = set(re.findall(r"`([a-z][A-Za-z_]*/[^` ]*)`", TEXT))
    assert len(named) > 50 and [name for name in sorted(named) if not (ROOT / name).exists()] == []
