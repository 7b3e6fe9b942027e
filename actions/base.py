"""Rasa's action protocol, seen from the side that answers: what a custom action is told, and what it may return."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Told:
    """The part of Rasa's request that actions read: the last message and the slots."""

    action: str
    text: str
    intent: str
    confidence: float
    slots: dict[str, Any]
    entities: tuple[tuple[str, str], ...] = ()

    def values(self, entity: str) -> list[str]:
        """What the last message says of an entity."""
        return [value for name, value in self.entities if name == entity]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Told:
        """Read a request of the action protocol; raises KeyError naming the field that is missing."""
        tracker = data["tracker"]
        message = tracker["latest_message"]
        intent = message.get("intent") or {}
        return cls(
            action=data["next_action"],
            text=message.get("text") or "",
            intent=intent.get("name") or "",
            confidence=float(intent.get("confidence") or 0.0),
            slots=tracker["slots"],
            entities=tuple((one["entity"], str(one["value"])) for one in message.get("entities") or ()),
        )


@dataclass
class Result:
    """Events for the tracker and responses as content keys."""

    events: list[dict[str, Any]] = field(default_factory=list)
    responses: list[dict[str, Any]] = field(default_factory=list)

    def set(self, slot: str, value: Any) -> Result:
        """Set a slot."""
        self.events.append({"event": "slot", "name": slot, "value": value})
        return self

    def say(self, key: str, effect: str | None = None, **args: Any) -> Result:
        """Say a key of content/; `effect` is something the assistant must also do."""
        self.responses.append({"custom": {"key": key, "args": args, "effect": effect}})
        return self

    def leave_form(self, form: str) -> Result:
        """End a form because the person went on to something else; that is then answered instead."""
        self.events += [
            {"event": "action_execution_rejected", "name": form, "policy": None, "confidence": None},
            {"event": "active_loop", "name": None},
        ]
        return self.set("requested_slot", None)

    def to_json(self) -> dict[str, Any]:
        return {"events": self.events, "responses": self.responses}


class Action(Protocol):
    """One custom action of stories/domain.yml."""

    name: str

    async def run(self, told: Told) -> Result:
        """Decide; reads whatever it was given at construction, writes nothing."""
