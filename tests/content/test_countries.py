"""Countries are understood as people write them."""

from __future__ import annotations

import pytest

from bot.content.countries import country_name, find_country, is_country
from tests.conftest import SHIPPED


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("France", "FR"), ("im in france", "FR"), ("je suis en Espagne", "ES"), ("españa", "ES"), ("espana", "ES"),
        ("UK", "GB"), ("england", "GB"), ("Reino Unido", "GB"), ("بفرنسا", "FR"), ("في إسبانيا", "ES"),
        ("république dominicaine", "DO"), ("Chile", "CL"), ("أنا في تشيلي", "CL"), ("Trinidad and Tobago", "TT"),
        ("hello", None), ("", None), ("france or spain", None), ("x" * 4000, None),
    ],
)  # fmt: skip
def test_reading(text, code):
    assert find_country(text, SHIPPED) == code


def test_every_country_is_understood_by_its_own_name(language):
    from babel import Locale

    names = {code: name for code, name in Locale.parse(language).territories.items() if is_country(code)}
    missed = [code for code, name in names.items() if find_country(name, SHIPPED) not in (code, None)]
    assert not missed


def test_showing():
    assert country_name("ES", "fr") == "Espagne" and country_name("DO", "es") == "República Dominicana"
