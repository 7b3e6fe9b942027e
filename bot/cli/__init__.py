"""The command line: `farol`. Each command is a small file; words a program reads come with --json."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "serve": ("bot.cli.serve", "Answer on every channel whose credentials are set, and on the web page."),
    "chat": ("bot.cli.chat", "Talk to Farol in this terminal."),
    "ask": ("bot.cli.ask", "Run texts as turns of one fresh conversation and print the replies."),
    "parse": ("bot.cli.parse", "Print what the engine understands of each line of standard input."),
    "train": ("bot.cli.train", "Train the models of what has changed."),
    "migrate": ("bot.cli.serve", "Bring the database up to date: tables, directory, towns."),
    "content": ("bot.cli.content", "Answers, facts, rules: the files that staff edit."),
    "directory": ("bot.cli.directory", "Places that help, from content/directory."),
    "evaluate": ("bot.cli.evaluate", "Measure how well each language is understood."),
    "language": ("bot.cli.language", "The languages: what each has and lacks; lay out one more."),
    "what-we-hold": ("bot.cli.people", "Print all that is held about one address."),
    "erase": ("bot.cli.people", "Delete the person at one address."),
    "backup": ("bot.cli.backup", "Copy the data, and the personal keys apart from it."),
    "restore": ("bot.cli.backup", "Fill an empty database from a backup."),
    "keys": ("bot.cli.keys", "The master keys: what they lock, a new one, the end of old ones."),
    "report": ("bot.cli.report", "Write a month in figures, with small counts held back."),
    "learn": ("bot.cli.learn", "Sentences labelled in the console, as training data."),
    "operator": ("bot.cli.operator", "Who may sign in to the console: add, list, reset, unlock, remove."),
    "doctor": ("bot.cli.doctor", "Check everything Farol needs, here and at the providers."),
    "telegram": ("bot.cli.telegram", "Set the bot's webhook, or take it away."),
    "settings": ("bot.cli.settings", "Show every setting."),
}
"""The visible list: name -> its file and one line about it. A command's file is imported only when it is asked for:
all of them together take seconds."""


class _Commands(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        return getattr(importlib.import_module(COMMANDS[name][0]), name.replace("-", "_"))

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="farol")
def main() -> None:
    """Farol answers migrants' questions about health care, testing and PrEP, in their language.

    Exit codes: 0 done, 1 something went wrong while working, 2 the command or a file is not right (it says which).
    """
