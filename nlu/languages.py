"""The visible list of languages (languages.yml), read once and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
FILE = HERE / "languages.yml"


@dataclass(frozen=True)
class Language:
    """A language Farol understands and writes. `direction` is 'ltr' or 'rtl', `script` ISO 15924."""

    code: str
    name: str
    script: str
    direction: str


@dataclass(frozen=True)
class Languages:
    """All of them, the default, and which one stands in for a language that is not among them."""

    shipped: dict[str, Language]
    default: str
    fallback: dict[str, str]

    def nearest(self, code: str) -> str:
        """The language to answer in for somebody who writes in `code`."""
        return code if code in self.shipped else self.fallback.get(code, self.default)


def load_languages(path: Path = FILE) -> Languages:
    """Read languages.yml; raises ValueError naming the file and the language that is wrong."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    shipped = {}
    for code, about in data["languages"].items():
        missing = {"name", "script", "direction"} - set(about)
        if missing or about["direction"] not in ("ltr", "rtl"):
            raise ValueError(f"{path}: language '{code}' needs name, script (Latn, Arab...) and direction (ltr or rtl)")
        shipped[code] = Language(code, about["name"], about["script"], about["direction"])
    if data["default"] not in shipped:
        raise ValueError(f"{path}: default '{data['default']}' is not one of the languages")
    return Languages(shipped, data["default"], dict(data.get("fallback") or {}))
