"""Copies of training sentences with the mistakes people make on a small keyboard, always the same for the same text."""

from __future__ import annotations

import random

from nlu.text import fold

_NEIGHBOURS = {
    "q": "wa", "w": "qes", "e": "wrd", "r": "etf", "t": "ryg", "y": "tuh", "u": "yij", "i": "uok", "o": "ipl",
    "p": "ol", "a": "qsz", "s": "awdx", "d": "sefc", "f": "drgv", "g": "fthb", "h": "gyjn", "j": "hukm", "k": "jil",
    "l": "kop", "z": "ax", "x": "zsc", "c": "xdv", "v": "cfb", "b": "vgn", "n": "bhm", "m": "nj",
}  # fmt: skip


def misspelt(text: str, copy: int) -> str:
    """Return `text` with about one mistake in eight letters: dropped, doubled, swapped or neighbouring keys.

    Every second copy also loses its accents. The first letter of a word, which people rarely get wrong, stays.
    """
    rng = random.Random(f"{copy}:{text}")
    if copy % 2:
        text = fold(text)
    letters = list(text)
    for _ in range(max(1, sum(map(str.isalpha, letters)) // 16)):
        places = [i for i in range(1, len(letters) - 1) if letters[i].isalpha() and letters[i - 1].isalpha()]
        if not places:
            break
        place = rng.choice(places)
        mistake = rng.randrange(4)
        if mistake == 0:
            del letters[place]
        elif mistake == 1:
            letters.insert(place, letters[place])
        elif mistake == 2:
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
        else:
            letters[place] = rng.choice(_NEIGHBOURS.get(letters[place].lower(), letters[place]))
    return "".join(letters)
