"""Takes up what staff change in content/ while the assistant runs, and refuses what has a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from bot.content.load import ContentError

log = structlog.get_logger("farol.content")

_EVERY = 1.0
"""Seconds between two looks. A change is read at the second look that finds it the same: editors write in steps."""

_NOT_WATCHED = "directory"
"""The places are taken up by their own import (bot.directory)."""

Snapshot = tuple[tuple[str, int, int], ...]


class ContentWatch:
    """Looks at the files' times and sizes; on a change reads everything anew, and adopts it only if it is whole.

    `read` returns what puts the new words to use; it runs beside the event loop and raises ContentError or ValueError.
    Until then, and after a refusal, the last good words stay. `faults` says what was refused, empty when all is well;
    `taken_up` and `refused` count changes since the start.
    """

    def __init__(self, folder: Path, read: Callable[[], Callable[[], None]]) -> None:
        self._folder = folder
        self._read = read
        self._used = _snapshot(folder)
        self._seen = self._used
        self._task: asyncio.Task | None = None
        self.faults: list[str] = []
        self.taken_up = self.refused = 0

    async def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name="content")

    async def stop(self) -> None:
        """Stop at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """One look; takes a change up that has settled."""
        now = await asyncio.to_thread(_snapshot, self._folder)
        settled, self._seen = now == self._seen, now
        if not settled or now == self._used:
            return
        self._used = now
        try:
            adopt = await asyncio.to_thread(self._read)
        except ContentError as error:
            self._refuse(error.faults)
        except (ValueError, OSError) as error:
            self._refuse(str(error).splitlines())
        except Exception as error:
            # A shape the reader did not expect, such as a topic without anything under it: refused like any fault.
            self._refuse([f"the files cannot be read as content: {type(error).__name__}: {error}"])
        else:
            # On the event loop, where every answer is rendered in one piece: none is half old, half new.
            adopt()
            self.faults = []
            self.taken_up += 1
            log.info("content_taken_up", files=len(now))

    def _refuse(self, faults: list[str]) -> None:
        self.faults = faults
        self.refused += 1
        log.error("content_refused", faults=faults, kept="the last good content", do="farol content check")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self.look()
            except Exception as error:
                log.error("content_watch_failed", error=type(error).__name__)


def _snapshot(folder: Path) -> Snapshot:
    found = []
    for path in sorted(folder.rglob("*.yml")):
        if path.relative_to(folder).parts[0] == _NOT_WATCHED:
            continue
        try:
            about = path.stat()
        except FileNotFoundError:
            continue
        found.append((str(path), about.st_mtime_ns, about.st_size))
    return tuple(found)
