"""Twilio's webhooks: who may call them, and what each payload becomes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlencode

import pytest
from aiohttp import web
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from multidict import MultiDict

from bot.channels.twilio import TwilioChannel
from bot.messages import (
    Consequence,
    Delivery,
    DeliveryStatus,
    Forged,
    Inbound,
    Location,
    Refused,
    Unreadable,
    WebhookRequest,
)
from tests.channels.leaks import Watch
from tests.emulators import twilio_api
from tests.emulators.twilio_api import TwilioApi

PAYLOADS = Path(__file__).parent / "payloads/twilio"
URL = "https://farol.example/webhooks/twilio"
FORM = "application/x-www-form-urlencoded"

SMS_SID, WHATSAPP_SID, SENT_SID = "SM" + "a" * 32, "SM" + "b" * 32, "SM" + "d" * 32
ALICE, BIA = "+351912345678", "+5511987654321"

ACCOUNT = TwilioApi()


def face(name: str = "sms") -> TwilioChannel:
    return TwilioChannel(name, account_sid=ACCOUNT.account_sid, auth_token=ACCOUNT.auth_token, sender="+14155550100")


CHANNEL = face()


def sms(text: str, sender: str = ALICE, **more: object) -> Inbound:
    return Inbound("sms", SMS_SID, sender, text, **more)


def whatsapp(text: str = "", sender: str = BIA, **more: object) -> Inbound:
    return Inbound("whatsapp", WHATSAPP_SID, sender, text, **more)


def status(delivery: Delivery, channel: str = "sms", *failure: object) -> DeliveryStatus:
    return DeliveryStatus(channel, SENT_SID, delivery, *failure)


CASES = {
    "sms_text": sms("Onde posso fazer o teste do VIH?"),
    "sms_arabic": sms("أين يمكنني إجراء الفحص؟", "+212612345678"),
    "sms_caribbean": sms("I need PrEP & a clinic + hours", "+18685550123"),
    "sms_short_sender": sms("Info", "7726"),
    "sms_base64": sms("I arrived last month and I have no papers. Can I still see a doctor if I am pregnant?"),
    "sms_token": sms("a3Vza3Vza3Vza3Vza3Vza3Vza3Vza3Vza3Vza3Vza3Vza3Vza3Vza3Vza3Vz"),
    "sms_blank": sms(""),
    "sms_picture": sms("", media="image"),
    "sms_opt_out_keyword": sms("STOP"),
    "sms_help_keyword": sms("HELP"),
    "whatsapp_text": whatsapp("Bom dia, sou brasileira e estou sem documentos"),
    "whatsapp_scoped_id": whatsapp("Hola", "US.1234567890"),
    "whatsapp_scoped_id_only": whatsapp("Hola", "US.1234567890"),
    "whatsapp_button": whatsapp("Sim", payload="answer:yes"),
    "whatsapp_list": whatsapp("Português", payload="language:pt"),
    "whatsapp_location": whatsapp(location=Location(38.722252, -9.139337, "Praça do Comércio")),
    "whatsapp_location_address": whatsapp(location=Location(-23.55052, -46.633308, "Avenida Paulista 1578")),
    "whatsapp_voice": whatsapp(media="audio"),
    "whatsapp_picture_caption": whatsapp("isto é grave?", media="image"),
    "whatsapp_pdf": whatsapp(media="file"),
    "whatsapp_sticker": whatsapp(media="sticker"),
    "whatsapp_contact": whatsapp(media="contact"),
    "whatsapp_unknown_kind": whatsapp(media="file"),
    "whatsapp_reaction": Refused("whatsapp", WHATSAPP_SID, "a reaction, not a message"),
    "status_queued": None,
    "status_sent": status(Delivery.SENT),
    "status_delivered": status(Delivery.DELIVERED),
    "status_read": status(Delivery.READ, "whatsapp"),
    "status_undelivered": status(Delivery.FAILED, "sms", "30005", Consequence.GIVE_UP),
    "status_failed_stopped": status(Delivery.FAILED, "sms", "21610", Consequence.STOP_WRITING),
    "status_failed_window": status(Delivery.FAILED, "whatsapp", "63016", Consequence.OUTSIDE_WINDOW),
    "status_failed_new_code": status(Delivery.FAILED, "sms", "39999", Consequence.GIVE_UP),
    "status_without_ends": status(Delivery.DELIVERED),
    "status_new_word": None,
}


def request(body: bytes, kind: str = FORM, url: str = URL, **headers: str) -> WebhookRequest:
    return WebhookRequest("POST", url, {"content-type": kind, **headers}, body)


def signed(form: twilio_api.Form, url: str = URL, signed_url: str = URL) -> WebhookRequest:
    signature = ACCOUNT.sign(signed_url, form)
    return request(urlencode(form).encode(), url=url, **{"x-twilio-signature": signature})


def test_every_payload_is_in_the_table() -> None:
    assert {file.stem for file in PAYLOADS.iterdir()} == set(CASES)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("called_on", ["sms", "whatsapp"])
def test_payload_becomes_event(name: str, called_on: str, logs: Watch) -> None:
    expected = CASES[name]
    if name == "status_without_ends":
        expected = status(Delivery.DELIVERED, called_on)
    body = (PAYLOADS / f"{name}.txt").read_bytes().strip()
    assert face(called_on).parse(request(body)) == ([expected] if expected else [])
    logs.for_words(*([expected.text, expected.sender] if isinstance(expected, Inbound) else []))


def test_a_status_repeats_our_reference_and_is_signed_with_it() -> None:
    address = f"{URL}?ref=0f.2"
    form = twilio_api.status(SMS_SID, "delivered", "+351912345678")
    received = signed(form, address, address)
    CHANNEL.verify(received)
    assert CHANNEL.parse(received) == [DeliveryStatus("sms", SMS_SID, Delivery.DELIVERED, reference="0f.2")]
    with pytest.raises(Forged):
        CHANNEL.verify(signed(form, f"{URL}?ref=0f.3", address))


@pytest.mark.parametrize("name", CASES)
def test_a_name_never_leaves_the_parser(name: str) -> None:
    body = (PAYLOADS / f"{name}.txt").read_bytes().strip()
    assert "Maria" not in repr(CHANNEL.parse(request(body)))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FORM),
        (b"Body=hi&From=%2B351912345678", FORM),
        (b"MessageSid=SM1&Body=hi", FORM),
        (b"MessageSid=SM1&Body=hi&From=rcs%3A%2B351912345678", FORM),
        (b"MessageSid=SM1&Body=hi&From=whatsapp%3A", FORM),
        (b"MessageSid=SM1&Body=%ff%fe&From=%2B351912345678", FORM),
        (b"MessageSid=SM1&From=%2B351912345678&Latitude=nan&Longitude=1", FORM),
        (b"MessageSid=SM1&From=%2B351912345678&Latitude=91&Longitude=1", FORM),
        (b"&".join(b"a%d=1" % n for n in range(600)), FORM),
        (b'{"MessageSid": "SM1"}', "application/json"),
    ],
)
def test_what_twilio_never_sends_is_unreadable(body: bytes, kind: str) -> None:
    with pytest.raises(Unreadable):
        CHANNEL.parse(request(body, kind))


PARAMETERS = ["MessageSid", "SmsSid", "From", "To", "Body", "SmsStatus", "MessageStatus", "ErrorCode", "NumMedia"]
PARAMETERS += ["MediaContentType0", "Latitude", "Longitude", "ButtonPayload", "ListId", "OptOutType", "MessageType"]
VALUES = st.sampled_from(["", "0", "1", "received", "failed", "STOP", "whatsapp:+351912345678", ALICE]) | st.text()


@given(st.dictionaries(st.sampled_from(PARAMETERS), VALUES))
def test_any_form_is_read_or_unreadable(form: dict[str, str]) -> None:
    body = urlencode(form, errors="replace").encode()
    try:
        events = CHANNEL.parse(request(body))
    except Unreadable:
        return
    assert all(isinstance(event, Inbound | DeliveryStatus | Refused) for event in events)


def test_a_message_with_a_body_is_a_message_whatever_its_status() -> None:
    form = [(name, "delivered" if name == "SmsStatus" else value) for name, value in twilio_api.sms(ALICE, "Olá")]
    assert CHANNEL.parse(request(urlencode(form).encode())) == [sms("Olá")]


@given(st.text(max_size=400))
def test_a_text_with_a_space_is_never_taken_for_base64(text: str) -> None:
    body = urlencode({"MessageSid": SMS_SID, "From": ALICE, "Body": text + " "}).encode()
    assert CHANNEL.parse(request(body)) == [sms(text + " ")]


# Signatures

LETTERS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\N{SNOWMAN}"), max_size=20)
FORMS = st.lists(st.tuples(LETTERS, LETTERS), min_size=1, max_size=12)


@given(FORMS)
def test_a_signed_form_is_believed_in_any_order(form: twilio_api.Form) -> None:
    CHANNEL.verify(signed(form))
    signature = ACCOUNT.sign(URL, form)
    CHANNEL.verify(request(urlencode(form[::-1]).encode(), **{"x-twilio-signature": signature}))


@given(FORMS, st.data())
def test_a_changed_form_is_forged(form: twilio_api.Form, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(form) - 1))
    name, value = form[place]
    change = data.draw(st.sampled_from(["name", "value", "added", "added blank", "removed"]))
    changed = list(form)
    if change == "removed":
        assume(form.count((name, value)) == 1 and name + value)
        del changed[place]
    elif change.startswith("added"):
        changed.append(("\N{SNOWMAN}", "" if change == "added blank" else "x"))
    else:
        changed[place] = (name + "\N{SNOWMAN}", value) if change == "name" else (name, value + "\N{SNOWMAN}")
    signature = ACCOUNT.sign(URL, form)
    with pytest.raises(Forged):
        CHANNEL.verify(request(urlencode(changed).encode(), **{"x-twilio-signature": signature}))


@given(FORMS, st.integers(0, len(URL) - 1), st.characters(codec="ascii", categories=["L", "N"]))
def test_a_changed_address_is_forged(form: twilio_api.Form, place: int, letter: str) -> None:
    changed = URL[:place] + letter + URL[place + 1 :]
    assume(changed.lower() != URL.lower())
    with pytest.raises(Forged):
        CHANNEL.verify(signed(form, url=changed))


@settings(max_examples=300)
@given(
    st.binary(max_size=300),
    st.sampled_from([FORM, f"{FORM}; charset=utf-8", "application/json", "", "multipart/form-data"]),
    st.text(max_size=60),
    st.text(max_size=40),
)
def test_nothing_unsigned_gets_in_and_nothing_breaks(body: bytes, kind: str, signature: str, query: str) -> None:
    for url in (URL, f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}", URL + query, query):
        with pytest.raises(Forged):
            CHANNEL.verify(request(body, kind, url, **{"x-twilio-signature": signature}))


@given(st.binary(min_size=1, max_size=300), st.binary(min_size=1, max_size=10))
def test_a_json_body_is_believed_by_its_hash_alone(body: bytes, more: bytes) -> None:
    url = f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    header = {"x-twilio-signature": ACCOUNT.sign(url, [])}
    CHANNEL.verify(request(body, "application/json", url, **header))
    for wrong in (
        request(body + more, "application/json", url, **header),
        request(body, "application/json", URL, **{"x-twilio-signature": ACCOUNT.sign(URL, [])}),
        request(body, "application/json", url),
    ):
        with pytest.raises(Forged):
            CHANNEL.verify(wrong)


@pytest.mark.parametrize("url", ["https://farol.example:port/", "https://[farol/", "https://farol:99999/", "\ud800"])
def test_an_address_that_cannot_be_is_forged(url: str) -> None:
    with pytest.raises(Forged):
        CHANNEL.verify(request(b"Body=hi", url=url, **{"x-twilio-signature": "x"}))


def test_missing_headers_are_forged() -> None:
    with pytest.raises(Forged):
        CHANNEL.verify(WebhookRequest("POST", URL))
    with pytest.raises(Forged):
        CHANNEL.verify(WebhookRequest("POST", URL, body=b"Body=hi"))


@pytest.mark.parametrize("signed_url", [URL, URL.replace("example/", "example:443/")])
def test_the_port_may_be_signed_or_not(signed_url: str) -> None:
    CHANNEL.verify(signed([("Body", "hi")], signed_url=signed_url))


def test_blank_and_repeated_parameters_are_signed_as_twilio_does() -> None:
    """Twilio's own library agrees with the emulator on the awkward forms."""
    from twilio.request_validator import RequestValidator

    form = [("MediaUrl", "b"), ("MediaUrl", "a"), ("MediaUrl", "a"), ("Blank", ""), ("Ünï", "🙂")]
    assert RequestValidator(ACCOUNT.auth_token).compute_signature(URL, MultiDict(form)) == ACCOUNT.sign(URL, form)
    CHANNEL.verify(signed(form))


