"""The rules that need neither engine nor database."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.safety.screen import CRISES, WORDS, fold, load_screen
from tests.conftest import SHIPPED

FOLDER = Path(__file__).resolve().parents[2] / "content" / "safety"
SCREEN = load_screen(FOLDER, SHIPPED)


def test_every_rule_recognises_itself(language):
    """A phrase, written as it stands, must be found, and found as its own kind or a more urgent one."""
    rules = yaml.safe_load((FOLDER / f"{language}.yml").read_text("utf-8"))["crisis"]
    assert set(rules) == set(CRISES)
    missed = [
        phrase
        for name, entry in rules.items()
        for phrase in entry["phrases"]
        if SCREEN.crisis(phrase.replace("*", "").replace("...", "")) is None
    ]
    assert not missed


def test_the_words_that_always_work(language):
    words = yaml.safe_load((FOLDER / f"{language}.yml").read_text("utf-8"))["words"]
    for name in WORDS:
        for phrase in words[name]:
            sign = SCREEN.word(f"  {phrase.upper()} !")
            assert sign and sign.name == name, phrase


@pytest.mark.parametrize(
    ("text", "crisis"),
    [
        ("I want to die", "crisis_suicide"),
        ("i wanna kill myself tonight", "crisis_suicide"),
        ("he beats me every night", "violence"),
        ("she can't breathe", "medical_emergency"),
        ("they took my passport and I can't leave", "trafficking"),
        ("condom broke last night", "pep_urgent"),
        ("can I die of HIV?", None),
        ("my phone died", None),
        ("I'm dying to know the result", None),
        ("where can I get condoms", None),
        ("quiero morirme", "crisis_suicide"),
        ("mi marido me pega", "violence"),
        ("no puede respirar", "medical_emergency"),
        ("¿me puedo morir de sida?", None),
        ("se me murió el celular", None),
        ("je veux mourir", "crisis_suicide"),
        ("mon mari me frappe", "violence"),
        ("est-ce qu'on meurt du sida ?", None),
        ("mon téléphone est mort", None),
        ("أريد أن أموت", "crisis_suicide"),
        ("بدي موت", "crisis_suicide"),
        ("زوجي يضربني", "violence"),
        ("هل الإيدز يقتل؟", None),
    ],
)
def test_plain_signs_and_plain_questions(text, crisis):
    sign = SCREEN.crisis(text)
    assert (sign.name if sign else None) == crisis


def test_a_word_inside_a_sentence_is_not_the_word():
    assert SCREEN.word("please do not stop my treatment") is None


@given(st.text(max_size=4096))
def test_any_text_is_screened_in_time(text):
    began = time.perf_counter()
    SCREEN.crisis(text)
    assert time.perf_counter() - began < 0.5


def test_a_long_hostile_text_takes_no_time():
    rng = "i want to kill my self no no " * 400
    began = time.perf_counter()
    SCREEN.crisis(rng[:4096])
    SCREEN.crisis(("want to " * 2000)[:4096])
    assert time.perf_counter() - began < 0.5


def test_a_faulty_rule_is_named(tmp_path):
    (tmp_path / "en.yml").write_text("crisis: {sadness: {phrases: [x]}}\nwords: {}\n")
    with pytest.raises(ValueError, match=r"en\.yml.*sadness"):
        load_screen(tmp_path)


def test_folding_is_what_the_rules_are_compared_by():
    assert fold("Můj  ÉTÉ… أُريدُ!! can't") == "muj ete اريد cant"
