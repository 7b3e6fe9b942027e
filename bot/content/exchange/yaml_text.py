"""Texts within a YAML file, found and replaced where they stand: comments, order and everything else stay as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

Path = tuple[str, ...]
"""The names that lead to a text: ("topics", "hiv_basics", "sms")."""

_UNPLAIN = re.compile(r"[^\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\x7f-\x9f\u2028\u2029]")
"""What a block of lines cannot hold; in quotes it is written as \\u...."""


@dataclass(frozen=True)
class Place:
    """A text, the line it begins on (from 1), and where it stands in the file."""

    text: str
    line: int
    start: int
    end: int
    indent: int
    is_block: bool


def places(content: str) -> dict[Path, Place]:
    """Every text of a YAML file by the names that lead to it. Raises yaml.YAMLError."""
    root = yaml.compose(content, Loader=yaml.SafeLoader)
    return dict(_walk(root, (), 0)) if root is not None else {}


def replaced(content: str, changes: dict[Path, str]) -> str:
    """The file with these texts in place of those there. Raises KeyError for one that is not there."""
    found = places(content)
    for path, text in sorted(changes.items(), key=lambda change: found[change[0]].start, reverse=True):
        place = found[path]
        content = content[: place.start] + _written(text, place) + content[place.end :]
    return content


def _walk(node: yaml.Node, path: Path, indent: int) -> Iterator[tuple[Path, Place]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _walk(value, (*path, str(key.value)), key.start_mark.column)
    elif isinstance(node, yaml.ScalarNode):
        start, end = node.start_mark, node.end_mark
        yield path, Place(node.value, start.line + 1, start.index, end.index, indent, node.style in ("|", ">"))


def _written(text: str, place: Place) -> str:
    """A block of lines stays one, anything else is written in double quotes, on one line."""
    if place.is_block and text.strip() and not text.startswith((" ", "\n")) and not _UNPLAIN.search(text):
        margin = " " * (place.indent + 2)
        return "|\n" + "".join((margin + line if line else "") + "\n" for line in text.strip("\n").split("\n"))
    written = _UNPLAIN.sub(lambda match: f"\\u{ord(match.group()):04x}", json.dumps(text, ensure_ascii=False))
    return written + ("\n" if place.is_block else "")
