"""The web page's own words, in the language nearest to the browser's."""

from __future__ import annotations

from bot.content.render import Content


def page_words(content: Content, tag: str) -> dict[str, str]:
    """Labels of the page (interface/<language>.yml, section `page`), with `language` and `direction`."""
    language = content.language_for(tag)
    return {**content.words(language).page, "language": language, "direction": content.direction(language)}