async def test_the_emulators_webhooks_are_believed_over_http(twilio: TwilioApi, logs: Watch) -> None:
    events = []

    async def receive(call: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in call.headers.items()}
        webhook = WebhookRequest("POST", URL, headers, await call.read())
        CHANNEL.verify(webhook)
        events.extend(CHANNEL.parse(webhook))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/webhooks/twilio", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    here = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/twilio"
    forms = [
        twilio_api.sms(ALICE, "Olá +1 & mais"),
        twilio_api.whatsapp(BIA, "Bom dia"),
        twilio_api.whatsapp_button(BIA, "Sim", "answer:yes"),
        twilio_api.whatsapp_list(BIA, "Português", "language:pt"),
        twilio_api.whatsapp_location(BIA, "38.7", "-9.1", "Rossio"),
        twilio_api.whatsapp_media(BIA, "audio/ogg"),
        twilio_api.status(SENT_SID, "delivered", f"whatsapp:{BIA}"),
    ]
    try:
        assert [await twilio.post(here, form, URL) for form in forms] == [204] * len(forms)
        assert await twilio.post(here, forms[0]) == 500  # signed for another address
    finally:
        await runner.cleanup()
    assert events == [
        sms("Olá +1 & mais"),
        whatsapp("Bom dia"),
        whatsapp("Sim", payload="answer:yes"),
        whatsapp("Português", payload="language:pt"),
        whatsapp(location=Location(38.7, -9.1, "Rossio")),
        whatsapp(media="audio"),
        status(Delivery.DELIVERED, "whatsapp"),
    ]
    logs.for_words("Bom dia", "Português")
