"""What the files under content/ hold, as values that never change while they are in use."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from bot.content.team import Team


@dataclass(frozen=True)
class TopicText:
    """The words of one topic in one language: a button's title, the answer, and the short answer for SMS."""

    title: str
    text: str
    sms: str
    draft: bool


@dataclass(frozen=True)
class Words:
    """Everything said in one language. `facts` is phrases by fact and value."""

    language: str
    words: dict[str, str]
    buttons: dict[str, str]
    groups: dict[str, str]
    services: dict[str, str]
    page: dict[str, str]
    topics: dict[str, TopicText]
    facts: dict[str, dict[str, str]]


@dataclass(frozen=True)
class Topic:
    """What a topic leads to (topics.yml)."""

    name: str
    menu: str
    facts: tuple[str, ...]
    lines: tuple[str, ...]
    next: tuple[str, ...]
    urgent: bool
    sources: tuple[dict, ...]
    review_by: date | None


@dataclass(frozen=True)
class Fact:
    """The answer to one question about a country, with the details its phrase may use and where it stands."""

    value: str
    details: dict[str, str | int] = field(default_factory=dict)
    source: dict | None = None


@dataclass(frozen=True)
class Line:
    """A help line. `number` is as dialled in the country and may hold several."""

    number: str
    name: str


@dataclass(frozen=True)
class Country:
    """A country's facts and help lines (countries/<CC>.yml). `regions` hold the facts that are different there, by ISO
    3166-2 code."""

    code: str
    draft: bool
    facts: dict[str, Fact]
    lines: dict[str, Line]
    regions: dict[str, dict[str, Fact]] = field(default_factory=dict)

    def facts_in(self, region: str | None) -> dict[str, Fact]:
        """The facts as they are in a region; those of the country for None and for a region without any of its own."""
        return self.facts | self.regions.get(region or "", {})

    def regions_with(self, facts: tuple[str, ...]) -> list[str]:
        """The regions where one of these facts is different."""
        return [code for code, own in self.regions.items() if any(fact in own for fact in facts)]


UNKNOWN = Fact("unknown")


def sources_of(topic: Topic, country: Country | None, region: str | None) -> list[dict]:
    """Where an answer comes from, each page once: the general text's, then those of the facts told of a place."""
    facts = country.facts_in(region) if country else {}
    told = (facts[fact].source for fact in topic.facts if fact in facts)
    return list({source["url"]: source for source in (*topic.sources, *told) if source}.values())


@dataclass(frozen=True)
class Edition:
    """All of content/ as it was at one moment: topics in the menu's order, its groups, words and countries by code, and
    when the team is there."""

    topics: dict[str, Topic]
    groups: tuple[str, ...]
    words: dict[str, Words]
    countries: dict[str, Country]
    team: Team = Team()
