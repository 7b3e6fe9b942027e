"""Cleaning a message before anything reads it: one home, so that training and parsing see the same text."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from nlu.contract import TEXT_LIMIT

# Invisible in every script: zero-width and bidi controls, soft hyphen, byte order mark, tatweel.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u0640]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SPACE = re.compile(r"\s+")
_REPEATED = re.compile(r"(.)\1{2,}")
_ZALGO = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{3})[\u0300-\u036f]+"
)

_FOLDED = str.maketrans(
    {"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ئ": "ي", "ؤ": "و", "ة": "ه", "گ": "ك", "ک": "ك", "ی": "ي"}
    # Turkish: many phones have no dotless i, and capitals lose or gain the dot.
    | {"ı": "i"}
    # Accents, vowel points and tones, which NFKD has taken off their letters.
    | {chr(code): None for code in range(0x300, 0x1F000) if unicodedata.combining(chr(code))}
)


def clean(text: str) -> str:
    """Return at most TEXT_LIMIT characters of `text` with everything invisible or undecodable taken out.

    Lone surrogates go first: both encoders raise UnicodeEncodeError on them.
    """
    text = text[: TEXT_LIMIT * 2].encode("utf-8", "ignore").decode("utf-8")
    text = unicodedata.normalize("NFC", _CONTROL.sub(" ", _INVISIBLE.sub("", text)))
    return _SPACE.sub(" ", _ZALGO.sub(r"\1", text)).strip()[:TEXT_LIMIT]


def fold(text: str) -> str:
    """Return `text` as people type it on a cheap phone: lower case, no accents, one form of each Arabic letter.

    Used to compare and to count character n-grams, never shown.
    """
    text = text.lower()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).translate(_FOLDED)
    return _SPACE.sub(" ", _REPEATED.sub(r"\1\1", text)).strip()


@lru_cache(maxsize=10_000)
def fold_word(word: str) -> str:
    """`fold` of a single word: most words of most messages are the same few thousand."""
    return fold(word)


def words(text: str) -> list[str]:
    """The words of a folded text: runs of letters and digits in any script."""
    return re.findall(r"\w+", text)
