"""What the assistant and the engine say to each other over HTTP: the only module both import.

Standard library only, and valid on Python 3.10 and later, because each side runs its own environment.

    POST /turn   TurnRequest  -> TurnReply
    POST /parse  {"texts": [...], "language": "auto"|"xx"} -> {"parses": [...]}
    GET  /health -> {"status": "ok", "languages": [...], ...}

A request looks like this:

    {"sender": "5f0c…", "text": "where can I test", "events": [], "hints": {"chosen": null, "earlier": "en"},
     "command": null, "location": null, "channel": "sms"}

and its reply:

    {"language": "en", "language_confidence": 0.98, "detected": "en",
     "parse": {"text": "…", "intent": {"name": "find_service", "confidence": 0.9}, "entities": [], "intent_ranking": []},
     "decision": "answer", "events": [...], "responses": [{"key": "ask.place", "args": {}, "effect": null}]}
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

TEXT_LIMIT = 4096
"""Characters of a message that reach the engine; the assistant caps first, the engine caps again."""

EVENTS_LIMIT = 400
"""Tracker events the engine accepts; what it returns is always far below."""

DANGERS = ("crisis_suicide", "violence", "trafficking", "medical_emergency", "pep_urgent")
"""The intents that mean somebody may be in danger."""

FALLBACK_INTENT = "nlu_fallback"
"""Rasa's own name for 'not understood'; dialogue rules ask back on it."""


class ContractError(ValueError):
    """A request or reply that does not keep to the contract; the message names the field."""


@dataclass(frozen=True)
class Hints:
    """What is already known about the language: the person's own choice, and the language last written in."""

    chosen: str | None = None
    earlier: str | None = None


@dataclass(frozen=True)
class Command:
    """A button of ours that was pressed, instead of a text: an intent and entities, checked against the domain."""

    intent: str
    entities: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TurnRequest:
    """One message of one conversation. `events` is what the last reply returned, unchanged ([] at first)."""

    sender: str
    text: str
    events: list[dict[str, Any]] = field(default_factory=list)
    hints: Hints = field(default_factory=Hints)
    command: Command | None = None
    channel: str = "web"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> TurnRequest:
        """Build from parsed JSON; raises ContractError naming the first field that is wrong."""
        data = _object("request", data)
        hints = _object("hints", {} if data.get("hints") is None else data["hints"])
        command = data.get("command")
        events = [] if data.get("events") is None else data["events"]
        if not isinstance(events, list) or len(events) > EVENTS_LIMIT:
            raise ContractError(f"events: expected a list of at most {EVENTS_LIMIT} tracker events")
        if not all(isinstance(event, dict) and isinstance(event.get("event"), str) for event in events):
            raise ContractError("events: each must be an object with the string field 'event'")
        return cls(
            sender=_text("sender", data.get("sender"), required=True),
            text=_text("text", data.get("text")),
            events=events,
            hints=Hints(
                chosen=_optional("hints.chosen", hints.get("chosen")),
                earlier=_optional("hints.earlier", hints.get("earlier")),
            ),
            command=None if command is None else _command(command),
            channel=_text("channel", data.get("channel", "web"), required=True),
        )


@dataclass(frozen=True)
class Response:
    """Something to say, as a key into content/ with arguments; never text. `effect` names what must also happen."""

    key: str
    args: dict[str, Any] = field(default_factory=dict)
    effect: str | None = None


@dataclass(frozen=True)
class TurnReply:
    """What the engine made of a turn. `language` is the one to answer in; `detected` the one it was written in."""

    language: str
    language_confidence: float
    detected: str
    parse: dict[str, Any]
    decision: str
    events: list[dict[str, Any]]
    responses: list[Response]
    country: str | None = None
    chosen_language: str | None = None

    def to_json(self) -> dict[str, Any]:
        # Not asdict, which copies every event of the tracker.
        return {**vars(self), "responses": [vars(response) for response in self.responses]}

    @classmethod
    def from_json(cls, data: Any) -> TurnReply:
        """Build from parsed JSON; raises ContractError naming the first field that is wrong."""
        data = _object("reply", data)
        responses = data.get("responses")
        if not isinstance(responses, list):
            raise ContractError("responses: expected a list")
        if not isinstance(data.get("events"), list):
            raise ContractError("events: expected a list")
        return cls(
            language=_text("language", data.get("language"), required=True),
            language_confidence=float(data.get("language_confidence") or 0.0),
            detected=_text("detected", data.get("detected") or data.get("language"), required=True),
            parse=_object("parse", data.get("parse")),
            decision=_text("decision", data.get("decision"), required=True),
            events=data["events"],
            responses=[
                Response(
                    key=_text("responses.key", item.get("key"), required=True),
                    args=_object("responses.args", item.get("args") or {}),
                    effect=_optional("responses.effect", item.get("effect")),
                )
                for item in (_object("responses", item) for item in responses)
            ],
            country=_optional("country", data.get("country")),
            chosen_language=_optional("chosen_language", data.get("chosen_language")),
        )


def _object(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ContractError(f"{name}: expected an object")
    return value


def _text(name: str, value: Any, required: bool = False) -> str:
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value.strip()):
        raise ContractError(f"{name}: expected a{' non-empty' if required else ''} string")
    return value


def _optional(name: str, value: Any) -> str | None:
    return None if value is None else _text(name, value, required=True)


def _command(value: Any) -> Command:
    value = _object("command", value)
    entities = _object("command.entities", {} if value.get("entities") is None else value["entities"])
    return Command(
        intent=_text("command.intent", value.get("intent"), required=True),
        entities={name: _text(f"command.entities.{name}", text, required=True) for name, text in entities.items()},
    )
