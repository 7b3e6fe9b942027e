"""The checker names every fault, where it is, in words for the people who edit the files."""

from __future__ import annotations

import re
import shutil

import pytest
import yaml

from bot.content.load import ContentError, Reader
from tests.conftest import SHIPPED
from tests.content.conftest import FOLDER


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "content")
    return tmp_path / "content"


def change(path, edit):
    data = yaml.safe_load(path.read_text("utf-8"))
    edit(data)
    path.write_text(yaml.safe_dump(data, allow_unicode=True), "utf-8")


def faults(folder) -> str:
    with pytest.raises(ContentError) as error:
        Reader(folder, SHIPPED).read()
    return "\n".join(error.value.faults)


@pytest.mark.parametrize(
    ("file", "edit", "said"),
    [
        ("interface/es.yml", lambda d: d["words"].pop("goodbye"), "words: 'goodbye' is missing"),
        ("interface/es.yml", lambda d: d["words"].update(goodbye="x {days}"), "the {…} must be the same"),
        ("interface/fr.yml", lambda d: d["words"].update(godbye="x"), "'godbye' is not used"),
        ("interface/ar.yml", lambda d: d["buttons"].update(find="x" * 21), "at most 20"),
        ("answers/fr/hiv.yml", lambda d: d["topics"].pop("u_equals_u"), "u_equals_u: this topic is missing"),
        ("answers/fr/hiv.yml", lambda d: d["topics"]["u_equals_u"].update(sms=""), "sms missing or empty"),
        ("answers/ar/facts.yml", lambda d: d["facts"]["prep"].pop("limited"), "prep: no phrase for 'limited'"),
        ("answers/ar/facts.yml", lambda d: d["facts"]["prep"].update(limited="{weeks}"), "{weeks} cannot be filled in here"),
        ("countries/FR.yml", lambda d: d["facts"]["pep"].update(value="maybe"), "pep: value 'maybe' is not one of"),
        ("countries/FR.yml", lambda d: d["facts"]["prep"].pop("source"), "prep: where does it stand?"),
        ("countries/FR.yml", lambda d: d["lines"]["emergency"].update(number=112), "needs a number in quotes"),
        ("countries/FR.yml", lambda d: d.update(regions={"FR-XYZ": {"facts": {}}}), "'FR-XYZ' is not a part of FR"),
        ("countries/FR.yml", lambda d: d.update(regions={"GB-NIR": {"facts": {}}}), "'GB-NIR' is not a part of FR"),
        ("countries/GB.yml", lambda d: d["regions"].update({"GB-NIR": None}), "GB-NIR: needs facts"),
        ("countries/GB.yml", lambda d: d["regions"]["GB-NIR"]["facts"].update(pep={"value": "no"}), "GB-NIR: pep: value 'no'"),
        ("topics.yml", lambda d: d["topics"]["sti"].update(next=["nowhere"]), "next 'nowhere' leads nowhere"),
        ("topics.yml", lambda d: d["topics"]["sti"].update(facts=["rain"]), "fact 'rain' is not in facts.yml"),
        ("topics.yml", lambda d: d["topics"]["sti"].pop("sources"), "sti: where does it stand?"),
        ("topics.yml", lambda d: d["topics"]["sti"]["sources"][0].update(url="who.int"), "sti: each source needs"),
    ],
)  # fmt: skip
def test_a_fault_is_named(copy, file, edit, said):
    change(copy / file, edit)
    assert re.search(rf"^content/{file}:\d+: .*{re.escape(said)}", faults(copy), re.MULTILINE)


def test_a_fault_is_named_with_its_line(copy):
    path = copy / "answers" / "fr" / "hiv.yml"
    lines = path.read_text("utf-8").splitlines()
    place = next(n for n, line in enumerate(lines) if line.strip() == "u_equals_u:")
    sms = next(n for n in range(place, len(lines)) if lines[n].strip().startswith("sms:"))
    lines[sms] = '    sms: ""'
    path.write_text("\n".join(lines), "utf-8")
    assert f"content/answers/fr/hiv.yml:{sms + 1}: u_equals_u: sms missing or empty" in faults(copy)


def test_a_shape_that_is_not_foreseen_is_a_fault_of_its_file(copy):
    change(copy / "answers" / "fr" / "hiv.yml", lambda d: d["topics"].update(u_equals_u=None))
    assert "answers/fr/hiv.yml: cannot be read as content" in faults(copy)


def test_a_broken_file_is_named_with_its_line(copy):
    (copy / "interface" / "es.yml").write_text('words:\n  a: "x\n  b: y\n', "utf-8")
    assert re.search(r"interface/es\.yml:\d: cannot be read", faults(copy))


def test_all_faults_are_named_at_once(copy):
    change(copy / "interface/es.yml", lambda d: d["words"].pop("goodbye"))
    change(copy / "countries/FR.yml", lambda d: d["facts"]["pep"].update(value="maybe"))
    said = faults(copy)
    assert "interface/es.yml" in said and "countries/FR.yml" in said


def test_a_missing_file_is_named(copy):
    (copy / "answers" / "ar" / "hiv.yml").unlink()
    assert "answers/ar/hiv.yml: this file is missing" in faults(copy)


def test_the_command_names_a_fault_of_the_lists_for_masking(copy, monkeypatch):
    from click.testing import CliRunner

    from bot.cli import main

    change(copy / "masking.yml", lambda d: d.pop("streets_after"))
    monkeypatch.setenv("FAROL_CONTENT_DIR", str(copy))
    done = CliRunner().invoke(main, ["content", "check"])
    assert done.exit_code == 2 and "masking.yml: needs words under 'streets_after'" in done.output
