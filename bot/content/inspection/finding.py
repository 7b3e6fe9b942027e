"""What an inspection says of one entry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`what` is a sentence for staff. A note can wait; a fault should not go out to people."""

    file: str
    line: int | None
    what: str
    is_fault: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{f'{self.line}:' if self.line else ''} {self.what}"
