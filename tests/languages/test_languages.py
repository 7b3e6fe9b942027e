"""The languages as files: counted, and laid out for one more."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from bot.languages.inventory import EXAMPLES_WANTED, TESTS_WANTED, inventory
from bot.languages.layout import AlreadyThere, lay_out
from nlu.languages import Language, load_languages

ROOT = Path(__file__).resolve().parents[2]
ITALIAN = Language("it", "Italiano", "Latn", "ltr", ready=False)


@pytest.fixture()
def project(tmp_path):
    """What laying out reads, in a folder that may be written to."""
    for name in ("content/interface", "content/answers/en", "content/safety", "nlu/data/en", "tests/understanding"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("languages.yml", "intents.yml"):
        shutil.copy(ROOT / "nlu" / name, tmp_path / "nlu" / name)
    return tmp_path


def test_every_shipped_language_has_all_it_needs(language):
    found = inventory(ROOT, ROOT / "content", load_languages().shipped[language])
    assert found.fewest_examples >= EXAMPLES_WANTED
    assert found.fewest_tests >= TESTS_WANTED
    assert found.texts == found.texts_wanted
    assert found.accuracy is not None
    assert not [line for line in found.missing if "content/safety" not in line]


def test_a_language_is_laid_out_and_announced_but_not_shipped(project):
    before = load_languages(project / "nlu" / "languages.yml")
    written = lay_out(project, project / "content", ITALIAN)
    assert all(path.is_file() for path in written)
    after = load_languages(project / "nlu" / "languages.yml")
    assert after.announced["it"] == ITALIAN
    assert after.shipped == before.shipped
    assert before.fallback["it"] == "es" and "it" not in after.fallback
    assert {**after.fallback, "it": "es"} == before.fallback


def test_what_was_laid_out_is_found_missing_until_it_is_written(project):
    lay_out(project, project / "content", ITALIAN)
    found = inventory(project, project / "content", ITALIAN)
    assert found.texts == found.examples == found.tests == found.signs == 0
    path = project / "content" / "interface" / "it.yml"
    path.write_text(path.read_text("utf-8").replace('goodbye: ""', 'goodbye: "A presto."'), "utf-8")
    again = inventory(project, project / "content", ITALIAN)
    assert again.texts == 1
    assert set(found.missing) - set(again.missing) == {"content/interface/it.yml: words: goodbye is missing"}


def test_every_gap_has_the_text_to_say_above_it(project):
    lay_out(project, project / "content", ITALIAN)
    made = yaml.safe_load((project / "content" / "answers" / "it" / "hiv.yml").read_text("utf-8"))
    model = yaml.safe_load((project / "content" / "answers" / "en" / "hiv.yml").read_text("utf-8"))
    assert made["state"] == "draft"
    assert {name: set(parts) for name, parts in made["topics"].items()} == {
        name: set(parts) for name, parts in model["topics"].items()
    }
    assert "# " + model["topics"]["hiv_basics"]["title"] in (
        project / "content" / "answers" / "it" / "hiv.yml"
    ).read_text("utf-8")


def test_nothing_is_written_twice_or_by_half(project):
    taken = project / "content" / "safety" / "it.yml"
    taken.write_text("mine")
    with pytest.raises(AlreadyThere, match=r"it\.yml.*nothing was written"):
        lay_out(project, project / "content", ITALIAN)
    assert taken.read_text() == "mine"
    assert not (project / "content" / "interface" / "it.yml").exists()
    assert "it" not in load_languages(project / "nlu" / "languages.yml").announced


def test_a_known_language_is_refused(project):
    with pytest.raises(AlreadyThere, match="'es' is there already"):
        lay_out(project, project / "content", Language("es", "Español", "Latn", "ltr"))
