"""A watch on everything that is logged while a channel works."""

from __future__ import annotations

import logging

# Tokens, numbers and names that occur in these tests; a test adds the words that it sends.
SECRETS = (
    "never-in-a-log",
    "webhook-secret",
    "912345678",
    "987654321",
    "4155550100",
    "4155550199",
    "770077",
    "1234567890",
    "Maria",
    "maria_ex",
)


class Watch(logging.Handler):
    """Keeps every record of every library, down to debug, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        self.lines: list[str] = []
        self._secrets = set(SECRETS)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def for_words(self, *words: str | None) -> None:
        """Have these texts or addresses watched for, too. Very short ones would be found in anything."""
        self._secrets.update(word for word in words if word and len(word) > 3)

    def leaks(self) -> list[str]:
        return [line for line in self.lines if any(secret in line for secret in self._secrets)]
