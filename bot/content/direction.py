"""Keeps right-to-left text in order on phones."""

from __future__ import annotations

import re
import unicodedata

_MARK = "\u200f"
_ISOLATED = re.compile("\u2068[^\u2069]*\u2069")
_ISOLATE = "\u2068{}\u2069"


def isolated(value: str) -> str:
    """A number, name or address to be filled in, which keeps its own order inside right-to-left text."""
    return _ISOLATE.format(value)


def right_to_left(text: str) -> str:
    """The text with a mark before each line that would run the wrong way.

    Phones judge each line by its first letter outside of isolates (UAX #9, P2 and P3): one that begins with 'HIV' or
    has nothing but a filled-in name and a colon would run from left to right.
    """
    return "\n".join(line if _runs_right_to_left(line) else _MARK + line for line in text.split("\n"))


def _runs_right_to_left(line: str) -> bool:
    kinds = map(unicodedata.bidirectional, _ISOLATED.sub("", line))
    return not line.strip() or next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L"
