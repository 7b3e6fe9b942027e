"""What the rows of a report are called in the reader's language."""

from __future__ import annotations

from collections.abc import Callable

from bot.console.words import Words
from bot.content.render import Content


def row_name(words: Words, content: Content) -> Callable[[str, str], str]:
    """A function of (what the rows name, the row's key), as bot.reports.files asks for."""
    own = content.words(words.language if words.language in content.edition.words else content.languages.default)

    def name(kind: str, key: str) -> str:
        if kind == "language":
            return words.language_name(key)
        if kind in ("country", "territory") and key == "XX":
            return words("report.no_country")
        if kind in ("country", "territory"):
            return words.country(key)
        if kind == "service":
            return own.services.get(key, key)
        if kind in ("topic", "reason") and key in own.topics:
            return own.topics[key].title
        return words.texts.get(f"{kind}.{key}", key)

    return name
