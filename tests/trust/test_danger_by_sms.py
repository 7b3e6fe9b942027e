"""The whole journey of a text message that shows danger, engine dead: all of the answer at once, numbers first."""

from __future__ import annotations

import pytest

from bot.channels.twilio import traits_of
from bot.content import sms
from bot.conversation.sender import Sender
from bot.conversation.worker import Workers
from tests.conftest import PHRASES
from tests.conversation.fakes import FakeChannel, reply


@pytest.fixture
def by_sms(assistant, screen, content):
    """The assistant of the conversation tests, on a channel where every segment is paid for."""
    channel = FakeChannel(traits_of("sms"))
    assistant.channel = channel
    assistant.engine.down = True
    assistant.workers = Workers(
        assistant.database, assistant.vault, screen, assistant.engine, content, {"sms": channel.traits},
        assistant.inbox.arrived, observe=assistant.answers.append,
    )  # fmt: skip
    assistant.sender = Sender(assistant.database, assistant.vault, {"sms": channel}, assistant.workers.answered)
    return assistant


async def test_the_first_words_of_somebody_in_danger(by_sms, language):
    """Nothing is known but the number; it is a French one."""
    said = await by_sms.receive(PHRASES["want_to_die"][language], "+33612345678")
    assert len(said) == 1 and "3114" in sms.opening(said[0]), "one message, the line in its first segment"
    assert by_sms.answers[-1].state.rest == ""
    again = await by_sms.receive("1", "+33612345678")
    assert "3114" not in "".join(again), "the first choice leads on: it asks for the country"


async def test_help_says_the_emergency_number_first(by_sms):
    said = await by_sms.receive("HELP", "+33612345678")
    assert "112" in sms.opening(said[0]) and "STOP" in "".join(said)


async def test_trouble_says_the_emergency_number_first(by_sms):
    said = await by_sms.receive("¿qué es la PrEP?", "+34612345678")
    assert "112" in sms.opening(said[0])


async def test_a_country_that_was_told_counts_more_than_the_number(by_sms):
    by_sms.engine.down = False
    by_sms.engine.answer = lambda request: reply("goodbye", language="en", country="GB")
    await by_sms.receive("I live in Leeds", "+33612345678")
    said = await by_sms.receive("I want to die", "+33612345678")
    assert "116 123" in sms.opening(said[0]) and "3114" not in "".join(said)
