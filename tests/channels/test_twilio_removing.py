"""Deleting messages from Twilio's log, over real HTTP to the emulator: what is gone is gone, what is not may be asked again."""

from __future__ import annotations

import pytest

from bot.messages import Consequence, Outbound, SendError
from tests.channels.test_twilio_sending import ALICE, channel
from tests.emulators.twilio_api import TwilioApi


async def test_what_was_sent_is_deleted_and_once_more_does_no_harm(twilio: TwilioApi) -> None:
    async with channel(twilio) as sms:
        ids = [await sms.send(ALICE, Outbound(text)) for text in ("one", "two")]
        await sms.remove(ALICE, ids)
        assert twilio.deleted == ids
        await sms.remove(ALICE, ids)
        assert twilio.deleted == ids, "those that are not there any more are passed over"


async def test_nothing_to_delete_asks_nobody(twilio: TwilioApi) -> None:
    async with channel(twilio) as sms:
        await sms.remove(ALICE, [])
    assert twilio.deleted == []


async def test_an_unreachable_twilio_means_later_and_names_nobody(twilio: TwilioApi) -> None:
    async with channel(twilio, api_url="http://127.0.0.1:9") as sms:
        with pytest.raises(SendError) as caught:
            await sms.remove(ALICE, ["SM" + "a" * 32])
    assert caught.value.consequence is Consequence.RETRY
    assert ALICE not in str(caught.value) and caught.value.__cause__ is None


async def test_a_wrong_token_is_no_silent_success(twilio: TwilioApi) -> None:
    async with channel(twilio) as sms:
        ids = [await sms.send(ALICE, Outbound("one"))]
    async with channel(twilio, auth_token="never-in-a-log") as other:
        with pytest.raises(SendError) as caught:
            await other.remove(ALICE, ids)
    assert "never-in-a-log" not in str(caught.value) and twilio.deleted == []
