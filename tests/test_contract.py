"""The contract between assistant and engine. Collected on both Pythons (see tests/engine/test_contract.py)."""

import json

import pytest

from nlu.contract import Command, ContractError, Hints, Response, TurnReply, TurnRequest

REQUEST = TurnRequest(
    "abc", "hola", [{"event": "slot", "name": "x"}], Hints("es", "fr"), Command("greet", {"place": "Lyon"})
)
REPLY = TurnReply(
    "es", 0.9, "pt", {"text": "oi"}, "answer", [], [Response("topic", {"topic": "sti"}, "hand_off")], "ES", "es"
)


def test_a_request_survives_json():
    assert TurnRequest.from_json(json.loads(json.dumps(REQUEST.to_json()))) == REQUEST


def test_a_reply_survives_json():
    assert TurnReply.from_json(json.loads(json.dumps(REPLY.to_json()))) == REPLY


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"sender": ""}, "sender"),
        ({"sender": None}, "sender"),
        ({"sender": {"a": 1}}, "sender"),
        ({"text": 7}, "text"),
        ({"events": "no"}, "events"),
        ({"events": [{"no": 1}]}, "events"),
        ({"events": [{"event": "slot"}] * 401}, "events"),
        ({"hints": []}, "hints"),
        ({"hints": {"chosen": 3}}, "hints.chosen"),
        ({"command": {"intent": ""}}, "command.intent"),
        ({"command": {"intent": "greet", "entities": {"place": 1}}}, "command.entities.place"),
        ({"channel": ""}, "channel"),
    ],
)
def test_a_wrong_request_is_refused_by_field(change, named):
    with pytest.raises(ContractError, match=named):
        TurnRequest.from_json({**REQUEST.to_json(), **change})


@pytest.mark.parametrize("data", [None, [], "x", 3])
def test_something_else_is_refused(data):
    with pytest.raises(ContractError):
        TurnRequest.from_json(data)


@pytest.mark.parametrize("missing", ["language", "parse", "decision", "events", "responses"])
def test_a_reply_without_a_field_is_refused(missing):
    data = {key: value for key, value in REPLY.to_json().items() if key != missing}
    with pytest.raises(ContractError, match=missing):
        TurnReply.from_json(data)
