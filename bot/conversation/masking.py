"""Takes out of a sentence what may tell who wrote it, before anybody of the team reads it to teach the program.

Numbers, addresses, links and names go; what is left is the question. Rather too much is taken out than too little: a
word that begins with a capital letter within a sentence goes as well. What no rule can see (a name in small letters
with nothing before it) is left for the reader, who can throw the sentence away.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import phonenumbers
import yaml

OPEN, CLOSE = "⟨", "⟩"
"""Around the kind of what was taken out: ⟨number⟩, ⟨address⟩, ⟨link⟩, ⟨name⟩, ⟨place⟩."""

LONGEST = 400
"""Characters of a sentence that are kept: examples are short."""

_READ = 1200
"""Characters of a message that are looked at: long ones are no examples, and cost time."""

_TAIL = 60
"""Characters at the end of a message that was cut: half a number may stand there."""

_MARK = re.compile(f"{OPEN}(number|address|link|name|place){CLOSE}")
_LINK = re.compile(
    r"(?<!\S)[^\s@]+@\S+|(?<!\w)@\w[\w.]*|(?<![a-z0-9])(?:[a-z][a-z0-9+.-]{1,12}://|www\.)\S+"
    r"|(?<![\w.-])[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}(?:[/:?#]\S*)?",
    re.IGNORECASE,
)
"""E-mail addresses, user names and web addresses, with or without what they begin with."""

_NUMBER = re.compile(r"[+(]*(?:\b[^\W\d_]{1,4})?\d(?:[\s().,:;/\\|_*#+-]{0,3}\d){4,}\w*")
"""Five digits or more, whatever stands between them."""

_POSTCODE = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b|\b[A-Z]\d[A-Z] ?\d[A-Z]\d\b", re.IGNORECASE)
"""Of the United Kingdom and Canada, which have no run of digits."""

_HOUSE = r"(?:[,\s]*(?:no?\.?|n[º°]|№|num\w*|nr\.?|#|кв\.?|д\.?|дом|apt\.?|flat|piso)?[\s.]*\d+\w*)"
"""A house number, or that of a flat."""

_WORD = r"[^\W\d_][\w'’.-]*"
_SIGN = re.compile(r"[.!?…:;\n¿¡\"«»“”()\[\]{}]\s*$")


@dataclass(frozen=True)
class Part:
    """A piece of a masked sentence: words, or the `kind` of what was taken out."""

    text: str
    kind: str = ""


class Masker:
    """Built once from content/masking.yml. Raises ValueError naming the file and the list that is missing."""

    def __init__(self, file: Path) -> None:
        data = yaml.safe_load(file.read_text("utf-8")) or {}
        before, after, ending = (_words(file, data, f"streets_{name}") for name in ("before", "after", "ending"))
        said = [word for words in (data.get("introductions") or {}).values() for word in words]
        if not said:
            raise ValueError(f"{file}: needs words under 'introductions'")
        flags = re.IGNORECASE
        # With a house number within five words, or with a name: the kind of street alone says nothing about anybody.
        self._numbered = re.compile(
            rf"(?<!\w)(?:{_any(before)})(?:\s+{_WORD}|\s+\d+(?=\s+{_WORD})){{0,5}}?{_HOUSE}{{1,3}}(?!\w)", flags
        )
        self._before = re.compile(rf"(?<!\w)(?:{_any(before)})\s+((?:{_WORD}\s*){{1,4}})", flags)
        self._after = re.compile(
            rf"(?<!\w)\d+\w*[,\s]+(?:{_WORD}\s+){{1,3}}(?:{_any(after)})(?!\w){_HOUSE}{{0,3}}"
            rf"|(?<!\w)(?:{_WORD}\s+){{1,3}}(?:{_any(after)})(?!\w){_HOUSE}{{1,3}}",
            flags,
        )
        self._named = re.compile(rf"(?<!\w)({_WORD})\s+(?:{_any(after)})(?!\w)", flags)
        self._ending = re.compile(rf"(?<!\w)(?:{_WORD}\s+)?[^\W\d_]\w*(?:{_any(ending)}){_HOUSE}{{1,3}}", flags)
        self._introduced = re.compile(rf"(?<!\w)(?:{_any(said)})[.:]?\s+(?:{OPEN}\w+{CLOSE}|({_WORD}))", flags)

    def mask(self, text: str, places: Iterable[str] = ()) -> str:
        """`text` without what may tell who wrote it, in one line. `places` were recognised in it as places."""
        cut = len(text) > _READ
        # Marks of somebody's own would hide what stands between them.
        text = unicodedata.normalize("NFC", text).replace(OPEN, " ").replace(CLOSE, " ")
        text = " ".join("".join(sign if _shown(sign) else " " for sign in text[:_READ]).split())
        text = _sub(_LINK, "link", text)
        text = self._streets(text)
        # The longest first: what another takes out of its middle would leave its ends.
        text = _numbered_words(_sub(_NUMBER, "number", text))
        text = _sub(_POSTCODE, "number", text)
        text = _phones(text)
        for place in sorted({one.strip() for one in places if len(one.strip()) > 1}, key=len, reverse=True):
            text = _sub(re.compile(rf"(?<!\w){re.escape(place)}\w{{0,3}}", re.IGNORECASE), "place", text)
        text = _capitals(self._introductions(text))
        return text.strip() if not cut and len(text) <= LONGEST else _shortened(text)

    def _streets(self, text: str) -> str:
        for pattern in (self._numbered, self._after, self._ending):
            text = _sub(pattern, "address", text)
        return self._named.sub(_if_named, self._before.sub(_if_name_follows, text))

    def _introductions(self, text: str) -> str:
        while (found := self._introduced.search(text)) and found.start(1) >= 0:
            start, end = found.span(1)
            rest = re.match(r"(?:\s+(?-i:[^\W\d_a-zа-яёіїєґ])[\w'’-]*){0,3}", text[end:]) if _cased(found[1]) else None
            end += rest.end() if rest else 0
            text = f"{text[:start]}{_mark('name')}{text[end:]}"
        return text


def parts(masked: str) -> list[Part]:
    """A masked sentence as what is to be shown of it."""
    found, place = [], 0
    for mark in _MARK.finditer(masked):
        if masked[place : mark.start()]:
            found.append(Part(masked[place : mark.start()]))
        found.append(Part("", mark[1]))
        place = mark.end()
    return [*found, Part(masked[place:])] if masked[place:] else found


def without_marks(masked: str) -> str:
    """What is left of a masked sentence, an ellipsis in place of each mark: so that no mark is learnt as a word."""
    return re.sub(r"(?:…[\s,]*){2,}", "… ", " ".join(_MARK.sub("…", masked).split())).strip()


def places_of(parse: dict[str, Any] | None) -> list[str]:
    """What the engine recognised as places in a message, as it was written."""
    text, found = str((parse or {}).get("text") or ""), []
    for one in (parse or {}).get("entities") or []:
        if one.get("entity") == "place":
            found.append(str(one.get("value") or ""))
            if isinstance(one.get("start"), int) and isinstance(one.get("end"), int):
                found.append(text[one["start"] : one["end"]])
    return found


def _shortened(text: str) -> str:
    """The beginning, up to a whole word and no half mark."""
    text = text[: max(0, min(LONGEST, len(text) - _TAIL))]
    text = text.rsplit(" ", 1)[0]
    return (text.rsplit(OPEN, 1)[0] if text.rfind(OPEN) > text.rfind(CLOSE) else text).strip()


def _words(file: Path, data: dict, name: str) -> list[str]:
    words = data.get(name)
    if not words:
        raise ValueError(f"{file}: needs words under '{name}'")
    return [str(word) for word in words]


def _any(words: list[str]) -> str:
    return "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in sorted(words, key=len, reverse=True))


def _mark(kind: str) -> str:
    return f"{OPEN}{kind}{CLOSE}"


def _sub(pattern: re.Pattern, kind: str, text: str) -> str:
    """Replaces in what is not masked yet: a mark is never part of a find."""
    pieces = re.split(f"({OPEN}\\w+{CLOSE})", text)
    return "".join(one if one.startswith(OPEN) else pattern.sub(_mark(kind), one) for one in pieces)


def _numbered_words(text: str) -> str:
    """Words of a document's or an account's number: four digits in them, or three after letters (AB1234, xy999)."""

    def masked(found: re.Match) -> str:
        digits = sum(map(str.isdigit, found[0]))
        return _mark("number") if digits > 3 or digits == 3 and re.search(r"[^\W\d_]{2}\d{3}", found[0]) else found[0]

    return re.sub(r"\w+", masked, text)


def _phones(text: str) -> str:
    """Numbers as they are written in any country (shorter than five digits too, with a country's code before them)."""
    plain = "".join(str(unicodedata.digit(sign)) if sign.isdigit() and _decimal(sign) else sign for sign in text)
    for found in reversed(list(phonenumbers.PhoneNumberMatcher(plain, None, leniency=phonenumbers.Leniency.POSSIBLE))):
        text = text[: found.start] + _mark("number") + text[found.end :]
    return text


def _decimal(sign: str) -> bool:
    return unicodedata.category(sign) == "Nd"


def _shown(sign: str) -> bool:
    return unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co", "Cn") or sign == "\u200c"  # Persian joins by it


def _cased(word: str) -> bool:
    return word[:1].lower() != word[:1].upper()


def _if_name_follows(found: re.Match) -> str:
    """A street's kind before a name: in scripts with capitals the name has one; in others two words go."""
    words = found[1].split()
    if not _cased(words[0]):
        return f"{_mark('address')} {' '.join(words[2:])}".rstrip() + " "
    joining = next((n for n, word in enumerate(words) if word[:1].isupper()), None)
    if joining is None or joining > 2:
        return found[0]
    last = max(n for n, word in enumerate(words) if word[:1].isupper())
    return f"{_mark('address')} {' '.join(words[last + 1 :])}".rstrip() + " "


def _if_named(found: re.Match) -> str:
    return _mark("address") if found[1][:1].isupper() else found[0]


def _capitals(text: str) -> str:
    """Words within a sentence that begin with a capital, and have small letters after it: names, most of them."""
    said, place = [], 0
    for found in re.finditer(rf"{OPEN}\w+{CLOSE}|{_WORD}", text):
        said.append(text[place : found.start()])
        word, before = found[0], text[: found.start()]
        named = len(word) > 2 and word[0].isupper() and word[1:].islower()
        first = not before.strip() or _SIGN.search(before[-8:])
        said.append(_mark("name") if named and not first else word)
        place = found.end()
    return "".join([*said, text[place:]])
