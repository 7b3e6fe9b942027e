"""Where the entries of a YAML file stand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

Names = tuple[str, ...]
"""The names that lead to an entry: ("topics", "hiv_basics", "sms"); () is the whole file."""


def lines_of(path: Path) -> dict[Names, int]:
    """The line, from 1, on which each entry begins; nothing for a file that cannot be read."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return dict(_walk(root, ())) if root is not None else {}


def _walk(node: yaml.Node, names: Names) -> Iterator[tuple[Names, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*names, str(key.value))
            yield inner, key.start_mark.line + 1
            yield from _walk(value, inner)
