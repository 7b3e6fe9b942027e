"""farol train: hands over to the engine's own Python."""

from __future__ import annotations

import os
import subprocess
import sys

import click

from bot.cli.console import fail, read_settings
from bot.settings import ROOT


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def train(options: tuple[str, ...]) -> None:
    """Train the models of what has changed. OPTIONS: --language xx (only this one), --force, --json."""
    settings = read_settings()
    if not settings.engine_python.exists():
        fail(f"{settings.engine_python}: the engine's Python is not there; run: make setup")
    command = [str(settings.engine_python), "-W", "ignore", "-m", "nlu.train", *options]
    environment = {**os.environ, "FAROL_MODELS": str(settings.models_dir), "PYTHONPATH": str(ROOT)}
    sys.exit(subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode)
