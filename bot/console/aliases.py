"""A friendly name for a conversation, made from its random id: the same every time, and nothing to find anybody by."""

from __future__ import annotations

import hashlib
from pathlib import Path

import yaml


class Aliases:
    """Two words and two digits, about 600,000 of them: 'Amber Heron 47'."""

    def __init__(self, file: Path) -> None:
        """Reads the words; raises ValueError naming the file when there are none."""
        data = yaml.safe_load(file.read_text("utf-8")) or {}
        self._first, self._second = data.get("first") or [], data.get("second") or []
        if not self._first or not self._second:
            raise ValueError(f"{file}: needs words under 'first' and 'second'")

    def of(self, conversation_id: str) -> str:
        """The alias of a conversation."""
        number = int.from_bytes(hashlib.sha256(f"alias {conversation_id}".encode()).digest()[:8], "big")
        number, digits = divmod(number, 100)
        number, first = divmod(number, len(self._first))
        return f"{self._first[first]} {self._second[number % len(self._second)]} {digits:02}".title()
