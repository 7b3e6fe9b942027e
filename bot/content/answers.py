"""The answers themselves: a topic's words, the facts and help lines of a country, and where all that comes from."""

from __future__ import annotations

from datetime import date
from typing import Any

from babel.dates import format_date

from bot.content.countries import country_name, region_name
from bot.content.fit import Block
from bot.content.texts import UNKNOWN, Country, Edition, Line, Topic, Words, sources_of
from bot.messages import Button


class Answers:
    """Blocks that answer a topic, in one voice. `voice` is a `bot.content.voice.Voice`."""

    def __init__(self, voice: Any, edition: Edition, words: Words) -> None:
        self._voice = voice
        self._edition = edition
        self._words = words

    def topic(self, topic: str) -> Block:
        """The answer, what the person's country has to do with it, and the ways on."""
        about = self._edition.topics.get(topic)
        if about is None:
            return self._voice.ask_again()
        if about.review_by and about.review_by < date.today() and not about.urgent:
            return Block(self._voice.word("withheld"), self._voice.rescue())
        text = self._words.topics[topic]
        answer = text.sms if self._voice.traits.segments else text.text
        buttons = tuple(button for button in map(self._next, about.next) if button)
        extras = self._country_part(about)
        regions = self._regions(about)
        if regions:
            # On SMS, where there may be no room for choices, they are named and can be typed.
            named = ", ".join(button.title for button in regions) if self._voice.traits.segments else ""
            extras = (*extras, f"{self._voice.word('country.regions')} {named}".strip())
            buttons = (*regions, *buttons)
        if about.lines and self._voice.code is None and about.urgent:
            # Help first, then the question whose answer brings the numbers to call.
            if not about.facts:
                extras = (*extras, self._voice.word("country.not_given"))
            # On SMS there may be room for one only: where the first step is a place to go to, that goes first.
            first = 1 if about.next[:1] and about.next[0].startswith("find:") else 0
            buttons = (*buttons[:first], self._voice.button("numbers", f"numbers:{topic}"), *buttons[first:])
        call = self.call(about.lines) if about.urgent else ""
        # Nobody in danger is asked how we did.
        aside = () if about.urgent else self._voice.thumbs(topic)
        draft = self._is_draft(about)
        return Block(answer, buttons, draft=draft, extras=extras, aside=aside, whole=about.urgent, call=call)

    def _country_part(self, topic: Topic) -> tuple[str, ...]:
        parts = (self._facts(topic) if topic.facts else "", self.lines(topic.lines))
        # In danger the numbers to call go before what the country pays.
        return tuple(part for part in (reversed(parts) if topic.urgent else parts) if part)

    def sources(self, topic: str) -> Block:
        """Where an answer comes from, who has checked it and when that is to be done again."""
        about = self._edition.topics.get(topic)
        if about is None:
            return self._voice.ask_again()
        sources = [self._source(source) for source in sources_of(about, self._voice.country, self._voice.region)]
        state = [self._voice.word("sources.draft" if self._is_draft(about) else "sources.reviewed")]
        if about.review_by:
            state.append(self._voice.word("sources.again", date=self._date(about.review_by)))
        return Block(self._voice.word("sources.heading"), extras=("\n".join(sources), " ".join(state)))

    def _source(self, source: dict) -> str:
        said = [self._voice.in_order(source["title"])]
        if not self._voice.traits.segments:  # where an address costs as much as what it leads to, the title finds it
            said.append(self._voice.in_order(source["url"]))
        if source.get("read"):
            said.append(self._voice.word("sources.read", date=self._date(source["read"])))
        return "- " + ", ".join(said)

    def _date(self, day: date) -> str:
        return format_date(day, "medium", locale=self._words.language)

    def _is_draft(self, topic: Topic) -> bool:
        return self._words.topics[topic.name].draft or bool(
            topic.facts and self._voice.country and self._voice.country.draft
        )

    def _facts(self, topic: Topic) -> str:
        if self._voice.code is None:
            return self._voice.word("country.not_given")
        name = country_name(self._voice.code, self._words.language)
        if self._voice.country is None:
            return self._voice.word("country.unknown", country=name)
        where = f"{name} ({region_name(self._voice.region, self._words.language)})" if self._voice.region else name
        said = [self._voice.word("country.heading", country=where)]
        facts = self._voice.country.facts_in(self._voice.region)
        for fact in topic.facts:
            known = facts.get(fact, UNKNOWN)
            phrase = self._words.facts[fact][known.value]
            said.append(self._voice.fill(phrase, country=name, **known.details))
        return "\n".join(said)

    def lines(self, kinds: tuple[str, ...], of: str | None = None) -> str:
        """The help lines of these kinds in the country `of`, else in the person's, else in the usual one; "" for none."""
        country, found = self._found(kinds, of)
        if country is None or not found:
            return ""
        heading = self._voice.word("lines.heading", country=country_name(country.code, self._words.language))
        said = [self._voice.word(f"line.{kind}", number=line.number, name=line.name) for kind, line in found]
        return "\n".join([heading, *said])

    def emergency(self) -> str:
        """The emergency number and whose it is, in one short line: number first; "" where it is not known."""
        country, found = self._found(("emergency",))
        if country is None or not found:
            return ""
        name = country_name(country.code, self._words.language)
        return self._voice.word("line.emergency", number=f"{found[0][1].number} ({name})")

    def call(self, kinds: tuple[str, ...]) -> str:
        """The numbers of these lines and no more, for where there is room for little; "" for none."""
        numbers = ", ".join(dict.fromkeys(line.number for _, line in self._found(kinds)[1]))
        return self._voice.word("lines.call", numbers=numbers) if numbers else ""

    def _found(self, kinds: tuple[str, ...], of: str | None = None) -> tuple[Country | None, list[tuple[str, Line]]]:
        usual = self._edition.countries.get(self._voice.promises.default_country or "")
        country = self._edition.countries.get(of) if of else self._voice.country or usual
        return country, [(kind, country.lines[kind]) for kind in kinds if kind in country.lines] if country else []

    def _regions(self, topic: Topic) -> tuple[Button, ...]:
        """The parts of the country where this is different, and, for somebody in one of them, the country itself."""
        country, here = self._voice.country, self._voice.region
        different = country.regions_with(topic.facts) if country else []
        names = {code: region_name(code, self._words.language) for code in different if code != here}
        if here in different:
            names = {country.code: country_name(country.code, self._words.language), **names}
        return tuple(Button(name, f"in:{code}:{topic.name}") for code, name in names.items())

    def _next(self, step: str) -> Button | None:
        if step.startswith("find:"):
            title = self._words.services[step[5:]]
            # The pin tells 'PrEP, where' from 'PrEP, what'; on SMS it would double the price of the message.
            marked = f"\U0001f4cd {title}"
            short = len(marked) > self._voice.traits.title_limit or self._voice.traits.segments
            return Button(title if short else marked, step)
        if step in ("talk_to_human", "show_menu"):
            return self._voice.button(step, f"intent:{step}")
        return self._voice.intent_button(step)
