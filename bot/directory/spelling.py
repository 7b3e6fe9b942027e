"""How the names of places are written and compared: folding, words around a name, and slips of the finger."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

IN = frozenset(
    """in near at around
    en cerca  a aux au pres dans chez  em no na perto  bei nahe  vicino nei  i nara vid  w kolo blisko  v okolo
    в во на у около возле біля  σε στο στη στην  kwa katika  في فى قرب بالقرب جنب عند نواحي  در نزديك""".split()
)
"""Words that announce a place; folded. Not meant to be complete: a capital letter or a big town does without."""

BEFORE = IN | frozenset(
    """from to the city of town by my is live i am
    de del la el los las ciudad al junto por desde vivo estoy
    du des sur vers ville les je suis habite l d  do da cidade moro estou
    von der dem stadt ich wohne bin im  di pressi citta abito sono nel  pri yakininda sehri  karibu mji wa  magaalada
    من مدينه حي منطقه ال الى انا ساكن اعيش  شهر""".split()
)
"""Words that may stand before a town's name without belonging to it; folded."""

_ELISION = re.compile(r"\b(?:d|l|dell|all|nell|dall)['’](?=\w)", re.I)
_SUFFIX = re.compile(r"(?<=\w{3})['’]\w{1,4}\b")
_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ŋ": "n",
     "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ئ": "ي", "ؤ": "و", "ة": "ه", "گ": "ك", "ک": "ك", "ی": "ي",
     "ہ": "ه", "ھ": "ه", "ـ": ""}
)  # fmt: skip
_SAINTS = {"st": "saint", "ste": "sainte", "sankt": "saint"}
_PREFIXES = "بلفوك" + "בלמהו" + "በከለየ"
_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهويپچژڤ",
    "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґ",
    "αβγδεζηθικλμνξοπρστυφχψως",
    "אבגדהוזחטיכךלמםנןסעפףצץקרשת",
)


class _Folded(dict):
    """What each character becomes, worked out once: half a million names are folded at set-up."""

    def __missing__(self, code: int) -> str:
        # Folded case on both sides of the decomposition: 𝕬 is only then an A, İ only before it an i.
        plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", chr(code).casefold()).casefold())
        plain = "".join(c for c in plain if not unicodedata.combining(c)).translate(_LETTERS)
        # Vowel signs of Indic scripts are marks, neither letters nor punctuation: keep them.
        plain = "".join(" " if unicodedata.category(c)[0] in "PSZC" else c for c in plain)
        self[code] = unicodedata.normalize("NFC", plain)
        return self[code]


_FOLDED = _Folded(dict.fromkeys(map(ord, "'’‘ʼʻ`´ʹ"), ""))


def fold(text: str) -> str:
    """`text` as names are compared: lower case, no accents, one form of each Arabic letter, "St." as "saint".

    Apostrophes vanish, other signs become spaces. The names in the database went through the same.
    """
    words = unicodedata.normalize("NFC", text).translate(_FOLDED).split()
    return " ".join(_SAINTS.get(word, word) for word in words)


def without_before(folded: str) -> str:
    """A folded text without the words that only lead up to a name: "in the city of london" -> "london"."""
    words = folded.split()
    while len(words) > 1 and words[0] in BEFORE:
        words.pop(0)
    return " ".join(words)


def without_ending(text: str) -> str:
    """A text as typed, without what an apostrophe ties to a name: d'Ivry, l'Aquila, Berlin'de, London's."""
    return _ELISION.sub(" ", _SUFFIX.sub("", text))


def without_affix(folded: str) -> Iterator[str]:
    """Other forms of a name in scripts that write "in", "to" and "the" as part of the word.

    بباريس, للقاهرة, بالقاهرة, בברלין, በአዲስ አበባ; nothing for other scripts.
    """
    if not folded or folded.isascii():
        return
    if folded.startswith("لل"):
        yield "ال" + folded[2:]
        yield folded[2:]
    if folded[0] in _PREFIXES and len(folded) > 3:
        yield folded[1:]
        if folded[1:3] == "ال":
            yield folded[3:]
    if folded.startswith("ال") and len(folded) > 4:
        yield folded[2:]
    elif "\u0600" <= folded[0] <= "\u06ff":
        yield "ال" + folded


def has_case(folded: str) -> bool:
    """Whether its script has capital letters, so that their absence says something."""
    return any(c.upper() != c for c in folded)


def one_slip(name: str) -> set[str]:
    """Every string one letter away: left out, swapped, wrong, too many. Some 700 for ten letters: one indexed query."""
    alphabet = next((letters for letters in _ALPHABETS if any(c in letters for c in name)), "")
    cuts = [(name[:i], name[i:]) for i in range(len(name) + 1)]
    slips = {a + b[1:] for a, b in cuts if b}
    slips |= {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    slips |= {a + c + b[1:] for a, b in cuts if b for c in alphabet}
    slips |= {a + c + b for a, b in cuts for c in alphabet + " "}
    return slips - {name}


def two_slips_at_most(one: str, other: str) -> bool:
    """Whether the Levenshtein distance is at most two; given up as soon as it cannot be."""
    previous = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        current = [i]
        for j, b in enumerate(other, 1):
            if abs(i - j) > 2:
                current.append(3)
            else:
                current.append(min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (a != b)))
        if min(current) > 2:
            return False
        previous = current
    return previous[-1] <= 2
