"""The assistant of the conversation tests, and a look at everything it leaves on the disk."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.conversation.conftest import assistant, content, database_url, migrated, screen  # noqa: F401


def bytes_on_disk(folder: Path) -> bytes:
    """Every file of a folder, the database's log and shared memory among them."""
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.fixture
def kind() -> str:
    """What is looked for on the disk is looked for in SQLite's files."""
    return "sqlite"


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """All that anybody logs, as it would be written. (SQLAlchemy and its drivers log every statement below INFO.)"""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, keep = logging.getLogger(), Keep(logging.INFO)
    level = root.level
    root.setLevel(logging.INFO)
    root.addHandler(keep)
    before = structlog.get_config()
    structlog.configure(
        processors=[lambda _, __, event: lines.append(repr(event)) or ""], cache_logger_on_first_use=False
    )
    yield lines
    structlog.configure(**before)
    root.removeHandler(keep)
    root.setLevel(level)
