"""A country's file: facts with their sources, regions where some are different, and help lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pycountry

from bot.content.texts import Country, Fact, Line

LINES = ("emergency", "suicide", "violence", "trafficking", "hiv")

Blame = Callable[..., None]
"""blame(what, *names that lead to the entry)"""


def read_country(code: str, data: dict[str, Any], schema: dict[str, Any], blame: Blame) -> Country:
    """The country in a file's `data`; what is wrong is told to `blame`, and left out."""
    if data.get("country") != code:
        blame(f'country: expected "{code}", in quotes, like the name of the file', "country")
    reviewed = data.get("state") == "reviewed"
    facts = _facts(data.get("facts"), schema, reviewed, blame, ("facts",))
    regions = {}
    for region, about in (data.get("regions") or {}).items():
        if not str(region).startswith(f"{code}-") or pycountry.subdivisions.get(code=region) is None:
            blame(
                f"regions: '{region}' is not a part of {code}; expected its ISO 3166-2 code, like GB-NIR",
                "regions",
                region,
            )
            continue
        regions[region] = _facts((about or {}).get("facts"), schema, reviewed, blame, ("regions", region, "facts"))
        if not regions[region]:
            blame(f"regions: {region}: needs facts that are different there", "regions", region)
    return Country(code, not reviewed, facts, _lines(data.get("lines"), blame), regions)


def is_address(url: object) -> bool:
    """Whether this is the address of a page."""
    return isinstance(url, str) and re.match(r"https?://\w", url) is not None


def _facts(
    data: dict[str, Any] | None, schema: dict[str, Any], reviewed: bool, blame: Blame, at: tuple[str, ...]
) -> dict[str, Fact]:
    found = {}
    where = f"{at[1]}: " if len(at) > 1 else ""
    for name, about in (data or {}).items():
        if name not in schema:
            blame(f"{where}{name}: not a question of facts.yml", *at, name)
            continue
        value = about.get("value") if isinstance(about, dict) else None
        if value not in schema[name]["values"]:
            allowed = ", ".join(schema[name]["values"])
            blame(f"{where}{name}: value '{value}' is not one of {allowed}", *at, name, "value")
            continue
        source = about.get("source")
        if value != "unknown" and not (
            isinstance(source, dict) and source.get("title") and is_address(source.get("url"))
        ):
            what = "where does it stand? Needs source with title and url, which begins with https://"
            blame(f"{where}{name}: {what}", *at, name, "source")
        elif value != "unknown" and reviewed and not isinstance(source.get("read"), date):
            what = "reviewed, but nobody has read the source: needs 'read', a day like 2027-11-22"
            blame(f"{where}{name}: {what}", *at, name, "source")
        details = {}
        for detail in schema[name]["values"][value].get("details") or ():
            if about.get(detail) is None:
                blame(f"{where}{name}: {value} needs '{detail}'", *at, name)
            # Numbers stay numbers: they choose the form of the word after them.
            details[detail] = about[detail] if isinstance(about.get(detail), int) else str(about.get(detail))
        found[name] = Fact(value, details, source)
    return found


def _lines(data: dict[str, Any] | None, blame: Blame) -> dict[str, Line]:
    found = {}
    for kind, about in (data or {}).items():
        if kind not in LINES or not isinstance(about.get("number"), str):
            blame(f"lines: {kind}: needs a number in quotes, and be one of {', '.join(LINES)}", "lines", kind)
            continue
        found[kind] = Line(about["number"], about.get("name") or "")
    return found
