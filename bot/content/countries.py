"""Names of countries in every language: Unicode's CLDR, through Babel (of their parts: ISO 3166-2, through pycountry), to show them and to read them, and to read them
also what people call them otherwise, as listed for the engine in nlu/data (inflected, misspelt, in other scripts)."""

from __future__ import annotations

import gettext
import re
import unicodedata
from functools import lru_cache

import pycountry
import yaml
from babel import Locale

from nlu.languages import HERE

_ALIASES = {
    "uk": "GB", "u k": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "northern ireland": "GB",
    "britain": "GB", "great britain": "GB", "london": "GB", "inglaterra": "GB", "reino unido": "GB",
    "angleterre": "GB", "بريطانيا": "GB", "انجلترا": "GB", "انكلترا": "GB", "usa": "US", "us": "US", "america": "US",
    "rd": "DO", "r d": "DO", "dominicana": "DO", "santo domingo": "DO", "holland": "NL", "espana": "ES",
    "swiss": "CH", "emirates": "AE", "drc": "CD", "rdc": "CD", "ksa": "SA",
}  # fmt: skip
_ARABIC = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ة": "ه", "ئ": "ي", "ؤ": "و", "ـ": ""})
_AND = {"and", "y", "et", "e", "und", "و"}
_LONGEST = 8
_PREFIXES = ("", "ب", "في", "من", "و", "ل")


def country_name(code: str, language: str) -> str:
    """The name of a country ('ES' -> 'Espagne'), or the code when CLDR has none."""
    return Locale.parse(language).territories.get(code, code)


def region_name(code: str, language: str) -> str:
    """The name of a part of a country ('GB-NIR' -> 'Northern Ireland'), its own where nobody has translated it."""
    name = pycountry.subdivisions.get(code=code).name
    return gettext.translation("iso3166-2", pycountry.LOCALES_DIR, languages=[language], fallback=True).gettext(name)


def is_country(code: str) -> bool:
    """Whether this is an ISO 3166 code of a country or territory."""
    return bool(re.fullmatch("[A-Z]{2}", code)) and code in Locale.parse("en").territories and code not in _NO_COUNTRY


def find_country(text: str, languages: tuple[str, ...]) -> str | None:
    """The one country named in a short text ('in france', 'je suis en Espagne', 'بفرنسا'), or None.

    Its proper names go first: among the misspelt ones are everyday words ('suis' for Suisse).
    """
    return _found(text, _names(languages)) or _found(text, _called(languages))


def _found(text: str, names: dict[str, str]) -> str | None:
    tokens = _fold(text).split()
    found = []
    for length in range(min(_LONGEST, len(tokens)), 0, -1):
        for start in range(len(tokens) - length + 1):
            phrase = " ".join(tokens[start : start + length])
            for prefix in _PREFIXES:
                code = names.get(phrase[len(prefix) :]) if phrase.startswith(prefix) else None
                if code:
                    found.append(code)
                    break
        if found:
            break
    return found[0] if len(set(found)) == 1 else None


_NO_COUNTRY = {"EU", "EZ", "UN", "QO", "ZZ", "XA", "XB"}


@lru_cache(maxsize=4)
def _names(languages: tuple[str, ...]) -> dict[str, str]:
    names = {}
    for language in (*languages, "en"):
        for code, name in Locale.parse(language).territories.items():
            if len(code) == 2 and code not in _NO_COUNTRY:
                names.setdefault(_fold(name), code)
    return names | _ALIASES


@lru_cache(maxsize=4)
def _called(languages: tuple[str, ...]) -> dict[str, str]:
    """The synonyms of countries in the languages' training data."""
    names: dict[str, str] = {}
    for path in (HERE / "data" / language / "entities.yml" for language in languages):
        blocks = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["nlu"] if path.is_file() else ()
        for block in blocks:
            if re.fullmatch("[A-Z]{2}", block.get("synonym", "")):
                for line in block["examples"].splitlines():
                    name = _fold(line.strip()[2:])
                    if len(name) > 2:
                        names.setdefault(name, block["synonym"])
    return names


def _fold(text: str) -> str:
    text = unicodedata.normalize("NFKD", text.lower().translate(_ARABIC))
    text = "".join(c for c in text if not unicodedata.combining(c)).translate(_ARABIC)
    return " ".join(word for word in re.findall(r"\w+", text) if word not in _AND)
