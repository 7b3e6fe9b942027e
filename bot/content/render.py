"""Turns response keys into messages: language x country x channel.

Nothing is composed here that is not in content/: a key picks words, a country picks phrases, a channel decides how
choices look. What is not known is said to be unknown.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from bot.content.direction import right_to_left
from bot.content.fit import OwnWords, fit
from bot.content.load import Reader
from bot.content.texts import UNKNOWN, Country, Edition, Topic, Words
from bot.content.voice import Promises, Voice
from bot.messages import Button, ChannelTraits, Outbound
from nlu.contract import Response
from nlu.languages import Languages


@dataclass(frozen=True)
class Rendering:
    """Messages ready for the channel, the choices they offer in order, whether the draft note was said, and what is left
    to read on a channel where length is paid for."""

    messages: tuple[Outbound, ...]
    choices: tuple[Button, ...]
    draft_noted: bool
    rest: str = ""


class Content:
    """All answers in all languages. Loading raises ContentError; rendering never fails for a key the checker knows."""

    def __init__(self, folder: Path, languages: Languages, promises: Promises = Promises()) -> None:
        self.languages = languages
        self._folder = folder
        self._promises = promises
        self.edition = self.read()
        self._version: str | None = None

    def read(self) -> Edition:
        """What the files say now, without using it yet. Raises ContentError."""
        return Reader(self._folder, list(self.languages.shipped)).read()

    def adopt(self, edition: Edition) -> None:
        """Say what this edition says from now on."""
        self.edition = edition
        self._version = None

    @property
    def version(self) -> str:
        """What tells this edition of all words from every other: 12 hexadecimal digits of their digest."""
        if self._version is None:
            self._version = hashlib.sha256(repr(self.edition).encode()).hexdigest()[:12]
        return self._version

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
        region: str | None = None,
        traits: ChannelTraits,
        draft_noted: bool = True,
        guess: str | None = None,
        at: datetime | None = None,
    ) -> Rendering:
        """The messages for these responses. Only the last one keeps its choices: older buttons mislead.

        `country` and `region` are ISO 3166 codes of where the person is; a region that is not known counts for nothing.
        `guess` is the country of their number: whose help lines are told where nothing better is known, by its name.
        `at`: another moment than now.
        """
        promises = self._promises
        if guess and promises.default_country is None:
            promises = replace(promises, default_country=guess)
        voice = Voice(self.edition, self.languages, language, country, region, traits, promises, self.version, at)
        blocks = [block for response in responses for block in voice.say(response)]
        if any(block.draft for block in blocks) and not draft_noted:
            blocks[-1] = replace(blocks[-1], note=f"{voice.word('draft_note')} {voice.sources_hint()}")
            draft_noted = True
        messages: list[Outbound] = []
        choices: tuple[Button, ...] = ()
        rest = ""
        for position, block in enumerate(blocks):
            final = position == len(blocks) - 1
            if not final:
                block = replace(block, buttons=(), aside=())
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
        return self._typed_words("read_on.word")

    def sources_words(self) -> set[str]:
        """What people write to see where an answer comes from, in every language."""
        return self._typed_words("sources.word")

    def code_words(self) -> set[str]:
        """What people write to see their referral codes, in every language."""
        return self._typed_words("referral.word")

    def yes_words(self) -> set[str]:
        """What a yes to a question of ours can be typed as, in every language."""
        return {words.buttons[key] for words in self.edition.words.values() for key in ("yes", "erase_yes")}

    def unlearn_words(self) -> set[str]:
        """What people write when they do not want to be learnt from, in every language."""
        return self._typed_words("learning.off.word")

    def unknown_facts(
        self, responses: list[Response], country: str | None, region: str | None = None
    ) -> tuple[str, ...]:
        """What these answers should say about a country and cannot; ('*',) when nothing is known of it."""
        asked = [
            fact
            for response in responses
            if response.key == "topic" and response.args.get("topic") in self.topics
            for fact in self.topics[response.args["topic"]].facts
        ]
        if not asked or country is None:
            return ()
        if country not in self.countries:
            return ("*",)
        known = self.countries[country].facts_in(region)
        return tuple(dict.fromkeys(fact for fact in asked if known.get(fact, UNKNOWN).value == UNKNOWN.value))

    def _typed_words(self, key: str) -> set[str]:
        return {words.words[key] for words in self.edition.words.values()}
