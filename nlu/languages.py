"""The visible list of languages (languages.yml), read once and checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
FILE = HERE / "languages.yml"


@dataclass(frozen=True)
class Language:
    """A language Farol understands and writes. `direction` is 'ltr' or 'rtl', `script` ISO 15924.

    One that is not `ready` is being written: it can be trained and counted, and people are not offered it.
    """

    code: str
    name: str
    script: str
    direction: str
    ready: bool = True


@dataclass(frozen=True)
class Languages:
    """All of them, the default, and which one stands in for a language that is not among them.

    `varieties` maps what the identifier tells apart to the language it is written like.
    """

    announced: dict[str, Language]
    default: str
    fallback: dict[str, str]
    varieties: dict[str, str] = field(default_factory=dict)

    @cached_property
    def shipped(self) -> dict[str, Language]:
        """Those that are ready, by code."""
        return {code: language for code, language in self.announced.items() if language.ready}

    def nearest(self, code: str) -> str:
        """The language to answer in for somebody who writes in `code`."""
        return code if code in self.shipped else self.fallback.get(code, self.default)


def load_languages(path: Path = FILE) -> Languages:
    """Read languages.yml; raises ValueError naming the file and the language that is wrong."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    announced = {}
    for code, about in data["languages"].items():
        missing = {"name", "script", "direction"} - set(about)
        if missing or about["direction"] not in ("ltr", "rtl"):
            raise ValueError(f"{path}: language '{code}' needs name, script (Latn, Arab...) and direction (ltr or rtl)")
        ready = about.get("ready", True)
        announced[code] = Language(code, about["name"], about["script"], about["direction"], ready is True)
    found = Languages(announced, data["default"], dict(data.get("fallback") or {}), dict(data.get("varieties") or {}))
    if data["default"] not in found.shipped:
        raise ValueError(f"{path}: default '{data['default']}' is not one of the languages")
    return found
