"""The quicker tracker tells the same as Rasa's, whatever has happened in a conversation."""

from __future__ import annotations

import random

import pytest
from rasa.shared.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActiveLoop,
    LoopInterrupted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker

from nlu.tracker import Tracker


def _conversation(domain, seed):
    """Events in an order a conversation could have, and some it could not."""
    chance = random.Random(seed)
    forms = list(domain.form_names)

    def one():
        kind = chance.choice(["user", "user", "action", "action", "listen", "slot", "loop", "reject", "interrupt"])
        if kind == "user":
            entity = {"entity": chance.choice(domain.entities), "value": "x"}
            return UserUttered("", {"name": chance.choice(domain.intents), "confidence": 1.0}, [entity])
        if kind == "slot":
            return SlotSet(chance.choice(domain.slots).name, chance.choice([None, "FR", True, ["a", "b"]]))
        if kind == "loop":
            return ActiveLoop(chance.choice([None, *forms]))
        if kind == "reject":
            return ActionExecutionRejected(chance.choice(forms))
        if kind == "interrupt":
            return LoopInterrupted(chance.random() < 0.5)
        return ActionExecuted("action_listen" if kind == "listen" else chance.choice(domain.action_names_or_texts))

    return [one() for _ in range(chance.randint(0, 25))]


def _told(tracker):
    """All that a policy or an action can read of a tracker."""
    by_themselves = ("slots", "latest_message", "latest_bot_utterance", "events")
    return {
        **{name: value for name, value in vars(tracker).items() if name not in by_themselves},
        "latest_message": {**tracker.latest_message.as_dict(), "timestamp": None},
        "latest_bot_utterance": tracker.latest_bot_utterance.text,
        "events": list(map(id, tracker.events)),
        "slots": {name: vars(slot) for name, slot in tracker.slots.items()},
    }


@pytest.fixture
def domain(engine):
    return engine._dialogue.domain


@pytest.mark.parametrize("seed", range(200))
def test_it_tells_what_rasas_tells(domain, seed):
    events = _conversation(domain, seed)
    ours = Tracker.from_events("x", events, domain.slots)
    rasas = DialogueStateTracker.from_events("x", events, domain.slots)
    assert _told(ours) == _told(rasas)
    assert _told(ours.copy()) == _told(rasas.copy())
    assert _told(ours.init_copy()) == _told(rasas.init_copy())
    states = rasas.past_states(domain)
    for count in (1, 2, 3, 100):
        assert ours.last_states(domain, count) == states[-count:]


def test_a_copy_is_its_own(domain):
    tracker = Tracker.from_events("x", [ActiveLoop(next(iter(domain.form_names)))], domain.slots)
    before = _told(tracker)
    twin = tracker.copy()
    twin.update(SlotSet("country", "FR"))
    twin.update(ActionExecutionRejected(twin.active_loop_name))
    assert twin.get_slot("country") == "FR" and twin.is_active_loop_rejected
    assert _told(tracker) == before
