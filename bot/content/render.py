"""Turns response keys into messages: language x country x channel.

Nothing is composed here that is not in content/: a key picks words, a country picks phrases, a channel decides how
choices look. What is not known is said to be unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from babel import Locale

from bot.content.countries import country_name
from bot.content.direction import isolated, right_to_left
from bot.content.fit import Block, OwnWords, fit
from bot.content.load import Reader
from bot.content.message_format import fill
from bot.content.places import PlaceWords
from bot.content.texts import UNKNOWN, Country, Edition, Topic, Words
from bot.messages import Button, ChannelTraits, Outbound
from nlu.contract import Response
from nlu.languages import Languages

_FIRST_SERVICES = ("hiv_test", "general", "prep", "condoms", "pregnancy", "mental_health", "legal", "social")
"""Kinds of place offered when somebody asks 'where' and no more; every other can be named."""


@dataclass(frozen=True)
class Rendering:
    """Messages ready for the channel, the choices they offer in order, whether the draft note was said, and what is left
    to read on a channel where length is paid for."""

    messages: tuple[Outbound, ...]
    choices: tuple[Button, ...]
    draft_noted: bool
    rest: str = ""


@dataclass(frozen=True)
class Promises:
    """Settings the words speak of, so that what is said cannot be untrue."""

    transcript_days: int = 7
    human_contact: str | None = None
    operators_on_duty: bool = False
    default_country: str | None = None


class Content:
    """All answers in all languages. Loading raises ContentError; rendering never fails for a key the checker knows."""

    def __init__(self, folder: Path, languages: Languages, promises: Promises = Promises()) -> None:
        self.languages = languages
        self._folder = folder
        self._promises = promises
        self.edition = self.read()

    def read(self) -> Edition:
        """What the files say now, without using it yet. Raises ContentError."""
        return Reader(self._folder, list(self.languages.shipped)).read()

    def adopt(self, edition: Edition) -> None:
        """Say what this edition says from now on."""
        self.edition = edition

    @property
    def topics(self) -> dict[str, Topic]:
        """By name, in the order of the menu."""
        return self.edition.topics

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of the menu."""
        return self.edition.groups

    @property
    def countries(self) -> dict[str, Country]:
        """Facts and help lines by ISO 3166 code."""
        return self.edition.countries

    # --- what others ask -------------------------------------------------------------------------------------

    def language_for(self, hint: str | None) -> str:
        """The shipped language nearest to a provider's hint such as 'pt-BR'; the default without one."""
        return self.languages.nearest(hint.replace("_", "-").split("-")[0].lower()) if hint else self.languages.default

    def direction(self, language: str) -> str:
        """'ltr' or 'rtl'."""
        return self.languages.shipped[language].direction

    def urgent(self, responses: list[Response]) -> bool:
        """Whether one of these is an answer that nothing may stand before."""
        return any(
            response.key == "topic"
            and response.args.get("topic") in self.topics
            and self.topics[response.args["topic"]].urgent
            for response in responses
        )

    def words(self, language: str) -> Words:
        """Everything said in a language."""
        return self.edition.words[language]

    # --- rendering -------------------------------------------------------------------------------------------

    def render(
        self,
        responses: list[Response],
        *,
        language: str,
        country: str | None,
        traits: ChannelTraits,
        draft_noted: bool = True,
    ) -> Rendering:
        """The messages for these responses. Only the last one keeps its choices: older buttons mislead."""
        voice = _Voice(self, self.words(language), country, traits)
        blocks = [block for response in responses for block in voice.say(response)]
        if any(block.draft for block in blocks) and not draft_noted:
            blocks[-1] = replace(blocks[-1], note=voice.word("draft_note"))
            draft_noted = True
        messages: list[Outbound] = []
        choices: tuple[Button, ...] = ()
        rest = ""
        for position, block in enumerate(blocks):
            final = position == len(blocks) - 1
            if not final:
                block = replace(block, buttons=())
            if voice.runs_right_to_left:
                block = replace(
                    block,
                    text=right_to_left(block.text),
                    extras=tuple(map(right_to_left, block.extras)),
                    note=right_to_left(block.note),
                )
            read_on = voice.word("read_on", word=voice.word("read_on.word"))
            fitted = fit(block, traits, OwnWords(voice.word("reply_number"), voice.button("choose", "").title, read_on))
            messages += fitted.messages
            rest = "\n".join(part for part in (rest, fitted.rest) if part)
            if final:
                choices = fitted.choices
        return Rendering(tuple(messages), choices, draft_noted, rest)

    def read_on_words(self) -> set[str]:
        """What people write for the rest of an answer, in every language."""
        return {words.words["read_on.word"] for words in self.edition.words.values()}


