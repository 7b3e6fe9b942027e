"""The console's own words, from content/console/<language>.yml, in a few languages to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal

from bot.content.countries import country_name
from bot.content.message_format import FormatFault, fill, gaps

LANGUAGES = ("en", "es", "fr", "ar")
"""The first is the one the others are compared with."""


@dataclass(frozen=True)
class Words:
    """One language of the console."""

    language: str
    texts: dict[str, str]
    zone: tzinfo

    def __call__(self, key: str, **values: Any) -> str:
        """The words of a key with {…} filled in. Raises KeyError for one that is not there: a test knows them all."""
        return fill(self.texts[key], self.language, values) if values else self.texts[key]

    def known(self, kind: str, name: str) -> str:
        """The words for one of a set that others may add to, such as a status; its own name until there are words."""
        return self.texts.get(f"{kind}.{name}", name)

    @property
    def direction(self) -> str:
        """'ltr' or 'rtl'."""
        return "rtl" if self._locale.text_direction == "rtl" else "ltr"

    @property
    def name(self) -> str:
        """The language's own name."""
        return self._locale.get_display_name(self.language).capitalize()

    @property
    def _locale(self) -> Locale:
        return Locale.parse(self.language)

    def language_name(self, code: str | None) -> str:
        """Another language's name in this one."""
        return self._locale.languages.get(code or "", code or "")

    def country(self, code: str | None) -> str:
        """A country's name; empty when it is not known."""
        return country_name(code, self.language) if code else ""

    def moment(self, at: datetime) -> str:
        """A moment in the team's time zone: the time today, else with the day."""
        here, today = at.astimezone(self.zone), datetime.now(self.zone).date()
        if here.date() == today:
            return format_time(here, "short", locale=self._locale)
        return (
            f"{format_datetime(here, 'd MMM', locale=self._locale)} {format_time(here, 'short', locale=self._locale)}"
        )

    def day(self, at: datetime) -> str:
        """A day in the team's time zone."""
        return format_date(at.astimezone(self.zone), "medium", locale=self._locale)

    def date(self, day: date) -> str:
        """A day that has no hour."""
        return format_date(day, "medium", locale=self._locale)

    def number(self, value: float) -> str:
        """A number as it is written in the language."""
        return format_decimal(value, locale=self._locale)


class Book:
    """All languages of the console. Raises ValueError with every fault when the files do not agree."""

    def __init__(self, folder: Path, zone: str = "UTC") -> None:
        texts = {code: _read(folder / f"{code}.yml") for code in LANGUAGES}
        faults = [fault for code in LANGUAGES[1:] for fault in _compare(code, texts[LANGUAGES[0]], texts[code])]
        if faults:
            raise ValueError("the console's words have faults:\n" + "\n".join(faults))
        self._words = {code: Words(code, texts[code], ZoneInfo(zone)) for code in LANGUAGES}

    def of(self, code: str) -> Words:
        """The words of a language, the first one's for one that the console does not speak."""
        return self._words.get(code) or self._words[LANGUAGES[0]]

    def preferred(self, header: str) -> Words:
        """The words in the first language of an Accept-Language header that there is."""
        tags = (part.split(";")[0].strip()[:2].lower() for part in header[:200].split(","))
        return self.of(next((tag for tag in tags if tag in self._words), LANGUAGES[0]))

    def all(self) -> list[Words]:
        """Every language."""
        return list(self._words.values())


def _read(path: Path) -> dict[str, str]:
    data = yaml.safe_load(path.read_text("utf-8"))
    return {str(key): str(text).strip() for key, text in data["words"].items()}


def _compare(code: str, source: dict[str, str], own: dict[str, str]) -> list[str]:
    where = f"content/console/{code}.yml"
    faults = [f"{where}: '{key}' is missing" for key in source if key not in own]
    faults += [f"{where}: '{key}' is not used" for key in own if key not in source]
    for key in source.keys() & own.keys():
        try:
            if set(gaps(source[key], LANGUAGES[0])) != set(gaps(own[key], code)):
                faults.append(f"{where}: '{key}': the {{…}} must be the same as in {LANGUAGES[0]}.yml")
        except FormatFault as fault:
            faults.append(f"{where}: '{key}': {fault}")
    return faults
