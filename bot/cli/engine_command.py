"""Running a module of the engine with its own Python, which has Rasa and is not this one."""

from __future__ import annotations

import os
import subprocess

from bot.cli.console import fail
from bot.settings import ROOT, Settings


def run_engine_module(settings: Settings, module: str, *options: str, given: str | None = None) -> tuple[int, str]:
    """Run `python -m module`; returns its exit code and, where `given` is its standard input, what it printed.

    Leaves with what to do where the engine is not installed.
    """
    if not settings.engine_python.exists():
        fail(f"{settings.engine_python}: the engine's Python is not there; run: make setup")
    done = subprocess.run(
        [str(settings.engine_python), "-W", "ignore", "-m", module, *options],
        cwd=ROOT,
        env={**os.environ, "FAROL_MODELS": str(settings.models_dir), "PYTHONPATH": str(ROOT)},
        input=given,
        stdout=None if given is None else subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout or ""
