"""Searching texts without an index of words: in names, whatever the case and the accents; in long texts, the case.

Character classes ("[eéèêë...]") do it in the database's own code: a function of ours would hold up everything else for a
second at 100,000 services, and neither SQLite's lower() nor its LIKE knows letters beyond ASCII.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import ColumnElement, and_, or_

from bot.directory.spelling import fold

_LETTERS = (range(0x41, 0x250), range(0x370, 0x530), range(0x600, 0x700))
"""Latin, Greek, Cyrillic and Arabic: the scripts in which one letter has several forms."""


def says(
    dialect: str, text: str, names: Sequence[ColumnElement[str]], texts: Sequence[ColumnElement[str]]
) -> ColumnElement[bool]:
    """Whether one of `names` or one of `texts` holds every word of `text` (cleaned, not empty)."""
    words = text.split()
    named = (and_(*(_in_name(dialect, column, word) for word in words)) for column in names)
    told = (and_(*(_in_text(column, word) for word in words)) for column in texts)
    return or_(*named, *told)


def _in_name(dialect: str, column: ColumnElement[str], word: str) -> ColumnElement[bool]:
    if dialect == "sqlite":
        return column.op("GLOB", is_comparison=True)("*" + "".join(_glob(sign) for sign in word) + "*")
    return column.op("~", is_comparison=True)("".join(_expression(sign) for sign in word))


def _in_text(column: ColumnElement[str], word: str) -> ColumnElement[bool]:
    forms = {word} if word.isascii() else {word, word.lower(), word.upper(), word.capitalize()}
    return or_(*(column.icontains(form, autoescape=True) for form in sorted(forms)))


def _glob(sign: str) -> str:
    if forms := _forms().get(fold(sign)):
        return f"[{forms}]"
    return f"[{sign}]" if sign in "*?[" else sign


def _expression(sign: str) -> str:
    if forms := _forms().get(fold(sign)):
        return f"[{forms}]"
    # Only ASCII signs mean anything in an expression; a backslash before a letter would, too.
    return f"\\{sign}" if sign.isascii() and not sign.isalnum() else sign


@lru_cache(maxsize=1)
def _forms() -> dict[str, str]:
    """Folded letter -> all letters that fold to it: "e" -> "Eeèéêë..."."""
    forms: dict[str, str] = {}
    for code in (code for letters in _LETTERS for code in letters):
        if chr(code).isalpha() and len(folded := fold(chr(code))) == 1:
            forms[folded] = forms.get(folded, "") + chr(code)
    return forms
