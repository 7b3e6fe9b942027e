"""What was measured on, and with which versions."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.servers import ENGINE_PYTHON, ROOT

_PACKAGES = ("rasa", "tensorflow", "onnxruntime", "scikit-learn", "numpy", "aiohttp", "sanic")


def describe() -> dict:
    """Machine, date, load and versions, as they stand now."""
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": _cpu(),
        "cores": cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load_before": load(),
        "versions": _versions(),
        "commit": _commit(),
    }


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load() -> float:
    """Load average of the last minute; ours is about 1 to 2 while training, else about 1."""
    return round(os.getloadavg()[0], 1)


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    code = (
        "import importlib.metadata as m, json, sys\n"
        "def v(n):\n"
        "    try: return m.version(n)\n"
        "    except m.PackageNotFoundError: return None\n"
        f"print(json.dumps({{'python': sys.version.split()[0], **{{n: v(n) for n in {_PACKAGES!r}}}}}))"
    )
    said = subprocess.run([ENGINE_PYTHON, "-c", code], capture_output=True, text=True, check=True)
    return {name: version for name, version in json.loads(said.stdout).items() if version}


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()

    try:
        number = git("rev-parse", "--short", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "nlu", "stories")
    except FileNotFoundError:
        return "unknown"
    return f"{number or 'unknown'}{' with changes in nlu/ or stories/' if changed else ''}"
