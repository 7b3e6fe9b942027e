"""Resident memory of a process and everything it started."""

from __future__ import annotations

import os
from pathlib import Path


class NotMeasurable(RuntimeError):
    """This system has no /proc and psutil is not installed: `.venv/bin/pip install psutil`, or use Linux."""


def resident_mb(pid: int) -> float:
    """RSS of the process tree under `pid` in MB (10^6 bytes). Pages that processes share count in each."""
    try:
        import psutil
    except ImportError:
        return round(sum(_proc_rss(each) for each in _proc_tree(pid)) / 1e6, 1)
    root = psutil.Process(pid)
    return round(sum(each.memory_info().rss for each in [root, *root.children(recursive=True)]) / 1e6, 1)


def _proc_tree(pid: int) -> list[int]:
    if not Path("/proc/self/statm").is_file():
        raise NotMeasurable(NotMeasurable.__doc__)
    found = [pid]
    for parent in found:
        for path in Path(f"/proc/{parent}/task").glob("*/children"):
            found += [int(child) for child in path.read_text().split()]
    return found


def _proc_rss(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        return 0  # ended since the tree was read
