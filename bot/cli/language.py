"""farol language: what each language has and lacks; lay out one more."""

from __future__ import annotations

import json

import click
from babel import Locale, UnknownLocaleError
from babel.core import get_global

from bot.cli.console import fail, out, print_table, read_settings
from bot.languages.inventory import inventory
from bot.languages.layout import lay_out
from bot.settings import ROOT
from nlu.languages import Language, load_languages
from nlu.manifest import Manifest, model_of

_SHOWN = 40
_RIGHT_TO_LEFT = {"Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm", "Rohg"}
"""Scripts, for the languages of which Unicode's tables know nothing."""


@click.group()
def language() -> None:
    """The languages: what each has and lacks; lay out one more."""


@language.command()
@click.argument("code", required=False)
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
def status(code: str | None, as_json: bool) -> None:
    """A table of all languages, or with CODE everything one of them lacks."""
    settings = read_settings()
    known = load_languages().announced
    if code and code not in known:
        fail(f"{code}: not in nlu/languages.yml; begin with: farol language add {code}")
    try:
        found = [inventory(ROOT, settings.content_dir, known[one]) for one in ([code] if code else known)]
    except ValueError as error:
        fail(str(error))
    manifest = Manifest(settings.models_dir)
    models = {one.code: "trained" if manifest.is_current(model_of(one.code)) else "to train" for one in found}
    if as_json:
        print(json.dumps([{**one.to_json(), "model": models[one.code]} for one in found], ensure_ascii=False, indent=1))
        return
    heads = ["", "language", "examples", "fewest", "tests", "right", "texts", "reviewed", "danger", "model", ""]
    rows = [
        [
            one.code,
            one.name,
            str(one.examples),
            str(one.fewest_examples),
            str(one.tests),
            "-" if one.accuracy is None else f"{one.accuracy:.1f} %",
            f"{100 * one.texts // max(1, one.texts_wanted)} %",
            str(one.reviewed),
            str(one.signs),
            models[one.code],
            f"{len(one.missing)} missing" if one.missing else ("ready" if one.ready else "complete"),
        ]
        for one in found
    ]
    print_table(heads, rows, "examples: for training, and of the intent with fewest; danger: phrases of the rules", 2)
    if code:
        _print_missing(list(found[0].missing))


def _print_missing(missing: list[str]) -> None:
    for line in missing[:_SHOWN] if out.is_terminal else missing:
        print(line)
    if out.is_terminal and len(missing) > _SHOWN:
        print(f"... and {len(missing) - _SHOWN} more (piped into a file or `less`, all are shown)")


@language.command()
@click.argument("code")
@click.option("--name", help="What its speakers call it, if the library does not know.")
@click.option("--script", help="ISO 15924: Latn, Arab, Ethi...; if the library does not know.")
@click.option("--like", default="en", show_default=True, metavar="xx", help="Language shown beside the gaps.")
def add(code: str, name: str | None, script: str | None, like: str) -> None:
    """Lay out the files of the language CODE (ISO 639-1, or 639-3 where there is none) and say what is to be written."""
    known = load_languages()
    if like not in known.shipped:
        fail(f"--like {like}: not one of {', '.join(known.shipped)}")
    if not (code.isascii() and code.isalpha() and code.islower() and 2 <= len(code) <= 3):
        fail(f"{code}: expected two or three small letters, ISO 639-1 or 639-3")
    new = _described(code, name, script)
    try:
        written = lay_out(ROOT, read_settings().content_dir, new, like)
    except ValueError as error:
        fail(str(error))
    for path in written:
        print(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
    print(f"\n{new.name} is laid out and not shipped yet (ready: false in nlu/languages.yml).")
    print("What to write and how: docs/adding-a-language.md")
    print(f"What is still missing: farol language status {code}")


def _described(code: str, name: str | None, script: str | None) -> Language:
    """Name, script and direction from Unicode's tables (CLDR, by Babel); leaves where they do not know."""
    try:
        locale = Locale.parse(code)
    except (UnknownLocaleError, ValueError):
        locale = None
    likely = get_global("likely_subtags").get(code, "").split("_")
    name = name or (locale and locale.get_display_name(code))
    script = script or next((part for part in likely if len(part) == 4), None)
    if not name or not script:
        fail(f"{code}: the library does not know this language; give --name and --script")
    direction = locale.text_direction if locale else ("rtl" if script in _RIGHT_TO_LEFT else "ltr")
    return Language(code, name[0].upper() + name[1:], script, direction, ready=False)
