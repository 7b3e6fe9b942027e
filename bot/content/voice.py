"""Says things in one language, for one country and channel: a response key picks words from content/."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from babel import Locale
from babel.dates import format_datetime, get_timezone_location

from bot.content.answers import Answers
from bot.content.countries import country_name
from bot.content.direction import isolated
from bot.content.fit import Block, sentences
from bot.content.message_format import fill
from bot.content.places import PlaceWords
from bot.content.referrals import ReferralWords
from bot.content.texts import Edition
from bot.messages import Button, ChannelTraits
from nlu.contract import Response
from nlu.languages import Languages

_FIRST_SERVICES = ("hiv_test", "general", "prep", "condoms", "pregnancy", "mental_health", "legal", "social")
"""Kinds of place offered when somebody asks 'where' and no more; every other can be named."""


@dataclass(frozen=True)
class Promises:
    """Settings the words speak of, so that what is said cannot be untrue."""

    transcript_days: int = 7
    human_contact: str | None = None
    operators_on_duty: bool = False
    default_country: str | None = None
    person_days: int = 90
    confirm_url: str | None = None
    """Where services confirm a referral code."""


class Voice:
    """Says things in one language, for one country and channel."""

    def __init__(
        self,
        edition: Edition,
        languages: Languages,
        language: str,
        country: str | None,
        region: str | None,
        traits: ChannelTraits,
        promises: Promises,
        version: str = "",
        at: datetime | None = None,
    ) -> None:
        self._version = version
        self._at = at or datetime.now(UTC)
        self._edition = edition
        self._languages = languages
        self._words = edition.words[language]
        self.code = country
        self.country = edition.countries.get(country or "")
        self.region = region if self.country and region in self.country.regions else None
        self.traits = traits
        self.promises = promises
        self.runs_right_to_left = languages.shipped[language].direction == "rtl" and not traits.segments
        self._answers = Answers(self, edition, self._words)

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

    def sources_hint(self) -> str:
        """How to ask where an answer comes from."""
        return self.word("sources.hint", word=self._words.words["sources.word"])

    def button(self, key: str, payload: str, **values: Any) -> Button:
        return Button(fill(self._words.buttons[key], self._words.language, values), payload)

    def lines(self, kinds: tuple[str, ...], country: str | None = None) -> str:
        """Whom to call there; empty when nobody is known."""
        return self._answers.lines(kinds, country)

    def place_name(self, name: str, country: str | None) -> str:
        """A town with its country in this language; a sample town lies in none."""
        if not country or country == "XX":
            return name
        return f"{name}, {country_name(country, self._words.language)}"

    def say(self, response: Response) -> list[Block]:
        """The blocks of one response; an unknown key is a fault of ours and ends in the safe words, not in silence."""
        args = response.args
        if response.key.startswith("referral."):
            return [Block(**ReferralWords(self, self._words, self.traits).say(response.key, args))]
        method = getattr(self, "_" + response.key.replace(".", "_"), None)
        if method is not None:
            said = method(**args)
            return said if isinstance(said, list) else [said]
        if response.key in self._words.words:
            return [Block(self.word(response.key, **args))]
        return [self._trouble()]

    # --- talking ---------------------------------------------------------------------------------------------

    def _greeting_first(self) -> Block:
        return Block(self.word("greeting.first", days=self.promises.transcript_days))

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
        topics = [t for t in self._edition.topics.values() if t.menu == group]
        buttons = tuple(Button(self._words.topics[t.name].title, f"intent:{t.name}") for t in topics)
        return Block(self.word("menu.group", group=self._words.groups[group]), buttons)

    def _menu_buttons(self) -> tuple[Button, ...]:
        groups = tuple(Button(self._words.groups[group], f"group:{group}") for group in self._edition.groups)
        return (
            *groups,
            self.button("find", "intent:find_service"),
            self.button("talk_to_human", "intent:talk_to_human"),
        )

    def _about(self) -> Block:
        return Block(self.word("about"), extras=(self.sources_hint(),))

    def _privacy(self) -> Block:
        kept = {"days": self.promises.transcript_days, "person_days": self.promises.person_days}
        learning = self._privacy_learning()
        return Block(self.word("privacy", **kept), learning.buttons, extras=(learning.text,))

    def _privacy_learning(self) -> Block:
        word = self._words.words["learning.off.word"]
        return Block(self.word("privacy.learning", word=word), (self.button("learning_off", "learn:off"),))

    def _learning_off(self) -> Block:
        return Block(self.word("learning.off"), (self.button("learning_on", "learn:on"),))

    def thumbs(self, topic: str) -> tuple[Button, ...]:
        """Whether an answer helped, where a channel has room to ask."""
        if not self._version:
            return ()
        return (
            self.button("helpful", f"rate:up:{topic}:{self._version}"),
            self.button("not_helpful", f"rate:down:{topic}:{self._version}"),
        )

    def _not_helpful(self) -> Block:
        return Block(self.word("not_helpful"), self.rescue())

    def _trouble(self) -> Block:
        code = self.code or self.promises.default_country
        country = self._edition.countries.get(code or "")
        emergency = country.lines.get("emergency") if country else None
        if not emergency:
            return Block(self.word("trouble.no_number"), whole=True)
        said = self.word("trouble", emergency=emergency.number)
        if self.traits.segments:
            # The number may be all that arrives, or all that is read: its sentence goes first.
            said = " ".join(sorted(sentences(said), key=lambda sentence: emergency.number not in sentence))
        return Block(said, whole=True)

    def _rest(self, text: str) -> Block:
        first, *others = text.split("\n")
        return Block(first, extras=tuple(others))

    def _quick_exit(self) -> Block:
        return Block(self.word("quick_exit"))

    def _help(self) -> Block:
        """To the word HELP: somebody in danger may send just that, so the number to call comes first."""
        emergency = self._answers.emergency()
        contact = self.promises.human_contact
        extras = [self.word("human.contact", contact=contact)] if contact else []
        if emergency:
            return Block(emergency, self._menu_buttons(), extras=(self.word("help"), *extras), whole=True)
        # Nothing is invented: the numbers to call are those of the country.
        extras.append(self.word("country.not_given"))
        buttons = (self.button("numbers", "numbers:human"), *self._menu_buttons())
        return Block(self.word("help"), buttons, extras=tuple(extras), whole=True)

    def _nothing(self) -> list[Block]:
        """Words are not needed, only what goes with them."""
        return []

    # --- asking back -----------------------------------------------------------------------------------------

    def _ask_which_topic(self, intents: list[str] | None = None) -> Block:
        buttons = tuple(button for button in map(self.intent_button, intents or []) if button)
        if not buttons:
            return self.ask_again()
        rescue = (button for button in self.rescue() if button not in buttons)
        return Block(self.word("ask.which_topic"), (*buttons, *rescue))

    def _ask_again(self) -> Block:
        return self.ask_again()

    def ask_again(self) -> Block:
        """That nothing was understood, and the ways to be."""
        return Block(self.word("ask.again"), self.rescue())

    def rescue(self) -> tuple[Button, ...]:
        return (self.button("show_menu", "intent:show_menu"), self.button("talk_to_human", "intent:talk_to_human"))

    def intent_button(self, intent: str) -> Button | None:
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
        named = [Button(country_name(c, self._words.language), payload.format(c)) for c in self._edition.countries]
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
        return tuple(Button(about.name, f"lang:{code}") for code, about in self._languages.shipped.items())

    # --- answers ---------------------------------------------------------------------------------------------

    def _topic(self, topic: str) -> Block:
        return self._answers.topic(topic)

    def _sources(self, topic: str) -> Block:
        return self._answers.sources(topic)

    # --- people ----------------------------------------------------------------------------------------------

    def _human(self) -> Block:
        text, reach = self.word("human.nobody"), []
        if self.promises.operators_on_duty:
            shift = self._edition.team.shift(self._words.language, self._at)
            if shift.there:
                return Block(self.word("human.queued"))
            if shift.next:
                text += " " + self._back(shift.next)
        if self.promises.human_contact:
            reach.append(self.word("human.contact", contact=self.promises.human_contact))
        lines = self._answers.lines(("emergency", "suicide", "violence", "hiv"))
        if lines:
            reach.append(lines)
        buttons = (self.button("find", "intent:find_service"), self.button("show_menu", "intent:show_menu"))
        extras = [self.word("human.reach") + "\n" + "\n".join(reach)] if reach else []
        if not lines and self.code is None:
            # Nothing is invented: the numbers to call are those of the country.
            extras.append(self.word("country.not_given"))
            buttons = (self.button("numbers", "numbers:human"), *buttons)
        # Also what follows a crisis answer: whoever chose a human must not have to ask for the numbers again.
        return Block(text, buttons, extras=tuple(extras), whole=True)

    def _back(self, moment: datetime) -> str:
        """When somebody of the team is there again, by the team's clock, and that they know of the person."""
        soon = moment - self._at < timedelta(days=6)
        when = format_datetime(
            moment, "EEEE HH:mm" if soon else "EEEE d MMMM HH:mm", locale=self._words.language, tzinfo=moment.tzinfo
        )
        zone = self._edition.team.zone
        city = get_timezone_location(zone, locale=self._words.language, return_city=True)
        return self.word("human.back", when=when, city=city)

    def refused(self) -> Block:
        """The answer to somebody who was turned away."""
        return self._answers.topic("refused_care")

    # --- places ----------------------------------------------------------------------------------------------

    def _places(self, **found: Any) -> list[Block]:
        said = PlaceWords(self, self._words, self.traits).results(**found)
        return [Block(**block) for block in said]

    def _place(self, **found: Any) -> list[Block]:
        said = PlaceWords(self, self._words, self.traits).details(**found)
        return [Block(**block) for block in said]
