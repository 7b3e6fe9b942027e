"""What is named in a sentence: listed, marked, or both."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nlu.components.entity_extractor import EntityExtractor
from nlu.components.lookups import Lookups
from nlu.components.sequence_tagger import SequenceTagger, labels, tokenize
from nlu.text import fold

NAMED = yaml.safe_load((Path(__file__).resolve().parents[1] / "understanding" / "entities.yml").read_text("utf-8"))
FOUND = 0.75
"""Share of what is named that a language must find; most of the towns are in none of its training sentences."""


def entity(text: str, words: str, kind: str, **more: object) -> dict:
    start = text.index(words)
    return {"entity": kind, "start": start, "end": start + len(words), **more}


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    path = tmp_path_factory.mktemp("tagger") / "model"
    towns = ["Leeds", "York", "Hull", "Bath", "Ely"]
    examples = []
    for town in towns:
        for text in (f"a test in {town}", f"clinic near {town} please", f"I was in {town} once, is there a cure"):
            named = [] if "once" in text else [entity(text, town, "place")]
            examples.append((text, named, []))
    SequenceTagger.train(path, examples, iterations=50)
    return SequenceTagger(path.read_bytes(), sure=0.5)


def test_a_mark_covers_whole_tokens():
    text = "İspanya'dayım, [Saint Denis]"
    tokens = tokenize(text)
    assert [token for token, _, _ in tokens] == ["İspanya", "'", "dayım", ",", "[", "Saint", "Denis", "]"]
    marked = [entity(text, "İspanya", "country"), entity(text, "Saint Denis", "place")]
    assert labels(tokens, marked) == ["B-country", "O", "O", "O", "O", "B-place", "I-place", "O"]


def test_a_mark_inside_an_arabic_word_is_the_word():
    text = "عيادة ببيروت"
    assert labels(tokenize(text), [entity(text, "بيروت", "place")]) == ["O", "B-place"]


def test_a_town_never_seen_is_found_by_its_neighbours(tagger):
    (found,) = tagger.find("a test in Oldham", [])
    assert (found["entity"], found["value"], found["start"], found["end"]) == ("place", "Oldham", 10, 16)
    assert tagger.find("is there a cure", []) == []
    assert tagger.find("", []) == []


def extractor(phrases: dict, marks: list) -> EntityExtractor:
    class Marks:
        def find(self, text, listed):
            return marks

    made = EntityExtractor(EntityExtractor.get_default_config(), None, None)
    made._lookups, made._tagger = Lookups(phrases), Marks()
    return made


@pytest.mark.parametrize(
    "text, sure, found", [("I am in Mali", 0.9, ["ML"]), ("I come from Mali", 0.6, []), ("Mali?", None, [])]
)
def test_a_country_counts_where_list_and_marks_agree_for_sure(text, sure, found):
    marks = [entity(text, "Mali", "country", value="Mali", confidence_entity=sure)] if sure else []
    assert [e["value"] for e in extractor({"mali": [["country", "ML"]]}, marks).find(text)] == found


def test_what_is_listed_goes_before_what_is_marked():
    text = "open tomorrow in Leeds"
    marks = [
        entity(text, "tomorrow", "place", value="tomorrow", confidence_entity=0.9),
        entity(text, "Leeds", "place", value="Leeds", confidence_entity=0.9),
    ]
    found = extractor({"tomorrow": [["time", "tomorrow"]]}, marks).find(text)
    assert [(e["entity"], e["value"]) for e in found] == [("time", "tomorrow"), ("place", "Leeds")]


def test_a_single_letter_is_no_place():
    text = "what is U=U"
    assert extractor({}, [entity(text, "U", "place", value="U", confidence_entity=0.9)]).find(text) == []


def test_lists_are_found_without_accents_in_any_case_and_with_arabic_prefixes():
    lists = Lookups({"depistage": [["service", "hiv_test"]], "فرنسا": [["country", "FR"]]})
    for text, value in (("DÉPISTAGE svp", "hiv_test"), ("deux dépistages", "hiv_test"), ("أنا بفرنسا", "FR")):
        assert [e["value"] for e in lists.find(text)] == [value]


def test_what_people_name_is_found(engine, language):
    assert language in NAMED, f"tests/understanding/entities.yml has no sentences in '{language}'"
    total, missed, wrong = 0, [], []
    for text, named in NAMED[language]:
        found = {(e["entity"], fold(str(e["value"]))) for e in engine.parse(text, language)["entities"]}
        expected = {(kind, fold(value)) for kind, value in named.items()}
        total += len(expected)
        missed += [(text, item) for item in expected - found]
        wrong += [(text, item) for item in found - expected if item[0] in ("place", "country")]
    assert 1 - len(missed) / total >= FOUND, (missed, wrong)
    assert len(wrong) <= 1, wrong


def test_every_language_has_a_trained_tagger(engine, language):
    """Rasa's own extractor trained on nothing for months, and nobody noticed."""
    assert any(
        entity["entity"] == "place" and entity.get("extractor") == "EntityExtractor"
        for text, _ in NAMED[language]
        for entity in engine.parse(text, language)["entities"]
    )
