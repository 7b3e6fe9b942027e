"""farol content: is everything in content/ usable?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from bot.app import load_content
from bot.cli.console import out, read_settings
from bot.content.load import ContentError
from bot.directory import listing
from bot.safety.screen import load_screen
from nlu.languages import load_languages


def _directory(folder: Path) -> None:
    faults = listing.check(folder)[1]
    if faults:
        raise ContentError(list(faults))


@click.group()
def content() -> None:
    """Answers, facts, rules: the files that staff edit."""


@content.command()
@click.option("--json", "as_json", is_flag=True, help="The faults as a JSON list.")
def check(as_json: bool) -> None:
    """Look for faults in all files of content/, and name all of them. Exit code 2 when there are any."""
    settings = read_settings()
    faults: list[str] = []
    for look in (
        lambda: load_content(settings),
        lambda: load_screen(settings.content_dir / "safety", load_languages().shipped),
        lambda: _directory(settings.content_dir / "directory"),
    ):
        try:
            look()
        except ContentError as error:
            faults += error.faults
        except ValueError as error:
            faults += str(error).splitlines()
    if as_json:
        print(json.dumps(faults, ensure_ascii=False, indent=2))
    elif faults:
        for fault in faults:
            out.print(fault, style="red", markup=False)
    else:
        out.print("All content is in order.")
    sys.exit(2 if faults else 0)
