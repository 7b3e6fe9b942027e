"""Where the run is: one line a stage, counting where a person looks."""

from __future__ import annotations

import sys
import time


class Progress:
    """Writes to standard error. `stage` begins one, `at` counts within it."""

    def __init__(self, stages: int) -> None:
        self._stages, self._stage, self._title, self._open = stages, 0, "", False
        self._started = self._written = time.monotonic()

    def stage(self, title: str) -> None:
        """Begin the next stage."""
        self._end_line()
        self._stage += 1
        self._title, self._started = title, time.monotonic()
        self._write(f"[{self._stage}/{self._stages}] {title}")

    def at(self, what: str) -> None:
        """Say how far the stage is: often on a terminal, every half minute when piped."""
        now = time.monotonic()
        if now - self._written < (0.2 if sys.stderr.isatty() else 30):
            return
        self._written = now
        self._write(f"[{self._stage}/{self._stages}] {self._title}: {what}, {now - self._started:.0f} s")

    def note(self, text: str) -> None:
        """Something to know, on a line of its own."""
        self._end_line()
        print(f"      {text}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """All stages are through."""
        self._end_line()

    def _write(self, line: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
            self._open = True
        else:
            print(line, file=sys.stderr, flush=True)

    def _end_line(self) -> None:
        if self._open:
            print(file=sys.stderr, flush=True)
            self._open = False
