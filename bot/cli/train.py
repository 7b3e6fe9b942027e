"""farol train: hands over to the engine's own Python."""

from __future__ import annotations

import sys

import click

from bot.cli.console import read_settings
from bot.cli.engine_command import run_engine_module


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def train(options: tuple[str, ...]) -> None:
    """Train the models of what has changed. OPTIONS: --language xx (only this one), --force, --json."""
    sys.exit(run_engine_module(read_settings(), "nlu.train", *options)[0])
