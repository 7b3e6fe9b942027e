"""How easy a text is to read, where research has measured it: Rudolf Flesch's reading ease and its adaptations.

All give about 100 for what a child of ten reads and 0 for a law. Syllables are counted with the hyphenation patterns of
LibreOffice (Pyphen), or by vowels where each makes a syllable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import pyphen

ENOUGH_WORDS = 30
"""Fewer say nothing about how a text reads."""

_GAP = re.compile(r"\{[^{}]*\}")
_SENTENCE = re.compile(r"[.!?:;؟۔\n]+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


@dataclass(frozen=True)
class Scale:
    """ease = constant - per_sentence x (words a sentence) - per_word x (syllables a word).

    `plain` is the lowest ease of a text for six or seven years of school, by the table that goes with the scale.
    """

    constant: float
    per_sentence: float
    per_word: float
    plain: float
    vowels: str = ""
    """Where every vowel makes a syllable; elsewhere hyphenation counts them."""


SCALES = {
    # Flesch: A new readability yardstick. Journal of Applied Psychology 32, 1948. 70-80 is sixth to seventh grade.
    "en": Scale(206.835, 1.015, 84.6, 70),
    # Fernandez Huerta: Medidas sencillas de lecturabilidad. Consigna 214, 1959; the constants as corrected by Law, 2011.
    "es": Scale(206.84, 1.02, 60.0, 70, vowels="aeiouáéíóúü"),
    # Kandel, Moles: Application de l'indice de Flesch a la langue francaise. Cahiers d'etudes de radio-television, 1958.
    "fr": Scale(207.0, 1.015, 73.6, 70),
    # Martins et al.: Readability formulas applied to textbooks in Brazilian Portuguese. USP Sao Carlos, 1996: Flesch and 42.
    "pt": Scale(248.835, 1.015, 84.6, 50),
    # Oborneva: Automated assessment of the complexity of school texts, Moscow, 2006. Flesch's 60-70 is plain language:
    # Russian words for pregnancy, treatment and papers have four and five syllables, and no others.
    "ru": Scale(206.835, 1.3, 60.1, 60, vowels="аеёиоуыэюя"),
    # Atesman: Turkcede okunabilirligin olculmesi. Dil Dergisi 58, 1997: 70-89 is easy.
    "tr": Scale(198.825, 2.61, 40.175, 70, vowels="aeıioöuüâîû"),
}


def ease(text: str, language: str) -> float | None:
    """Reading ease of a text; None where its language has no scale or there are too few words."""
    scale = SCALES.get(language)
    words = _WORD.findall(_GAP.sub("", text).lower())
    if scale is None or len(words) < ENOUGH_WORDS:
        return None
    sentences = sum(1 for part in _SENTENCE.split(text) if _WORD.search(part))
    syllables = sum(_syllables(word, language) for word in words)
    return scale.constant - scale.per_sentence * len(words) / sentences - scale.per_word * syllables / len(words)


def _syllables(word: str, language: str) -> int:
    vowels = SCALES[language].vowels
    if vowels:
        return max(1, len(re.findall(f"[{vowels}]+" if language == "es" else f"[{vowels}]", word)))
    return len(_patterns(language).positions(word)) + 1


@lru_cache
def _patterns(language: str) -> pyphen.Pyphen:
    return pyphen.Pyphen(lang=pyphen.language_fallback(language) or language, left=1, right=1)
