"""Sending through Twilio, over real HTTP to the emulator: exact requests, and what each failure means."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.channels.twilio import TwilioChannel
from bot.channels.twilio_codes import CONSEQUENCES, consequence
from bot.messages import Button, Consequence, Delivery, DeliveryStatus, Location, Outbound, Refused, SendError
from tests.channels.leaks import Watch
from tests.emulators.twilio_api import LOG_PARAMETERS, PARAMETERS, TwilioApi
from tests.emulators.twilio_api import sms as sms_form
from tests.emulators.twilio_api import whatsapp as whatsapp_form

ALICE = "+351912345678"
CALLBACK = "https://farol.example/webhooks/twilio"
PRIVATE = {"ContentRetention": "discard", "AddressRetention": "obfuscate"}
OPENAPI = Path(__file__).parents[3] / "shared/twilio/twilio_api_v2010.json"

YES, NO = Button("Sim", "answer:yes"), Button("Não", "answer:no")
CITIES = tuple(Button(name, f"city:{name}") for name in ("Lisboa", "Porto", "Braga", "Faro", "Évora"))


@asynccontextmanager
async def channel(twilio: TwilioApi, name: str = "sms", **more: object) -> AsyncIterator[TwilioChannel]:
    sender = "+14155550199" if name == "whatsapp" else "+14155550100"
    account = {"account_sid": twilio.account_sid, "auth_token": twilio.auth_token, "api_url": twilio.url}
    one = TwilioChannel(name, **{**account, "sender": sender, "timeout": 5.0, **more})
    await one.start()
    yield one
    await one.stop()
    await one.stop()


async def failed(one: TwilioChannel, address: str = ALICE, text: str = "segredo") -> SendError:
    with pytest.raises(SendError) as caught:
        await one.send(address, Outbound(text))
    assert caught.value.__cause__ is None
    for secret in (address, text, "never-in-a-log"):
        assert secret not in str(caught.value)
    return caught.value


async def test_sms(twilio: TwilioApi, logs: Watch) -> None:
    logs.for_words("Olá! عربي")
    async with channel(twilio, status_callback=CALLBACK) as sms:
        sid = await sms.send(ALICE, Outbound("Olá! عربي"))
    expected = {"To": ALICE, "From": "+14155550100", "Body": "Olá! عربي", "StatusCallback": CALLBACK, **PRIVATE}
    assert twilio.sent == [expected]
    assert sid == twilio.sids[0]


async def test_whatsapp_to_a_number_and_to_a_scoped_id(twilio: TwilioApi) -> None:
    async with channel(twilio, "whatsapp", discard_content=False, sender="whatsapp:+14155550199") as whatsapp:
        await whatsapp.send(ALICE, Outbound("Olá"))
        await whatsapp.send("US.1234567890", Outbound("Olá"))
    assert twilio.sent == [
        {"To": f"whatsapp:{ALICE}", "From": "whatsapp:+14155550199", "Body": "Olá"},
        {"To": "whatsapp:US.1234567890", "From": "whatsapp:+14155550199", "Body": "Olá"},
    ]


async def test_a_location_follows_the_text_as_a_pin(twilio: TwilioApi) -> None:
    place = Location(0.00001, -9.139337, "Posto | Rossio")
    async with channel(twilio, "whatsapp") as whatsapp:
        sid = await whatsapp.send(ALICE, Outbound("Fica aqui.", location=place))
        await whatsapp.send(ALICE, Outbound("E aqui.", location=Location(1, 2)))
    bodies = [(sent["Body"], sent.get("PersistentAction")) for sent in twilio.sent]
    assert bodies == [
        ("Fica aqui.", None),
        ("Posto   Rossio", "geo:0.000010,-9.139337|Posto   Rossio"),
        ("E aqui.", None),
        ("1.000000,2.000000", "geo:1.000000,2.000000"),
    ]
    assert sid == twilio.sids[0]


async def test_a_pin_that_fails_does_not_repeat_the_text(twilio: TwilioApi, logs: Watch) -> None:
    twilio.accept()
    twilio.refuse(503)
    async with channel(twilio, "whatsapp") as whatsapp:
        sid = await whatsapp.send(ALICE, Outbound("Fica aqui.", location=Location(1, 2, "Rossio")))
    assert [sid] == twilio.sids
    assert [sent["Body"] for sent in twilio.sent] == ["Fica aqui."]
    assert any("pin not sent" in line for line in logs.lines)


async def test_choices_without_a_template_are_numbered(twilio: TwilioApi) -> None:
    async with channel(twilio) as sms, channel(twilio, "whatsapp") as whatsapp:
        for one in (sms, whatsapp):
            assert (one.traits.button_limit, one.traits.list_limit) == (0, 0)
            await one.send(ALICE, Outbound("Tem documentos?", buttons=(YES, NO)))
    assert [sent["Body"] for sent in twilio.sent] == ["Tem documentos?\n\n1. Sim\n2. Não"] * 2


async def test_choices_with_a_template(twilio: TwilioApi) -> None:
    async with channel(twilio, "whatsapp", content_sids={2: "HX2", 5: "HX5"}) as whatsapp:
        assert (whatsapp.traits.button_limit, whatsapp.traits.list_limit) == (2, 5)
        await whatsapp.send(ALICE, Outbound("Tem documentos?\nSim ou não", buttons=(YES, NO)))
        await whatsapp.send(ALICE, Outbound("Onde está?", buttons=CITIES, list_title="Cidades"))
    quick, listed = twilio.sent
    assert (quick["ContentSid"], "Body" in quick) == ("HX2", False)
    assert json.loads(quick["ContentVariables"]) == {
        "1": "Tem documentos?\nSim ou não",
        "2": "Sim",
        "3": "answer:yes",
        "4": "Não",
        "5": "answer:no",
    }
    assert listed["ContentSid"] == "HX5"
    variables = json.loads(listed["ContentVariables"])
    assert list(variables.values())[:4] == ["Onde está?", "Cidades", "Lisboa", "city:Lisboa"]
    assert len(variables) == 12


@pytest.mark.parametrize(
    ("sids", "message", "requests"),
    [
        ({3: "HX3"}, Outbound("?", buttons=(YES, NO)), 1),  # no template for two
        ({2: "HX2"}, Outbound("x" * 1025, buttons=(YES, NO)), 1),  # too long for a template, not for a text
        ({5: "HX5"}, Outbound("Onde está?", buttons=CITIES), 1),  # a list needs a label
        ({2: "HX-deleted"}, Outbound("?", buttons=(YES, NO)), 2),  # Twilio refuses the template: 21655
    ],
)
async def test_choices_fall_back_to_numbers(
    twilio: TwilioApi, sids: dict[int, str], message: Outbound, requests: int
) -> None:
    async with channel(twilio, "whatsapp", content_sids=sids) as whatsapp:
        await whatsapp.send(ALICE, message)
    (sent,) = twilio.sent
    assert sent["Body"].startswith(message.text + "\n\n1. ")
    assert "ContentSid" not in sent
    assert twilio.requests == requests


async def test_templates_are_whatsapps_alone(twilio: TwilioApi) -> None:
    async with channel(twilio, content_sids={2: "HX2"}) as sms:
        await sms.send(ALICE, Outbound("Tem documentos?", buttons=(YES, NO)))
    assert "ContentSid" not in twilio.sent[0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sms", Outbound("")),
        ("sms", Outbound(" \n")),
        ("sms", Outbound("x" * 1601)),
        ("whatsapp", Outbound("x" * 1598, buttons=(YES,))),
        ("sms", Outbound("Fica aqui.", location=Location(1, 2))),
    ],
)
async def test_a_message_the_traits_rule_out_is_a_programming_error(
    twilio: TwilioApi, name: str, message: Outbound
) -> None:
    async with channel(twilio, name) as one:
        with pytest.raises(ValueError):
            await one.send(ALICE, message)
    assert twilio.requests == 0


def test_wrong_construction_says_what_would_be_right() -> None:
    plain = {"account_sid": "AC1", "auth_token": "t", "sender": "+1"}
    with pytest.raises(ValueError, match="'sms' or 'whatsapp'"):
        TwilioChannel("viber", **plain)
    with pytest.raises(ValueError, match="1 to 10 choices"):
        TwilioChannel("whatsapp", content_sids={11: "HX"}, **plain)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (429, 20429, Consequence.RETRY),
        (429, None, Consequence.RETRY),
        (401, 20003, Consequence.RETRY),
        (400, 21211, Consequence.GIVE_UP),
        (400, 21408, Consequence.GIVE_UP),
        (400, 21610, Consequence.STOP_WRITING),
        (400, 21614, Consequence.GIVE_UP),
        (400, 30029, Consequence.RETRY),
        (400, 63016, Consequence.OUTSIDE_WINDOW),
        (400, 63018, Consequence.RETRY),
        (400, 99999, Consequence.GIVE_UP),
        (404, None, Consequence.GIVE_UP),
        (503, None, Consequence.RETRY),
    ],
)
async def test_a_refusal(twilio: TwilioApi, status: int, code: int | None, expected: Consequence) -> None:
    twilio.refuse(status, code)
    async with channel(twilio) as sms:
        error = await failed(sms)
    assert (error.consequence, error.code, error.uncertain) == (expected, str(code or status), False)
    assert (twilio.requests, twilio.sent) == (1, [])


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_server_error_may_have_sent_it(twilio: TwilioApi, status: int) -> None:
    twilio.refuse(status, body="<html>Bad Gateway</html>")
    async with channel(twilio) as sms:
        error = await failed(sms)
    assert (error.consequence, error.uncertain) == (Consequence.RETRY, True)


async def test_rfc_9457_errors_are_read_too(twilio: TwilioApi) -> None:
    problem = {"type": "https://www.twilio.com/docs/errors/21610", "title": "Stopped", "status": 400, "code": 21610}
    twilio.refuse(400, body=json.dumps(problem | {"detail": f"unsubscribed {ALICE}"}))
    async with channel(twilio) as sms:
        error = await failed(sms)
    assert (error.consequence, error.code) == (Consequence.STOP_WRITING, "21610")


async def test_somebody_who_opted_out(twilio: TwilioApi) -> None:
    twilio.opted_out.add(ALICE)
    async with channel(twilio) as sms:
        assert (await failed(sms)).consequence is Consequence.STOP_WRITING


async def test_an_account_without_redaction(twilio: TwilioApi) -> None:
    twilio.redaction = False
    async with channel(twilio) as asking, channel(twilio, discard_content=False) as not_asking:
        assert (await failed(asking)).code == "30029"
        await not_asking.send(ALICE, Outbound("Olá"))
    assert len(twilio.sent) == 1


async def test_a_wrong_token(twilio: TwilioApi) -> None:
    async with channel(twilio, auth_token="other-never-in-a-log") as sms:
        error = await failed(sms)
    assert (error.consequence, error.code) == (Consequence.RETRY, "20003")


async def test_no_answer_is_uncertain(twilio: TwilioApi) -> None:
    twilio.say_nothing(accepted=True)
    async with channel(twilio, timeout=0.2) as sms:
        error = await failed(sms)
    assert (error.consequence, error.uncertain, len(twilio.sent)) == (Consequence.RETRY, True, 1)


async def test_a_connection_lost_on_the_way_is_uncertain(twilio: TwilioApi) -> None:
    twilio.hang_up()
    async with channel(twilio) as sms:
        error = await failed(sms)
    assert (error.consequence, error.uncertain) == (Consequence.RETRY, True)


async def test_an_unreadable_success_is_uncertain(twilio: TwilioApi) -> None:
    twilio.refuse(201, body="<html>captive portal</html>")
    async with channel(twilio) as sms:
        error = await failed(sms)
    assert (error.consequence, error.uncertain) == (Consequence.RETRY, True)


async def test_nobody_there_is_certain(twilio: TwilioApi, unused_tcp_port: int) -> None:
    async with channel(twilio, api_url=f"http://127.0.0.1:{unused_tcp_port}") as sms:
        error = await failed(sms)
    assert (error.consequence, error.uncertain) == (Consequence.RETRY, False)


async def test_the_environment_does_not_redirect_us(twilio: TwilioApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_REGION", "au1")
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    async with channel(twilio) as sms:
        await sms.send(ALICE, Outbound("Olá"))
    assert len(twilio.sent) == 1


def test_consequences_of_codes() -> None:
    assert all(code.isdecimal() and consequence(code) is meaning for code, meaning in CONSEQUENCES.items())
    assert consequence(None) is Consequence.GIVE_UP
    assert consequence(None, 500) is Consequence.RETRY


def test_the_emulator_knows_exactly_twilios_parameters() -> None:
    if not OPENAPI.exists():
        pytest.skip("Twilio's OpenAPI description is not beside the repository (../shared/twilio)")
    description = json.loads(OPENAPI.read_text())
    create = description["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]["post"]
    schema = create["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert set(PARAMETERS) == set(schema["properties"])
    for name, about in schema["properties"].items():
        if "$ref" in about:
            enum = description["components"]["schemas"][about["$ref"].rpartition("/")[2]]["enum"]
            assert set(PARAMETERS[name] or ()) == set(enum), name
    read = description["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]["get"]
    assert set(LOG_PARAMETERS) == {about["name"] for about in read["parameters"]} - {"AccountSid"}
    kept = description["components"]["schemas"]["api.v2010.account.message"]["properties"]
    emulator = TwilioApi()
    emulator.receive(sms_form(ALICE, "Olá"))
    assert set(emulator.log[0]) == set(kept)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Nonsense": "1"}, 20001),
        ({"To": "351912345678"}, 21211),
        ({"To": "+35191"}, 21211),
        ({"To": None}, 21604),
        ({"From": None}, 21603),
        ({"From": "+14155550111"}, 21606),
        ({"To": f"whatsapp:{ALICE}"}, 21910),
        ({"Body": "x" * 1601}, 21617),
        ({"Body": None}, 21619),
        ({"ContentRetention": "shred"}, 30029),
        ({"AddressRetention": "shred"}, 30030),
        ({"ContentVariables": "{}"}, 21654),
        ({"ContentSid": "HX404", "Body": None}, 21655),
        ({"ContentSid": "HX2", "Body": None, "ContentVariables": '{"1": ""}'}, 21656),
        ({"PersistentAction": "geo:1,2"}, 20001),
    ],
)
async def test_the_emulator_is_strict(twilio: TwilioApi, change: dict[str, str | None], code: int) -> None:
    import aiohttp

    form = {"To": ALICE, "From": "+14155550100", "Body": "Olá"} | change
    given = {name: value for name, value in form.items() if value is not None}
    where = f"{twilio.url}/2010-04-01/Accounts/{twilio.account_sid}/Messages.json"
    headers = {"Authorization": aiohttp.encode_basic_auth(twilio.account_sid, twilio.auth_token)}
    async with aiohttp.ClientSession() as session, session.post(where, data=given, headers=headers) as response:
        assert (await response.json())["code"] == code
    assert twilio.sent == []


async def test_a_reference_travels_in_the_status_callback(twilio: TwilioApi) -> None:
    async with channel(twilio, status_callback=CALLBACK) as sms:
        await sms.send(ALICE, Outbound("Olá", reference="0f.2"))
    assert twilio.sent[0]["StatusCallback"] == f"{CALLBACK}?ref=0f.2"


async def test_an_invitation_is_the_template_of_the_language_or_of_any(twilio: TwilioApi) -> None:
    async with channel(twilio, "whatsapp", templates={"pt": "HX2", "en": "HX3"}) as whatsapp:
        assert await whatsapp.invite(ALICE, "en") == twilio.sids[0]
        await whatsapp.invite(ALICE, "so")
    assert [(sent["ContentSid"], "Body" in sent) for sent in twilio.sent] == [("HX3", False), ("HX2", False)]
    async with channel(twilio, "whatsapp") as whatsapp:
        assert await whatsapp.invite(ALICE, "en") is None


async def test_the_log_tells_what_became_of_a_message(twilio: TwilioApi) -> None:
    begun = datetime.now(UTC) - timedelta(seconds=2)
    async with channel(twilio, discard_content=False) as sms:
        twilio.hang_up(accepted=True)
        error = await failed(sms, text="Olá")
        assert error.uncertain
        await sms.send(ALICE, Outbound("Olá"))
        await sms.send("+351912345679", Outbound("Olá"))
        twilio.log[1] |= {"status": "undelivered", "error_code": 30003}
        found = await sms.find_sent(ALICE, Outbound("Olá"), begun)
        assert await sms.find_sent(ALICE, Outbound("Adeus"), begun) == []
        assert await sms.find_sent(ALICE, Outbound("Olá"), begun + timedelta(days=1)) == []
    assert found == [
        DeliveryStatus("sms", twilio.sids[0], Delivery.SENT),
        DeliveryStatus("sms", twilio.sids[1], Delivery.FAILED, "30003", Consequence.RETRY_FEW),
    ]


async def test_a_redacted_log_cannot_tell(twilio: TwilioApi) -> None:
    async with channel(twilio) as sms:
        await sms.send(ALICE, Outbound("Olá"))
        assert await sms.find_sent(ALICE, Outbound("Olá"), datetime.now(UTC)) is None
    assert twilio.log_requests == 0 and twilio.log[0]["body"] == "" and twilio.log[0]["to"] == "+35191234XXXX"


async def test_a_log_that_cannot_be_read_is_an_error(twilio: TwilioApi, logs: Watch) -> None:
    async with channel(twilio, discard_content=False, auth_token="wrong-never-in-a-log") as sms:
        with pytest.raises(SendError):
            await sms.missed(datetime.now(UTC))


async def test_messages_missed_come_from_the_log_in_order(twilio: TwilioApi) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    twilio.receive(sms_form(ALICE, "too old", sid="SM" + "0" * 32), now - timedelta(hours=30))
    for number in range(450):
        sid = f"SM{number:032x}"[:34].replace("SM0", "SM1", 1)
        twilio.receive(sms_form(ALICE, f"m{number}", sid=sid), now - timedelta(minutes=10, seconds=-(number // 3)))
    twilio.receive(sms_form(ALICE, "not ours", sid="SM" + "2" * 32, to="+14155550999"), now)
    async with channel(twilio, discard_content=False) as one:
        await one.send(ALICE, Outbound("Olá"))
        found = await one.missed(now - timedelta(hours=1))
    assert [event.text for event in found] == [f"m{number}" for number in range(450)]
    assert twilio.log_requests == 3, "a page at a time"
    assert found[0].provider_id == twilio.log[1]["sid"] and found[0].sender == ALICE
    assert found[0].sent_at == now - timedelta(minutes=10)


async def test_what_the_log_does_not_hold_is_asked_for_again(twilio: TwilioApi) -> None:
    now = datetime.now(UTC)
    twilio.receive(whatsapp_form(ALICE, "", "location", Latitude="1", Longitude="2"))
    twilio.receive(whatsapp_form(ALICE, "", "image", sid="SM" + "c" * 32, NumMedia="1"))
    async with channel(twilio, "whatsapp", discard_content=False) as one:
        lost, media = await one.missed(now - timedelta(hours=1))
    assert (lost.payload, lost.text) == ("say:lost", "") and (media.media, media.payload) == ("file", None)
    twilio.redacts_inbound = True
    twilio.receive(whatsapp_form(ALICE, "Olá", sid="SM" + "d" * 32))
    async with channel(twilio, "whatsapp", discard_content=False) as one:
        hidden = (await one.missed(now - timedelta(hours=1)))[-1]
    assert isinstance(hidden, Refused) and ALICE[-4:] not in repr(hidden)
