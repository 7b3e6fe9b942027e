"""What of a language is translated: each text with the name it has in every language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.content.exchange import yaml_text

_INTERFACE = "interface"
_FACTS = "facts"
_SECTIONS = ("words", "buttons", "groups", "services", "page")
_PARTS = ("title", "text", "sms")


@dataclass(frozen=True)
class Entry:
    """One text of a language.

    `key` is its name in every language: `hiv/hiv_basics/sms`, `facts/prep/limited`, `interface/words/greeting.first`.
    """

    key: str
    text: str
    file: Path
    line: int
    path: yaml_text.Path


def files_of(folder: Path, language: str) -> dict[str, Path]:
    """The files of a language under content/, by the first part of their keys."""
    found = {path.stem: path for path in sorted((folder / "answers" / language).glob("*.yml"))}
    interface = folder / "interface" / f"{language}.yml"
    return {**({_INTERFACE: interface} if interface.is_file() else {}), **found}


def entries_of(folder: Path, language: str) -> dict[str, Entry]:
    """Every text of a language by its key, in the order of the files. Raises OSError, yaml.YAMLError."""
    return {entry.key: entry for name, file in files_of(folder, language).items() for entry in _entries(name, file)}


def _entries(name: str, file: Path) -> Iterator[Entry]:
    for path, place in yaml_text.places(file.read_text(encoding="utf-8")).items():
        if _is_translated(name, path):
            inner = path if name == _INTERFACE else path[1:]
            yield Entry("/".join((name, *inner)), place.text.strip(), file, place.line, path)


def _is_translated(name: str, path: yaml_text.Path) -> bool:
    if name == _INTERFACE:
        return len(path) == 2 and path[0] in _SECTIONS
    if name == _FACTS:
        return len(path) == 3 and path[0] == "facts"
    return len(path) == 3 and path[0] == "topics" and path[2] in _PARTS