class _Voice:
    """Says things in one language, for one country and channel."""

    def __init__(self, content: Content, words: Words, country: str | None, traits: ChannelTraits) -> None:
        self._content = content
        self._words = words
        self._code = country
        self._country = content.countries.get(country or "")
        self.traits = traits
        self._promises = content._promises
        self.runs_right_to_left = content.direction(words.language) == "rtl" and not traits.segments

    def word(self, key: str, **values: Any) -> str:
        """The words of a key with {…} filled in; values are isolated in right-to-left text."""
        return self.fill(self._words.words[key], **values)

    def fill(self, text: str, **values: Any) -> str:
        """The text with its gaps filled; numbers choose the form of the words after them."""
        if self.runs_right_to_left:
            values = {name: self.in_order(v) if isinstance(v, str) else v for name, v in values.items()}
        return fill(text, self._words.language, values)

    def in_order(self, value: str) -> str:
        """A name, number or address as it is to stand among the words, its own order kept in right-to-left text."""
        return isolated(value) if self.runs_right_to_left else value

    def button(self, key: str, payload: str, **values: Any) -> Button:
        return Button(fill(self._words.buttons[key], self._words.language, values), payload)

    def place_name(self, name: str, country: str | None) -> str:
        """A town with its country in this language; a sample town lies in none."""
        if not country or country == "XX":
            return name
        return f"{name}, {country_name(country, self._words.language)}"

    def say(self, response: Response) -> list[Block]:
        """The blocks of one response; an unknown key is a fault of ours and ends in the safe words, not in silence."""
        args = response.args
        method = getattr(self, "_" + response.key.replace(".", "_"), None)
        if method is not None:
            said = method(**args)
            return said if isinstance(said, list) else [said]
        if response.key in self._words.words:
            return [Block(self.word(response.key, **args))]
        return [self._trouble()]

    # --- talking ---------------------------------------------------------------------------------------------

    def _greeting_first(self) -> Block:
        return Block(self.word("greeting.first", days=self._promises.transcript_days))

    def _greeting_again(self) -> Block:
        return Block(self.word("greeting.again"), self._menu_buttons())

    def _affirm(self) -> Block:
        return Block(self.word("affirm"), self._menu_buttons())

    def _deny(self) -> Block:
        return Block(self.word("deny"), self._menu_buttons())

    def _started(self) -> Block:
        return Block(self.word("started"), self._menu_buttons())

    def _out_of_scope(self) -> Block:
        return Block(self.word("out_of_scope"), self._menu_buttons())

    def _menu(self) -> Block:
        return Block(self.word("menu"), self._menu_buttons())

    def _menu_group(self, group: str) -> Block:
        topics = [t for t in self._content.topics.values() if t.menu == group]
        buttons = tuple(Button(self._words.topics[t.name].title, f"intent:{t.name}") for t in topics)
        return Block(self.word("menu.group", group=self._words.groups[group]), buttons)

    def _menu_buttons(self) -> tuple[Button, ...]:
        groups = tuple(Button(self._words.groups[group], f"group:{group}") for group in self._content.groups)
        return (
            *groups,
            self.button("find", "intent:find_service"),
            self.button("talk_to_human", "intent:talk_to_human"),
        )

    def _privacy(self) -> Block:
        return Block(self.word("privacy", days=self._promises.transcript_days))

    def _not_helpful(self) -> Block:
        return Block(self.word("not_helpful"), self._rescue())

    def _trouble(self) -> Block:
        code = self._code or self._promises.default_country
        country = self._content.countries.get(code or "")
        emergency = country.lines.get("emergency") if country else None
        if emergency:
            return Block(self.word("trouble", emergency=emergency.number))
        return Block(self.word("trouble.no_number"))

    def _rest(self, text: str) -> Block:
        first, *others = text.split("\n")
        return Block(first, extras=tuple(others))

    def _quick_exit(self) -> Block:
        return Block(self.word("quick_exit"))

    # --- asking back -----------------------------------------------------------------------------------------

    def _ask_which_topic(self, intents: list[str] | None = None) -> Block:
        buttons = tuple(button for button in map(self._intent_button, intents or []) if button)
        if not buttons:
            return self._ask_again()
        rescue = (button for button in self._rescue() if button not in buttons)
        return Block(self.word("ask.which_topic"), (*buttons, *rescue))

    def _ask_again(self) -> Block:
        return Block(self.word("ask.again"), self._rescue())

    def _rescue(self) -> tuple[Button, ...]:
        return (self.button("show_menu", "intent:show_menu"), self.button("talk_to_human", "intent:talk_to_human"))

    def _intent_button(self, intent: str) -> Button | None:
        if intent in self._words.topics:
            return Button(self._words.topics[intent].title, f"intent:{intent}")
        known = {"find_service": "find", "talk_to_human": "talk_to_human", "more_results": "more_results"}
        return self.button(known[intent], f"intent:{intent}") if intent in known else None

    def _ask_country(self, again: bool = False) -> Block:
        buttons = (*self._countries("country:{}"), self.button("no_country", "country:none"))
        return Block(self.word("ask.country_again" if again else "ask.country"), buttons)

    def _ask_country_for(self, what: str) -> Block:
        """The country whose help lines somebody wants to hear, with a topic or with how to reach a person."""
        return Block(self.word("ask.country"), self._countries(f"in:{{}}:{what}"))

    def _countries(self, payload: str) -> tuple[Button, ...]:
        named = [Button(country_name(c, self._words.language), payload.format(c)) for c in self._content.countries]
        return tuple(sorted(named, key=lambda button: button.title))

    def _ask_country_again(self) -> Block:
        return self._ask_country(again=True)

    def _ask_service(self) -> Block:
        buttons = tuple(Button(self._words.services[kind], f"find:{kind}") for kind in _FIRST_SERVICES)
        return Block(self.word("ask.service"), buttons)

    def _ask_place(self) -> Block:
        return Block(self.word("ask.place"), ask_location=self._words.buttons["send_location"])

    def _ask_place_again(self, place: str) -> Block:
        text = self.word("ask.place_again", place=place[:60])
        return Block(text, ask_location=self._words.buttons["send_location"])

    def _ask_which_place(self, options: list[dict]) -> Block:
        buttons = tuple(
            Button(self.place_name(o["name"], o["country"]), f"place:{o['latitude']:.4f},{o['longitude']:.4f}")
            for o in options
        )
        return Block(self.word("ask.which_place"), buttons)

    def _ask_which_shown(self, options: list[dict]) -> Block:
        buttons = tuple(Button(o["name"], f"details:{o['number']}") for o in options)
        return Block(self.word("ask.which_place"), buttons)

    def _ask_erase(self) -> Block:
        buttons = (self.button("erase_yes", "intent:affirm"), self.button("erase_no", "intent:deny"))
        return Block(self.word("ask.erase"), buttons)

    # --- language --------------------------------------------------------------------------------------------

    def _language_changed(self) -> Block:
        return Block(self.word("language.changed"))

    def _language_closest(self) -> Block:
        return Block(self.word("language.closest"), self._language_buttons())

    def _language_unknown(self, language: str) -> Block:
        name = Locale.parse(self._words.language).languages.get(language, language)
        return Block(self.word("language.unknown", language=name), self._language_buttons())

    def _ask_language(self) -> Block:
        return Block(self.word("ask.language"), self._language_buttons())

    def _language_buttons(self) -> tuple[Button, ...]:
        return tuple(Button(about.name, f"lang:{code}") for code, about in self._content.languages.shipped.items())

    # --- answers ---------------------------------------------------------------------------------------------

    def _topic(self, topic: str) -> Block:
        about = self._content.topics.get(topic)
        if about is None:
            return self._ask_again()
        if about.review_by and about.review_by < date.today() and not about.urgent:
            return Block(self.word("withheld"), self._rescue())
        text = self._words.topics[topic]
        answer = text.sms if self.traits.segments else text.text
        buttons = tuple(button for button in map(self._next, about.next) if button)
        draft = text.draft or bool(about.facts and self._country and self._country.draft)
        extras = self._country_part(about)
        if about.lines and self._code is None and about.urgent:
            # Help first, then the question whose answer brings the numbers to call.
            if not about.facts:
                extras = (*extras, self.word("country.not_given"))
            # On SMS there may be room for one only: where the first step is a place to go to, that goes first.
            first = 1 if about.next[:1] and about.next[0].startswith("find:") else 0
            buttons = (*buttons[:first], self.button("numbers", f"numbers:{topic}"), *buttons[first:])
        return Block(answer, buttons, draft=draft, extras=extras)

    def _country_part(self, topic: Topic) -> tuple[str, ...]:
        parts = (self._facts(topic) if topic.facts else "", self._lines(topic.lines))
        # In danger the numbers to call go before what the country pays.
        return tuple(part for part in (reversed(parts) if topic.urgent else parts) if part)

    def _facts(self, topic: Topic) -> str:
        if self._code is None:
            return self.word("country.not_given")
        name = country_name(self._code, self._words.language)
        if self._country is None:
            return self.word("country.unknown", country=name)
        said = [self.word("country.heading", country=name)]
        for fact in topic.facts:
            known = self._country.facts.get(fact, UNKNOWN)
            phrase = self._words.facts[fact][known.value]
            said.append(self.fill(phrase, country=name, **known.details))
        return "\n".join(said)

    def _lines(self, kinds: tuple[str, ...]) -> str:
        country = self._country or self._content.countries.get(self._promises.default_country or "")
        found = [(kind, country.lines[kind]) for kind in kinds if kind in country.lines] if country else []
        if not found:
            return ""
        heading = self.word("lines.heading", country=country_name(country.code, self._words.language))
        said = [self.word(f"line.{kind}", number=line.number, name=line.name) for kind, line in found]
        return "\n".join([heading, *said])

    def _next(self, step: str) -> Button | None:
        if step.startswith("find:"):
            title = self._words.services[step[5:]]
            # The pin tells 'PrEP, where' from 'PrEP, what'; on SMS it would double the price of the message.
            marked = f"\U0001f4cd {title}"
            short = len(marked) > self.traits.title_limit or self.traits.segments
            return Button(title if short else marked, step)
        if step in ("talk_to_human", "show_menu"):
            return self.button(step, f"intent:{step}")
        return self._intent_button(step)

    # --- people ----------------------------------------------------------------------------------------------

    def _human(self) -> Block:
        if self._promises.operators_on_duty:
            return Block(self.word("human.queued"))
        reach = []
        if self._promises.human_contact:
            reach.append(self.word("human.contact", contact=self._promises.human_contact))
        lines = self._lines(("emergency", "suicide", "violence", "hiv"))
        if lines:
            reach.append(lines)
        buttons = (self.button("find", "intent:find_service"), self.button("show_menu", "intent:show_menu"))
        extras = [self.word("human.reach") + "\n" + "\n".join(reach)] if reach else []
        if not lines and self._code is None:
            # Nothing is invented: the numbers to call are those of the country.
            extras.append(self.word("country.not_given"))
            buttons = (self.button("numbers", "numbers:human"), *buttons)
        return Block(self.word("human.nobody"), buttons, extras=tuple(extras))

    # --- places ----------------------------------------------------------------------------------------------

    def _places(self, **found: Any) -> list[Block]:
        said = PlaceWords(self, self._words, self.traits).results(**found)
        return [Block(**block) for block in said]

    def _place(self, **found: Any) -> list[Block]:
        said = PlaceWords(self, self._words, self.traits).details(**found)
        return [Block(**block) for block in said]
