"""Every hostile text through every channel's parser, in at the inbox and out through the journey."""

from __future__ import annotations

import json
import os
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.channels.telegram import TelegramChannel
from bot.channels.twilio import TwilioChannel
from bot.conversation.models import InboxMessage
from bot.messages import Inbound, Refused, Unreadable, WebhookRequest
from nlu.contract import Response
from tests.conversation.fakes import reply
from tests.payloads import TEXTS
from tests.trust.conftest import (  # noqa: F401
    assistant,
    bytes_on_disk,
    content,
    database_url,
    kind,
    logged,
    migrated,
    screen,
)

TWILIO = TwilioChannel("sms", account_sid="AC1", auth_token="t", sender="+14155550100")
TELEGRAM = TelegramChannel(token="1:a", webhook_secret="s")
FORM = {"content-type": "application/x-www-form-urlencoded"}


def by_twilio(text: str) -> WebhookRequest:
    form = {"MessageSid": "SM1", "From": "+15005550006", "To": "+14155550100", "Body": text, "NumMedia": "0"}
    body = urlencode(form, errors="replace").encode()
    return WebhookRequest("POST", "https://farol.test/webhooks/twilio", FORM, body)


def by_telegram(text: str) -> WebhookRequest:
    chat = {"id": 1, "type": "private", "first_name": text[:64]}
    message = {"message_id": 1, "date": 1760000000, "chat": chat, "from": {"id": 1, "is_bot": False, "first_name": "x"}}
    update = {"update_id": 1, "message": {**message, "text": text}}
    return WebhookRequest("POST", "https://farol.test/webhooks/telegram", {}, json.dumps(update).encode())


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(("channel", "request_of"), [(TWILIO, by_twilio), (TELEGRAM, by_telegram)])
def test_a_hostile_text_is_only_a_text(channel, request_of, name):
    for event in channel.parse(request_of(TEXTS[name])):
        assert isinstance(event, (Inbound, Refused))
        if isinstance(event, Inbound):
            assert event.payload is None and event.location is None


@pytest.mark.parametrize("name", TEXTS)
async def test_it_is_answered_stored_sealed_and_not_logged(assistant, tmp_path, logged, name):  # noqa: F811
    assistant.engine.answer = lambda request: reply(Response("ask.place_again", {"place": request.text}))
    said = await assistant.receive(TEXTS[name])
    assert said and all(len(text) <= 4096 for text in said)
    assert all(len(request.text) <= 4096 and request.command is None for request in assistant.engine.requests)
    if "canary" in TEXTS[name]:
        assert b"canary" not in bytes_on_disk(tmp_path) and not [line for line in logged if "canary" in line]


LONG = settings(
    max_examples=int(os.environ.get("FAROL_FUZZ", "100")), deadline=None, suppress_health_check=list(HealthCheck)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(
        ["message", "callback_query", "chat", "from", "id", "type", "text", "date", "message_id", "data", "location"]
    ), inner),
    max_leaves=25,
)  # fmt: skip
NAMES = st.text() | st.sampled_from(
    ["MessageSid", "From", "Body", "NumMedia", "Latitude", "Longitude", "MessageStatus", "ErrorCode", "OptOutType"]
)


@LONG
@given(st.dictionaries(NAMES, st.text()), st.binary())
def test_any_form_is_read_or_refused(form, noise):
    for body in (urlencode(form, errors="replace").encode(), noise):
        request = WebhookRequest("POST", "https://farol.test/webhooks/twilio", FORM, body)
        try:
            events = TWILIO.parse(request)
        except Unreadable:
            continue
        assert all(event.provider_id for event in events)


@LONG
@given(JSON, st.integers(), st.binary())
def test_any_json_is_read_or_refused(value, number, noise):
    for body in (json.dumps(value).encode(), json.dumps({"update_id": number, "message": value}).encode(), noise):
        try:
            events = TELEGRAM.parse(WebhookRequest("POST", "https://farol.test/webhooks/telegram", {}, body))
        except Unreadable:
            continue
        assert all(event.provider_id for event in events)


def test_the_inbox_has_room_for_every_provider_id():
    assert InboxMessage.provider_id.type.length == 128
