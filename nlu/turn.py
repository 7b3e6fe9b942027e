"""One turn: a request of the contract in, its reply out. No state, no clock, no files."""

from __future__ import annotations

from typing import Any

from nlu.contract import FALLBACK_INTENT, Command, ContractError, Hints, Response, TurnReply, TurnRequest
from nlu.dialogue import Dialogue, window
from nlu.language import Guess, LanguageIdentifier
from nlu.languages import Languages
from nlu.parsers import Parser
from nlu.text import clean, fold
from nlu.zero_shot import ZeroShotParser

UNFAMILIAR = 0.1
"""Share of words and pieces of words ever seen below which a text is answered only by one who is SURE: the sentence
encoder finds a meaning in anything, letters struck at random too."""
SURE = 0.9

_ONE_LETTER = ("affirm", "deny")
"""What people do say with one letter: 'y', 'k', 'n'."""

_TOPICS_OFFERED = 3
_NOT_OFFERED = {"out_of_scope", "affirm", "deny", "greet", "thank", "goodbye", "not_helpful"}


class Engine:
    """Everything a turn needs, loaded once and never changed."""

    def __init__(
        self,
        languages: Languages,
        identifier: LanguageIdentifier,
        parsers: dict[str, Parser],
        foreign: ZeroShotParser,
        dialogue: Dialogue,
    ) -> None:
        self.languages = languages
        self._identifier = identifier
        self._parsers = parsers
        self._foreign = foreign
        self._dialogue = dialogue
        self._names = {fold(language.name): code for code, language in languages.shipped.items()}

    def parse(self, text: str, language: str | None = None, request: TurnRequest | None = None) -> dict[str, Any]:
        """Language and NLU of one text, without any dialogue. `language` None identifies it."""
        text = clean(text)
        guess = Guess(language, 1.0, language) if language else self._identify(text, request)
        parser = self._parsers.get(guess.detected, self._foreign)
        parse = parser.parse(text)
        if parse["familiarity"] < UNFAMILIAR and not language:
            # Letters of no language we know say nothing about which to ask back in.
            known = self._known(request)
            guess = Guess(known, 0.0, known)
        return {
            **parse,
            "language": guess.language,
            "language_confidence": round(guess.confidence, 4),
            "detected": guess.detected,
            "decision": _decide(parse, parser),
        }

    async def turn(self, request: TurnRequest) -> TurnReply:
        """Understand, decide, answer. Raises ContractError for a command or events that cannot be."""
        if request.command:
            known = self._known(request)
            parsed = {**self._pressed(request.command, request.text), "decision": "command"}
            guess = Guess(known, 1.0, known)
        else:
            parsed = self.parse(request.text, request=request)
            guess = Guess(parsed["language"], parsed["language_confidence"], parsed["detected"])
        heard = _heard(parsed)
        try:
            tracker, responses = await self._dialogue.turn(request.sender, request.events, heard)
        except (KeyError, TypeError, ValueError) as error:
            raise ContractError(f"events: not a tracker this engine wrote ({type(error).__name__})") from error
        language, chosen = self._answer_in(request, guess, responses)
        return TurnReply(
            language=language,
            language_confidence=guess.confidence,
            detected=guess.detected,
            parse=parsed,
            decision=parsed["decision"],
            events=window(tracker),
            responses=[_with_topics(response, parsed) for response in responses],
            country=_country(tracker.get_slot("country")),
            chosen_language=chosen,
        )

    def _identify(self, text: str, request: TurnRequest | None) -> Guess:
        named = self._names.get(fold(text).strip(" .!?"))
        if named:
            return Guess(named, 1.0, named)
        return self._identifier.identify(text, request.hints) if request else self._identifier.identify(text)

    def _known(self, request: TurnRequest | None) -> str:
        """The language a person is known to read, before the message says anything."""
        hints = request.hints if request else Hints()
        return self.languages.nearest(hints.chosen or hints.earlier or self.languages.default)

    def _pressed(self, command: Command, text: str) -> dict[str, Any]:
        if command.intent not in self._dialogue.domain.intents:
            raise ContractError(f"command.intent: '{command.intent}' is not an intent")
        unknown = set(command.entities) - set(self._dialogue.domain.entities)
        if unknown:
            raise ContractError(f"command.entities: '{sorted(unknown)[0]}' is not an entity")
        entities = [{"entity": name, "value": value} for name, value in command.entities.items()]
        intent = {"name": command.intent, "confidence": 1.0}
        return {"text": clean(text), "intent": intent, "intent_ranking": [intent], "entities": entities}

    def _answer_in(self, request: TurnRequest, guess: Guess, responses: list[Response]) -> tuple[str, str | None]:
        """The language of the reply, and the person's choice if this turn made one."""
        for response in responses:
            kind, _, wanted = (response.effect or "").partition(":")
            if kind == "language" and wanted in self.languages.shipped:
                return wanted, wanted
        return guess.language, request.hints.chosen


def _decide(parse: dict[str, Any], parser: Parser | ZeroShotParser) -> str:
    """'danger', 'answer' or 'ask_back'; a danger goes before what is likelier."""
    if parse["danger"]:
        return "danger"
    if _says_little(parse["text"]) and parse["intent"]["name"] not in _ONE_LETTER:
        return "ask_back"
    unknown = parse["strange"] or parse["familiarity"] < UNFAMILIAR
    accept = max(parser.accept, SURE) if unknown else parser.accept
    return "answer" if parse["intent"]["confidence"] >= accept else "ask_back"


def _says_little(text: str) -> bool:
    """Digits, or a single letter: whatever training saw beside it, nobody asks for an answer so."""
    written = [letter for letter in text if letter.isalnum()]
    return bool(written) and sum(map(str.isalpha, written)) < 2


def _heard(parsed: dict[str, Any]) -> dict[str, Any]:
    """The parse as the dialogue is told of it: danger before the likeliest, nothing at all when in doubt."""
    intent = parsed["intent"]
    if parsed["decision"] == "danger":
        intent = {"name": parsed["danger"], "confidence": 1.0}
    elif parsed["decision"] == "ask_back":
        intent = {"name": FALLBACK_INTENT, "confidence": 1.0}
    return {
        "text": parsed["text"],
        "intent": intent,
        "intent_ranking": parsed["intent_ranking"],
        "entities": parsed["entities"],
    }


def _country(slot: Any) -> str | None:
    """The country remembered; two named at once are none."""
    return slot if isinstance(slot, str) else None


def _with_topics(response: Response, parsed: dict[str, Any]) -> Response:
    """'Do you mean…' is told what might be meant."""
    if response.key != "ask.which_topic":
        return response
    likely = [item["name"] for item in parsed["intent_ranking"] if item["name"] not in _NOT_OFFERED]
    return Response(response.key, {**response.args, "intents": likely[:_TOPICS_OFFERED]}, response.effect)
