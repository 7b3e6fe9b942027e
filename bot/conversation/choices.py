"""What our own buttons carry, and how a typed number or title finds its button again.

A payload is short (64 bytes at Telegram) and names one of a few things; a person's text is never read as one.
"""

from __future__ import annotations

import re
import unicodedata

from bot.messages import Button, Location
from bot.safety.phrases import fold
from nlu.contract import Command

_NUMBER = re.compile(r"\W*(\d{1,2})\W*")
_NAME = re.compile(r"[a-z_]{1,40}")
_WISHES = {"no_papers": {"population": "undocumented"}, "open_now": {"time": "now"}}
"""What a button under a list of places says, as the entities of a sentence that says the same."""


def command(payload: str) -> tuple[Command, str] | None:
    """The command a button stands for and the text it counts as, or None for a payload that is not ours (any more)."""
    kind, _, value = payload.partition(":")
    if kind == "intent" and _NAME.fullmatch(value):
        return Command(value), ""
    if kind == "find" and _NAME.fullmatch(value):
        return Command("find_service", {"service": value}), ""
    if kind == "country" and (re.fullmatch("[A-Z]{2}", value) or value == "none"):
        return Command("choose", {"country": value}), ""
    if kind == "in" and re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]{1,3})?:[a-z_]{1,40}", value):
        return Command("choose", {"country": value[:2]}), ""
    if kind == "lang" and re.fullmatch("[a-z]{2,3}", value):
        return Command("change_language", {"language": value}), ""
    if kind == "place" and re.fullmatch(r"-?[0-9]{1,3}\.[0-9]{1,5},-?[0-9]{1,3}\.[0-9]{1,5}", value):
        return Command("find_service", {"place": f"geo:{value}"}), ""
    if kind == "wish" and value in _WISHES:
        return Command("more_results", _WISHES[value]), ""
    if kind == "details" and re.fullmatch("[0-9]{1,2}", value):
        return Command("service_details"), value
    return None


def said_in_country(payload: str) -> tuple[str, str | None] | None:
    """What a button `in:<CC>:<what>` or `in:<CC-region>:<what>` asks to hear again, now that it is known where: a topic
    or 'human', and the region."""
    kind, _, value = payload.partition(":")
    if kind != "in" or not command(payload):
        return None
    where, _, what = value.partition(":")
    return what, where if "-" in where else None


def asked_where(payload: str) -> str | None:
    """What a button `numbers:<what>` asks to hear for a country, which is asked for first; needs no engine."""
    kind, _, value = payload.partition(":")
    return value if kind == "numbers" and _NAME.fullmatch(value) else None


def menu_group(payload: str) -> str | None:
    """The group of subjects a menu button opens; the menu needs no engine."""
    kind, _, value = payload.partition(":")
    return value if kind == "group" and _NAME.fullmatch(value) else None


def pin(location: Location) -> tuple[Command, str]:
    """A shared location: the place to search near."""
    return Command("find_service", {"place": f"geo:{location.latitude:.5f},{location.longitude:.5f}"}), ""


def is_one_of(text: str, words: set[str]) -> bool:
    """Whether a whole message is one of the words we ask people to type, however accented or spelt large."""
    return fold(text) in {fold(word) for word in words}


def chosen(text: str, choices: tuple[Button, ...]) -> Button | None:
    """The offered button that a text picks by its number (in any script's digits) or by its exact title."""
    number = _NUMBER.fullmatch(text)
    if number:
        digits = "".join(str(unicodedata.digit(digit)) for digit in number.group(1))
        position = int(digits) - 1
        return choices[position] if 0 <= position < len(choices) else None
    wanted = _plain(text)
    return next((choice for choice in choices if wanted and _plain(choice.title) == wanted), None)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
