"""The dialogue model as a pure function: earlier events and a parsed message in, new events and responses out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, List, Optional

from rasa.core.actions.action import Action
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.lock_store import InMemoryLockStore
from rasa.core.nlg import TemplatedNaturalLanguageGenerator
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.processor import MessageProcessor
from rasa.core.tracker_store import InMemoryTrackerStore
from rasa.shared.core.events import ActionExecutionRejected, Event, SlotSet
from rasa.utils.endpoints import EndpointConfig

from nlu.contract import Response
from nlu.runner import load_model
from nlu.tracker import Tracker

WINDOW = 3
"""Messages of a person that stay in the tracker: as many as the longest story has. Every event costs time in every
policy: replaying a whole tracker takes 33 ms at turn 100 and 407 ms at 800."""

_FIELDS = {
    "user": (),
    "action": ("name", "policy", "confidence"),
    "slot": ("name", "value"),
    "active_loop": ("name",),
    "action_execution_rejected": ("name", "policy", "confidence"),
    "loop_interrupted": ("is_interrupted",),
}
"""Kinds of events that are sent with the next turn, with the fields of each that the policies read."""

_CLASSES = {kind: Event.resolve_by_type(kind) for kind in _FIELDS}


class _Processor(MessageProcessor):
    """Rasa's processor, with a tracker that is handed in instead of looked up, and without dask."""

    @staticmethod
    def _load_model(model_path: Any) -> Any:
        return Path(model_path).name, *load_model(Path(model_path))

    async def run(self, tracker: Tracker, message: UserMessage) -> None:
        await self._handle_message_with_tracker(message, tracker)
        await self.run_action_extract_slots(message.output_channel, tracker)
        await self._run_prediction_loop(message.output_channel, tracker)

    def _log_action_on_tracker(
        self, tracker: Tracker, action: Action, events: Optional[List[Event]], prediction: PolicyPrediction
    ) -> None:
        """As Rasa's, without deep copies of all events for a log that is off."""
        events = events or []
        if not any(isinstance(event, ActionExecutionRejected) for event in events):
            tracker.update_with_events(prediction.events, self.domain)
            tracker.update(action.event_for_successful_execution(prediction))
        tracker.update_with_events(events, self.domain)


class Dialogue:
    """Rasa's rules, stories and forms over one model file. Keeps nothing between two turns."""

    def __init__(self, model: Path, actions_url: str) -> None:
        endpoint = EndpointConfig(actions_url, enable_selective_domain=True)
        generator = TemplatedNaturalLanguageGenerator({})
        self._processor = _Processor(model, InMemoryTrackerStore(None), InMemoryLockStore(), generator, endpoint)
        self.domain = self._processor.domain
        generator.responses = self.domain.responses

    async def turn(
        self, sender: str, events: list[dict[str, Any]], parse: dict[str, Any]
    ) -> tuple[Tracker, list[Response]]:
        """Play one message on the tracker these events make; raises what Rasa raises on malformed events."""
        tracker = Tracker.from_events(
            sender, [_event(item) for item in events], slots=self.domain.slots, domain=self.domain
        )
        if not events:
            await self._processor._update_tracker_session(tracker, CollectingOutputChannel())
        output = CollectingOutputChannel()
        message = UserMessage(parse["text"], output, sender, parse_data=parse)
        await self._processor.run(tracker, message)
        return tracker, [_response(said) for said in output.messages if said.get("custom")]


def window(tracker: Tracker) -> list[dict[str, Any]]:
    """The events to send with the next turn: the last WINDOW messages, and what was remembered before them.

    What people wrote and what was answered is left out: intents, slots and actions are all the policies read.
    """
    events = [event for event in tracker.events if event.type_name in _FIELDS]
    starts = [index for index, event in enumerate(events) if event.type_name == "user"]
    if len(starts) > WINDOW:
        # A turn begins after the action_listen that waited for it; that listen belongs to the kept part.
        cut = max(starts[-WINDOW] - 1, 0)
        before = Tracker.from_events(tracker.sender_id, events[:cut], slots=tracker.slots.values())
        remembered = [SlotSet(name, slot.value) for name, slot in before.slots.items() if slot.value is not None]
        loop = [{"event": "active_loop", "name": before.active_loop_name}] if before.active_loop_name else []
        head = [*(event.as_dict() for event in remembered), *loop]
        events = events[cut:]
    else:
        head = []
    return [_stamp(item) for item in head] + [_slim(event.as_dict()) for event in events]


def _event(item: dict[str, Any]) -> Event:
    """One event of `window`; KeyError for any other. (Rasa's own reader walks through all its classes for each.)"""
    return _CLASSES[item["event"]]._from_parameters(item)


def _slim(event: dict[str, Any]) -> dict[str, Any]:
    kind = event["event"]
    if kind == "user":
        parse = {"text": "", "intent": event["parse_data"]["intent"], "entities": []}
        return {"event": kind, "timestamp": event["timestamp"], "text": "", "parse_data": parse}
    return {"event": kind, **{name: event[name] for name in ("timestamp", *_FIELDS[kind]) if name in event}}


def _stamp(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "timestamp": event.get("timestamp") or time.time()}


def _response(said: dict[str, Any]) -> Response:
    custom = said["custom"]
    return Response(key=custom["key"], args=custom.get("args") or {}, effect=custom.get("effect"))
