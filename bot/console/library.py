"""The page of answers: every text as the channels show it, where it comes from, and what was refused and why."""

from __future__ import annotations

from datetime import date

from aiohttp import web
from babel.dates import format_date

from bot.console.roles import May
from bot.console.site import Door, Site, Visit
from bot.content.live import ContentWatch
from bot.content.render import Content
from bot.content.texts import sources_of
from bot.messages import ChannelTraits, Outbound
from nlu.contract import Response


class Library:
    """The door of content: to be read by all, changed by nobody here."""

    def __init__(
        self, site: Site, content: Content, content_watch: ContentWatch, traits: dict[str, ChannelTraits]
    ) -> None:
        self._site, self._content, self._content_watch, self._traits = site, content, content_watch, traits

    def doors(self) -> list[Door]:
        """What is served."""
        return [Door("GET", "/content", self.show, May.READ)]

    async def show(self, visit: Visit) -> web.StreamResponse:
        """The answers of one group, in one language, for one country."""
        query, content, words = visit.request.query, self._content, visit.words
        language = query.get("language", words.language)
        country, group = query.get("country", ""), query.get("group", content.groups[0])
        changed = query.get("changed", "")
        if (
            language not in content.edition.words
            or group not in content.groups
            or (country and country not in content.countries)
        ):
            raise web.HTTPNotFound(text="no such language, country or group")
        texts = content.words(language).topics
        answers = [
            {
                "name": name,
                "title": texts[name].title,
                "draft": texts[name].draft,
                "review_by": topic.review_by and self._day(visit, topic.review_by),
                "sources": [
                    {**source, "read": self._day(visit, source["read"]) if source.get("read") else ""}
                    for source in sources_of(topic, content.countries.get(country), country)
                ],
                "shown": [
                    (channel, self._shown(name, language, country, traits)) for channel, traits in self._traits.items()
                ],
            }
            for name, topic in content.topics.items()
            if topic.menu == group
        ]
        return self._site.page(
            visit, "content.html", title=words("nav.content"), answers=answers, faults=self._content_watch.faults,
            changed=int(changed) if changed.isdigit() and len(changed) < 6 else 0,
            language=language, country=country, group=group, direction=content.direction(language),
            choices={
                "language": sorted((code, words.language_name(code)) for code in content.edition.words),
                "country": sorted(((code, words.country(code)) for code in content.countries), key=lambda one: one[1]),
                "group": list(content.words(words.language).groups.items()),
            },
        )  # fmt: skip

    def _shown(self, topic: str, language: str, country: str, traits: ChannelTraits) -> tuple[Outbound, ...]:
        said = [Response("topic", {"topic": topic})]
        return self._content.render(said, language=language, country=country or None, traits=traits).messages

    @staticmethod
    def _day(visit: Visit, day: date | str) -> str:
        return format_date(day, "medium", locale=visit.words.language) if isinstance(day, date) else str(day)
