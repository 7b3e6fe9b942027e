"""Referral codes: nine characters in three groups, such as 7FH-2QX-9VM, that can be read out and typed on any keyboard.

The characters are those of Open Location Code, chosen so that no words come about and none is taken for another:
https://github.com/google/open-location-code/blob/main/Documentation/Specification/specification.md#digits
The last one is a check character by ISO/IEC 7064, hybrid system MOD 21,20: one wrong character is always noticed.
"""

from __future__ import annotations

import re
import secrets
import unicodedata

from stdnum.iso7064 import mod_37_36

ALPHABET = "23456789CFGHJMPQRVWX"

RANDOM = 8
"""Random characters: 20^8, or 2.6 x 10^10 codes. What guessing comes to with that: docs/privacy.md."""

_GROUP = 3
_CYRILLIC = str.maketrans("СНМРХ", "CHMPX")
"""Letters that look the same on another keyboard."""


class NotACode(ValueError):
    """What was typed is no code of ours: a character too many or too few, or one of them wrong."""


def new_code() -> str:
    """A code nobody can guess, without its hyphens."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return body + mod_37_36.calc_check_digit(body, ALPHABET)


def shown(code: str) -> str:
    """A code as people see it."""
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


def read(typed: str) -> str:
    """The code somebody typed, in any script's digits, with or without hyphens and spaces. Raises NotACode."""
    plain = unicodedata.normalize("NFKC", typed[:64]).upper().translate(_CYRILLIC)
    plain = re.sub(r"[^\w]|_", "", "".join(_digit(letter) for letter in plain))
    if len(plain) != RANDOM + 1 or not mod_37_36.is_valid(plain, ALPHABET):
        raise NotACode(typed)
    return plain


def _digit(letter: str) -> str:
    value = unicodedata.digit(letter, None)
    return letter if value is None else str(value)
