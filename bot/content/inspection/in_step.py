"""Which English text each translation was made from, so that a change in English is not overlooked.

Kept as a fingerprint for each text in content/in-step/<language>.csv, written by `farol content import` and
`farol content in-step`; nobody edits it by hand.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterable
from pathlib import Path

from bot.content.exchange.entries import Entry

_FOLDER = "in-step"
_HEAD = ["key", "english"]


def fingerprint(text: str) -> str:
    """Eight hexadecimal digits that change with the words, not with the spaces between them."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:8]


def read(folder: Path, language: str) -> dict[str, str]:
    """The fingerprint of the English text by key; nothing for a language nobody has recorded."""
    path = folder / _FOLDER / f"{language}.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["key"]: row["english"] for row in csv.DictReader(file)}


def record(folder: Path, language: str, source: dict[str, Entry], keys: Iterable[str]) -> Path:
    """Say that the texts of these keys fit the English ones as they are now. Returns the file."""
    known = read(folder, language) | {key: fingerprint(source[key].text) for key in keys if key in source}
    said = io.StringIO()
    writer = csv.writer(said, lineterminator="\n")
    writer.writerow(_HEAD)
    writer.writerows((key, known[key]) for key in source if key in known)
    path = folder / _FOLDER / f"{language}.csv"
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(said.getvalue(), encoding="utf-8")
    os.replace(new, path)
    return path


def out_of_step(folder: Path, language: str, source: dict[str, Entry], own: dict[str, Entry]) -> list[str]:
    """The keys of texts made from an English text that has changed since, or from one nobody recorded."""
    known = read(folder, language)
    return [key for key in own if key in source and known.get(key) != fingerprint(source[key].text)]
