"""What a text costs as SMS: GSM-7 or UCS-2, and how many segments (3GPP TS 23.038)."""

from __future__ import annotations

import unicodedata

_BASIC = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = set("^{}\\[~]|€\f")
_LOOK_ALIKE = str.maketrans(
    {
        "’": "'",
        "‘": "'",
        "“": '"',
        "”": '"',
        "«": '"',
        "»": '"',
        "–": "-",
        "—": "-",
        "…": "...",
        "\u00a0": " ",
        "•": "-",
        "œ": "oe",
        "Œ": "OE",
    }
)
_DOTLESS = str.maketrans({"ı": "i", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"})

SEGMENTS = 3
"""Segments a reply may have; each is paid for."""


def economical(text: str) -> str:
    """`text` with look-alikes that fit the cheap alphabet, if that makes it fit; else unchanged (never '?')."""
    cheap = text.translate(_LOOK_ALIKE)
    if fits_gsm(cheap):
        return cheap
    cheaper = "".join(c if fits_gsm(c) else _without_accent(c) for c in cheap)
    return cheaper if fits_gsm(cheaper) else text


def _without_accent(letter: str) -> str:
    """The same letter without what is not in the cheap alphabet. Other scripts' letters never fit, whatever is left."""
    return unicodedata.normalize("NFD", letter.translate(_DOTLESS))[0]


def fits_gsm(text: str) -> bool:
    """Whether every character is in GSM-7."""
    return all(c in _BASIC or c in _EXTENDED for c in text)


def segments(text: str) -> int:
    """How many SMS segments a text takes."""
    if fits_gsm(text):
        size, single, joined = sum(2 if c in _EXTENDED else 1 for c in text), 160, 153
    else:
        size, single, joined = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if size <= single else -(-size // joined)


def opening(text: str) -> str:
    """What the first segment of a text carries: all that surely arrives together, and first."""
    if segments(text) == 1:
        return text
    cheap = fits_gsm(text)
    room = 153 if cheap else 67
    for position, letter in enumerate(text):
        room -= (1 + (letter in _EXTENDED)) if cheap else len(letter.encode("utf-16-le")) // 2
        if room < 0:
            return text[:position]
    return text
