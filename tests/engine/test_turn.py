"""The engine as a pure function: what a turn returns, and that nothing else comes of it."""

from __future__ import annotations

import json

import pytest

from nlu.contract import Command, ContractError, Hints
from tests.conftest import PHRASES


def test_a_greeting_is_answered_in_its_language(say, language):
    reply = say(PHRASES["greeting"][language])
    assert reply.language == language
    assert [response.key for response in reply.responses] == ["greeting.again"]


def test_a_question_is_answered_with_its_topic(say, language):
    reply = say(PHRASES["what_is_prep"][language])
    assert [(r.key, r.args) for r in reply.responses] == [("topic", {"topic": "prep_what"})]


def test_the_same_turn_twice_gives_the_same_reply(say):
    first, second = say("what is prep"), say("what is prep")
    assert (first.parse, first.responses) == (second.parse, second.responses)


@pytest.mark.parametrize("space", ["", " ", "\n", "\t", "\u00a0", "\u200b"])
@pytest.mark.parametrize(
    "intent", ["delete_my_data", "restart", "stop_messages", 'inform{"country":"FR"}', "session_start"]
)
def test_text_is_never_a_command(say, space, intent):
    reply = say(f"{space}/{intent}")
    assert reply.country is None
    # The words may be understood as words ("stop messages"); erasing and slots need more than words.
    assert all(response.effect != "erase" for response in reply.responses)
    slots = {event["name"] for event in reply.events if event["event"] == "slot" and event["value"] is not None}
    assert "country" not in slots and "erase_confirmed" not in slots


def test_deep_json_after_a_slash_is_only_text(say):
    assert say("/greet" + '{"a":' * 1500 + "1" + "}" * 1500).responses


@pytest.mark.parametrize("text", ["", " ", "?", "\x00", "\ud800", "😀", "1", "\u202e", "a" * 100_000, "ا" * 9000])
def test_any_text_is_answered(say, text):
    reply = say(text)
    assert reply.responses
    assert len(reply.parse["text"]) <= 4096


def test_an_unknown_command_is_refused(say):
    with pytest.raises(ContractError, match="command.intent"):
        say("", command=Command("no_such_intent"))
    with pytest.raises(ContractError, match="command.entities"):
        say("", command=Command("greet", {"role": "admin"}))


def test_the_country_is_asked_for_once(say, actions):
    actions.answers["action_ask_country"] = {"events": [], "responses": [{"custom": {"key": "ask.country"}}]}
    asked = say("I have no papers, can I see a doctor?")
    assert [r.key for r in asked.responses] == ["ask.country"]
    answered = say("", asked, command=Command("choose", {"country": "FR"}))
    assert answered.country == "FR"
    assert [(r.key, r.args) for r in answered.responses] == [("topic", {"topic": "right_without_papers"})]
    again = say("do I have to pay for the doctor?", answered)
    assert [(r.key, r.args) for r in again.responses] == [("topic", {"topic": "cost_of_care"})]


def test_nobody_in_a_hurry_is_asked_for_a_country(say):
    reply = say("the condom broke last night and I am scared of HIV")
    assert [(r.key, r.args) for r in reply.responses] == [("topic", {"topic": "pep_urgent"})]


def test_what_is_not_understood_is_asked_back(say):
    reply = say("xqzv brmpf wklj")
    assert reply.decision == "ask_back"
    first = reply.responses[0]
    assert first.key == "ask.which_topic" and 1 <= len(first.args["intents"]) <= 3
    again = say("brmpf brmpf", reply)
    assert [r.key for r in again.responses] == ["ask.again"]


def test_the_tracker_stays_small(say):
    reply = None
    sizes = []
    for number in range(40):
        reply = say("what is hiv" if number % 2 else "what is prep", reply)
        sizes.append(len(json.dumps(reply.events)))
    assert sizes[-1] <= sizes[9] * 1.2
    assert "what is hiv" not in json.dumps(reply.events), "what people wrote does not stay in the tracker"


def test_slots_outlive_the_window(say):
    reply = say("", command=Command("choose", {"country": "ES"}))
    for _ in range(12):
        reply = say("what is hiv", reply)
    assert reply.country == "ES"


def test_events_of_somebody_else_are_refused(say):
    from nlu.contract import TurnReply

    broken = TurnReply("en", 1, "en", {}, "answer", [{"event": "no_such_event"}], [])
    with pytest.raises(ContractError, match="events"):
        say("hello", broken)


def test_short_words_do_not_switch_the_language(say):
    for text in ("ok", "no", "Lyon", "12", "sida"):
        assert say(text, hints=Hints(earlier="ar")).language == "ar"


def test_a_sentence_does_switch_it(say):
    assert say("where can I find a doctor who helps people like me?", hints=Hints(earlier="ar")).language == "en"
    assert say("¿dónde puedo encontrar un médico?", hints=Hints(earlier="fr")).language == "es"


def test_a_language_named_is_switched_to(say, actions):
    actions.answers["action_change_language"] = {
        "events": [],
        "responses": [{"custom": {"key": "language.changed", "effect": "language:fr"}}],
    }
    reply = say("Français", hints=Hints(chosen="ar", earlier="ar"))
    assert (reply.language, reply.chosen_language) == ("fr", "fr")
    assert actions.asked[-1]["tracker"]["slots"]["language"] == "fr"


def test_a_search_asks_the_action_for_kind_and_place(say, actions):
    actions.answers["action_ask_place"] = {"events": [], "responses": [{"custom": {"key": "ask.place"}}]}
    reply = say("where can I get an HIV test?")
    assert [r.key for r in reply.responses] == ["ask.place"]
    told = actions.asked[0]["tracker"]["slots"]
    assert told["service"] == "hiv_test"
