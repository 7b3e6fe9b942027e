"""The command line: `farol`. Each command is a small file; words a program reads come with --json."""

from __future__ import annotations

import click

from bot.cli.ask import ask
from bot.cli.chat import chat
from bot.cli.content import content
from bot.cli.directory import directory
from bot.cli.parse import parse
from bot.cli.serve import migrate, serve
from bot.cli.settings import settings
from bot.cli.train import train


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="farol")
def main() -> None:
    """Farol answers migrants' questions about health care, testing and PrEP, in their language.

    Exit codes: 0 done, 1 something went wrong while working, 2 the command or a file is not right (it says which).
    """


for command in (serve, chat, ask, parse, train, migrate, content, directory, settings):
    main.add_command(command)
