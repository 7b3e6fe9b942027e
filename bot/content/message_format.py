"""Sentences with gaps, in ICU MessageFormat, which translators' tools know.

    "I delete our messages after {days, plural, one {# day} other {# days}}."

https://unicode-org.github.io/icu/userguide/format_parse/messages/ ; which forms a language has: https://www.unicode.org/cldr/charts/latest/supplemental/language_plural_rules.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from babel import Locale
from icu4py.messageformat import MessageFormat

CHOICES = ("plural", "select", "selectordinal")
"""Kinds of gap whose words depend on the value: on its number, or on which word it is."""

_MANY_IS_MILLIONS = {"ca", "es", "fr", "ht", "it", "pt"}

_QUOTING = re.compile(r"'(?=[{}#|])")
_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"\s*(\w+)\s*")
_CASE = re.compile(r"\s*(=\d+|\w+)\s*\{")


class FormatFault(ValueError):
    """A sentence that cannot be filled in; the message says why, in words for those who write sentences."""


def fill(sentence: str, language: str, values: Mapping[str, Any]) -> str:
    """`sentence` with its gaps filled. Numbers choose the plural form and are written in the language's digits.

    Raises FormatFault for a sentence `gaps` refuses; a gap without a value stays as it is written.
    """
    if "{" not in sentence:
        return sentence
    known = {name: value if isinstance(value, (str, int, float)) else str(value) for name, value in values.items()}
    return _compiled(sentence, language).format(known)


def gaps(sentence: str, language: str) -> dict[str, str]:
    """The gaps' names, each with its kind ('' for one that is simply filled in).

    Raises FormatFault for brackets that do not match, an unknown kind, or a plural without one of the language's forms.
    """
    found: dict[str, str] = {}
    place = _message(sentence, 0, language, found)
    if place < len(sentence):
        raise FormatFault("there is a } too many")
    _compiled(sentence, language)
    return found


@lru_cache(maxsize=4096)
def _compiled(sentence: str, language: str) -> MessageFormat:
    # An apostrophe is an apostrophe everywhere; ICU would take one before a bracket for a sign of quoting.
    try:
        return MessageFormat(_QUOTING.sub("''", sentence), language)
    except (ValueError, RuntimeError) as error:
        raise FormatFault(f"cannot be read: {error}") from error


def _message(text: str, place: int, language: str, found: dict[str, str]) -> int:
    """Read words and gaps from `place` to the end or to an unopened }; returns where that is."""
    while place < len(text) and text[place] != "}":
        place = _gap(text, place + 1, language, found) if text[place] == "{" else place + 1
    return place


def _gap(text: str, place: int, language: str, found: dict[str, str]) -> int:
    name = _NAME.match(text, place)
    if not name:
        raise FormatFault("after { comes the name of what is filled in, like {place}")
    place, kind = name.end(), ""
    if text[place : place + 1] == ",":
        style = _NAME.match(text, place + 1)
        kind = style[1] if style else ""
        if kind not in CHOICES:
            raise FormatFault(f"{{{name[1]}, {kind} …}}: only {', '.join(CHOICES)} can stand here")
        place = style.end()
        if text[place : place + 1] != ",":
            raise FormatFault(f"{{{name[1]}, {kind}: a comma and the forms are missing")
        place, cases = _cases(text, place + 1, language, found)
        _check_cases(name[1], kind, cases, language)
    if text[place : place + 1] != "}":
        raise FormatFault(f"{{{name[1]}: the closing }} is missing")
    found[name[1]] = kind or found.get(name[1], "")
    return place + 1


def _cases(text: str, place: int, language: str, found: dict[str, str]) -> tuple[int, list[str]]:
    cases = []
    while case := _CASE.match(text, place):
        cases.append(case[1])
        place = _message(text, case.end(), language, found)
        if text[place : place + 1] != "}":
            raise FormatFault(f"{case[1]} {{: the closing }} is missing")
        place += 1
    return _SPACE.match(text, place).end(), cases


def _check_cases(name: str, kind: str, cases: list[str], language: str) -> None:
    if "other" not in cases:
        raise FormatFault(f"{{{name}, {kind}: the form 'other {{…}}' is missing")
    if kind == "plural":
        missing = sorted(set(plural_forms(language)) - set(cases) - set(_spared(language, cases)))
        if missing:
            raise FormatFault(f"{{{name}, plural: {language} also needs the form '{missing[0]} {{…}}'")


def _spared(language: str, cases: list[str]) -> Iterator[str]:
    """Forms nobody has to write: of numbers that never come, or that are written out with =."""
    yield "zero"
    if language in _MANY_IS_MILLIONS:
        yield "many"
    for number, form in (("=1", "one"), ("=2", "two")):
        if number in cases:
            yield form


def plural_forms(language: str) -> tuple[str, ...]:
    """The names of a language's plural forms, 'other' last (CLDR, through Babel); of unknown ones only that."""
    try:
        forms = Locale.parse(language).plural_form.tags
    except (ValueError, LookupError):
        forms = frozenset()
    return (*sorted(forms), "other")
