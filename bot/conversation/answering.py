"""What a message is answered with, in the order in which things are looked at. Nothing is written here.

Danger first, then the words that always work, then what the person was asked, then the engine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog

from bot.content.render import Content
from bot.conversation import choices, feedback
from bot.conversation.engine import EngineClient, EngineDown, EngineRefused
from bot.conversation.feedback import Rating
from bot.conversation.figures import Figures
from bot.conversation.inbox import read_location
from bot.conversation.leases import Held
from bot.conversation.pace import judge
from bot.conversation.referring import Deed, Referring
from bot.conversation.state import State
from bot.db import now
from bot.safety.screen import Screen
from nlu.contract import Command, Hints, Response, TurnReply, TurnRequest

log = structlog.get_logger("farol.answering")

_SAID = ("say:group.refused", "say:lost")
"""What our own doors ask to be said, and no engine is needed for."""


@dataclass(frozen=True)
class Answer:
    """What a message leads to: words to say, what else must happen, and what to remember."""

    responses: list[Response]
    state: State
    language: str
    parse: dict | None = None
    crisis: str | None = None
    despite_stop: bool = False
    """Said even to somebody who wants no messages: it answers what they have just written and must always work."""
    despite_pause: bool = False
    """Said even while a person of the team answers in the program's place; so is all that is said despite a stop."""
    deed: Deed | None = None
    """What must be written because of a referral."""
    rated: Rating | None = None
    """What the person said of an answer, where that counts."""
    calling: str | None = None
    """The country of the number that wrote: a guess at whose help lines to name."""


class Answering:
    """Decides what is said, what else must happen, and what is remembered."""

    def __init__(
        self,
        screen: Screen,
        engine: EngineClient,
        content: Content,
        referring: Referring,
        figures: Figures,
        daily_limit: int | None,
    ) -> None:
        self._screen = screen
        self._engine = engine
        self._content = content
        self._referring = referring
        self._figures = figures
        self._daily_limit = daily_limit

    async def of(self, held: Held, body: dict, request_id: str = "") -> Answer:
        """The answer to a message, `body` as the inbox keeps it with the moment `at` (s) it came. `request_id`: for the log."""
        text = body["text"]
        arrived = body.get("at") or now().timestamp()
        verdict = "answer"
        if self._daily_limit is not None:
            pressed = bool(body.get("payload"))
            pace, verdict = judge(held.state.pace, text, arrived, self._daily_limit, pressed=pressed)
            held = replace(held, state=replace(held.state, pace=pace))
        state = held.state
        language = state.language or self._content.language_for(body.get("language_hint"))
        crisis = self._screen.crisis(text, first=language) if text else None
        if crisis:
            # Before everything else, in every state, without the engine.
            said = [Response("topic", {"topic": crisis.name})]
            effect = "hand_off_urgent" if crisis.name != "pep_urgent" else None
            spoken = language if state.language else crisis.language
            remembered = replace(state, language=spoken, greeted=True, choices=())
            return Answer([replace(said[0], effect=effect)], remembered, spoken, crisis=crisis.name, despite_stop=True)
        word = self._screen.word(text, first=language) if text else None
        if word and word.name in ("stop", "start", "quick_exit", "help"):
            key, effect = {
                "stop": ("stopped", "opt_out"),
                "start": ("started", "opt_in"),
                "quick_exit": ("quick_exit", "quick_exit"),
                "help": ("help", None),
            }[word.name]
            spoken = state.language or word.language
            remembered = replace(state, language=spoken, greeted=True, erase_asked=False)
            if word.name == "quick_exit":
                # Whoever looks at the phone next finds no thread to pick up.
                remembered = replace(remembered, rest="", topic=None, shown=None, to_ask=None, asked=())
            return Answer([Response(key, effect=effect)], remembered, spoken, despite_stop=True)
        if verdict != "answer":
            log.info("not answered", conversation=held.conversation_id, why=verdict)
            return Answer([Response("daily_limit")] if verdict == "limit" else [], state, language)
        if state.erase_asked:
            return self._erase_or_keep(state, body, language)
        teach = self._teaching(body)
        if teach is not None:
            said = Response("learning.on", effect="learn") if teach else Response("learning.off", effect="do_not_learn")
            return Answer([said], replace(state, language=language), language, despite_stop=True)
        if held.stopped:
            if word and word.name == "erase":
                return self._ask_erase(state, state.language or word.language)
            return Answer([], state, language)
        erasing = (word is not None and word.name == "erase") or state.asks_to_erase
        if held.paused and not erasing:
            # Buttons offered before the team came in mean nothing in what is talked about now.
            return Answer([], replace(state, choices=(), rest=""), language)
        if body.get("media") and not text:
            return Answer([Response("media")], replace(state, language=language), language)
        if body.get("payload") in _SAID:
            return Answer([Response(body["payload"].removeprefix("say:"))], state, language)
        if state.rest and choices.is_one_of(text, self._content.read_on_words()):
            return Answer([Response("rest", {"text": state.rest})], state, language)
        if state.topic and choices.is_one_of(text, self._content.sources_words()):
            return Answer([Response("sources", {"topic": state.topic})], state, language)
        picked = None if body.get("payload") else choices.chosen(text, state.choices)
        payload = body.get("payload") or (picked.payload if picked else None)
        rating = feedback.pressed(payload)
        if rating:
            return self._rated(state, rating, language)
        referral = await self._referring.turn(held, payload, text, language)
        deed = referral.deed if referral else None
        if referral and referral.responses:
            return Answer(referral.responses, referral.state, language, deed=deed)
        if referral:
            held, state, payload = replace(held, state=referral.state), referral.state, referral.payload
        group = choices.menu_group(payload or "")
        if group in self._content.groups:
            return Answer([Response("menu.group", {"group": group})], state, language)
        wanted = choices.asked_where(payload or "")
        if wanted in self._content.topics or wanted == "human":
            return Answer([Response("ask.country_for", {"what": wanted})], state, language)
        if word and not state.language:
            language = word.language
        request = self._request(held, body, payload, word is not None and word.name == "erase", language)
        answer = await self._ask(held, request, body, language, request_id)
        if word and word.name == "erase" and [response.key for response in answer.responses] == ["trouble"]:
            # The engine is down: this is promised to work all the same.
            return self._ask_erase(state, language)
        again = choices.said_in_country(payload or "")
        if again and answer.parse:
            what, region = again
            said = Response("human") if what == "human" else Response("topic", {"topic": what})
            answer = replace(answer, responses=[said], state=replace(answer.state, region=region))
        said, state = await self._referring.with_question(held, answer.responses, answer.state)
        return replace(answer, responses=said, state=state, deed=deed, despite_pause=held.paused and erasing)

    def _teaching(self, body: dict) -> bool | None:
        """Whether the person says that they may be learnt from, or may not; None for anything else."""
        if body.get("payload") in ("learn:on", "learn:off"):
            return body["payload"] == "learn:on"
        return False if choices.is_one_of(body["text"], self._content.unlearn_words()) else None

    def _rated(self, state: State, rating: Rating, language: str) -> Answer:
        """A thumb. One pressed again, or under an answer nobody remembers, is thanked for and not counted."""
        counts = rating if feedback.counts(state, rating) else None
        return Answer([Response("rated" if rating.up else "not_helpful")], state, language, rated=counts)

    def _ask_erase(self, state: State, language: str) -> Answer:
        remembered = replace(state, language=language, greeted=True, erase_asked=True)
        return Answer([Response("ask.erase")], remembered, language, despite_stop=True)

    def _erase_or_keep(self, state: State, body: dict, language: str) -> Answer:
        """Only a clear yes erases; whatever else was said, nothing is."""
        picked = None if body.get("payload") else choices.chosen(body["text"], state.choices)
        payload = body.get("payload") or (picked.payload if picked else None)
        yes = payload == "intent:affirm" or choices.is_one_of(body["text"], self._content.yes_words())
        said = Response("erased", effect="erase") if yes else Response("kept")
        return Answer([said], replace(state, erase_asked=False), language, despite_stop=True)

    def _request(self, held: Held, body: dict, payload: str | None, erase: bool, language: str) -> TurnRequest:
        state, text, command = held.state, body["text"], None
        location = read_location(body)
        if payload:
            read = choices.command(payload)
            command, text = read if read else (None, text)
        elif location:
            command, text = choices.pin(location)
        elif erase:
            command = Command("delete_my_data")
        known = state.language or body.get("language_hint") or command
        hints = Hints(chosen=state.chosen, earlier=language if known else None)
        return TurnRequest(held.conversation_id, text, state.events, hints, command, held.channel)

    async def _ask(self, held: Held, request: TurnRequest, body: dict, language: str, request_id: str) -> Answer:
        state = held.state
        try:
            try:
                reply = await self._engine.turn(request, request_id)
            except EngineRefused:
                # Events written by an older model: better to forget the thread than the person.
                log.warning("engine refused, starting afresh")
                reply = await self._engine.turn(replace(request, events=[], command=None), request_id)
        except (EngineDown, EngineRefused) as error:
            log.error("engine down", error=str(error))
            self._figures.trouble()
            # A person in need still gets an answer: safe words, a number to call, and somebody of the team is told.
            return Answer([Response("trouble", effect="hand_off")], state, language)
        responses = self._with_notes(reply, body, state)
        country = reply.country if reply.country != "none" else None
        remembered = replace(
            state,
            events=reply.events,
            language=reply.language,
            chosen=reply.chosen_language,
            country=country,
            region=state.region if country == state.country else None,
            greeted=True,
        )
        rated = feedback.said(state, reply.parse)
        return Answer(responses, remembered, reply.language, {**reply.parse, "detected": reply.detected}, rated=rated)

    def _with_notes(self, reply: TurnReply, body: dict, state: State) -> list[Response]:
        """The engine's responses and what must be said around them, once or at first contact."""
        said = list(reply.responses) or [Response("trouble")]
        if body.get("cut"):
            said.append(Response("too_long"))
        if (
            reply.detected != reply.language
            and not state.chosen
            and reply.parse.get("intent", {}).get("name") != "change_language"
        ):
            said.append(Response("language.closest"))
        if not state.greeted:
            # A bare hello is answered by the greeting alone; a question gets the greeting and its answer.
            if [response.key for response in said] in (["greeting.again"], ["menu"]):
                said = [Response("greeting.first"), Response("menu")]
            elif not self._content.urgent(said):
                said = [Response("greeting.first"), *said]
        return said
