"""A person's message comes in through the real door of each channel, and the answer leaves through its API."""

from __future__ import annotations

import asyncio
import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import PHRASES, SHIPPED
from tests.journeys.conftest import PUBLIC, Farol

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASK = PHRASES["what_is_prep"]
NUMBER = {language: f"+150055501{place:02}" for place, language in enumerate(SHIPPED)}


def title(language: str, topic: str) -> str:
    import yaml

    from tests.conftest import ROOT

    answers = ROOT / "content" / "answers" / language / "prevention.yml"
    return yaml.safe_load(answers.read_text("utf-8"))["topics"][topic]["sms"]


async def test_an_sms_is_answered_in_its_language(farol: Farol, language):
    assert await farol.text(NUMBER[language], ASK[language]) == 204
    sent = await farol.twilio.sent_to(NUMBER[language], 2)
    assert sent[1]["Body"].startswith(title(language, "prep_what").strip()[:40])
    assert sent[0]["ContentRetention"] == "discard" and sent[0]["AddressRetention"] == "obfuscate"
    assert sent[0]["StatusCallback"].startswith(f"{PUBLIC}/webhooks/twilio?ref=")


async def test_a_whatsapp_message_is_answered_on_whatsapp(farol: Farol):
    status = await farol.text("whatsapp:+15005550021", "hola", to="whatsapp:+14155550199", ProfileName="Canaryname")
    assert status == 204
    sent = await farol.twilio.sent_to("whatsapp:+15005550021", 2)
    assert all(message["From"] == "whatsapp:+14155550199" for message in sent)


async def test_a_shared_pin_finds_the_sample_places(farol: Farol):
    await farol.text("whatsapp:+15005550022", "where can I get an HIV test", to="whatsapp:+14155550199")
    await farol.twilio.sent_to("whatsapp:+15005550022", 2)
    await farol.text("whatsapp:+15005550022", "", to="whatsapp:+14155550199", Latitude="0.001", Longitude="0.001")
    sent = await farol.twilio.sent_to("whatsapp:+15005550022", 3)
    assert "SAMPLE" in sent[2]["Body"]


async def test_the_same_webhook_five_times_is_answered_once(farol: Farol):
    form = {
        "MessageSid": "SM" + "7" * 32,
        "From": "+15005550031",
        "To": "+14155550100",
        "Body": "STOP",
        "NumMedia": "0",
    }
    url = f"{farol.address}/webhooks/twilio"
    statuses = await asyncio.gather(
        *(farol.twilio.post(url, list(form.items()), signed_url=f"{PUBLIC}/webhooks/twilio") for _ in range(5))
    )
    assert statuses == [204] * 5
    await farol.twilio.sent_to("+15005550031", 1)
    await farol.text("+15005550032", "STOP")
    await farol.twilio.sent_to("+15005550032", 1)
    assert len(await farol.twilio.sent_to("+15005550031", 1)) == 1


async def test_a_forged_webhook_writes_nothing(farol: Farol):
    form = {"MessageSid": "SM" + "8" * 32, "From": "+15005550041", "To": "+14155550100", "Body": "hello"}
    async with farol.http.post(f"{farol.address}/webhooks/twilio", data=form, headers={"X-Twilio-Signature": "x"}) as r:
        assert r.status == 403
    async with farol.http.post(f"{farol.address}/webhooks/twilio", data=form) as r:
        assert r.status == 403
    async with farol.http.post(f"{farol.address}/webhooks/telegram", json={"update_id": 1}) as r:
        assert r.status == 404, "telegram is polled here: there is no webhook to call"
    assert not [message for message in farol.twilio.sent if message["To"] == "+15005550041"]


async def test_a_huge_body_is_refused(farol: Farol):
    async with farol.http.post(f"{farol.address}/webhooks/twilio", data=b"x" * 100_000) as r:
        assert r.status == 413


async def test_telegram_is_polled_and_answered_with_buttons(farol: Farol):
    await farol.chat(1001, "hello")
    replies = await farol.replies(1001, 2)
    assert "Farol" in replies[0]
    last = [call for call in farol.telegram.calls("sendMessage") if str(call["chat_id"]) == "1001"][-1]
    markup = last["reply_markup"]
    markup = json.loads(markup) if isinstance(markup, str) else markup
    assert any("intent:find_service" in button["callback_data"] for row in markup["inline_keyboard"] for button in row)


async def test_two_people_on_telegram_keep_their_own_conversations(farol: Farol):
    await farol.chat(1002, "bonjour")
    await farol.chat(1003, "مرحبا")
    french, arabic = await farol.replies(1002, 2), await farol.replies(1003, 2)
    assert "Bonjour" in french[0] and "Farol" in arabic[0] and "Bonjour" not in arabic[0]


async def test_the_web_page_answers(farol: Farol):
    async with farol.http.get(f"{farol.address}/") as page:
        assert page.status == 200 and "default-src 'none'" in page.headers["Content-Security-Policy"]
    async with farol.http.get(f"{farol.address}/chat/words", headers={"Accept-Language": "ar"}) as words:
        assert (await words.json())["direction"] == "rtl"
        cookie = words.cookies["farol_chat"].value
    headers = {"Cookie": f"farol_chat={cookie}", "Origin": farol.address, "Sec-Fetch-Site": "same-origin"}
    message = {"id": "0f9a1b2c-0000-4000-8000-000000000001", "text": "hola"}
    async with farol.http.post(f"{farol.address}/chat/messages", json=message, headers=headers) as posted:
        assert posted.status == 202
    seen = []
    async with asyncio.timeout(30), farol.http.get(f"{farol.address}/chat/stream", headers=headers) as stream:
        async for line in stream.content:
            if line.startswith(b"data:") and b'"text"' in line:
                seen.append(json.loads(line[5:]))
                if len(seen) == 2:
                    break
    assert seen[0]["language"] == "es" and seen[1]["buttons"]


async def test_danger_on_sms_brings_help_and_no_menu(farol: Farol):
    await farol.text("+15005550051", "I want to kill myself")
    sent = await farol.twilio.sent_to("+15005550051", 1)
    assert "Farol" not in sent[0]["Body"]


async def test_an_erased_person_is_gone_from_the_file(farol: Farol):
    await farol.chat(1004, "canary-sentence-5521 delete everything please")
    await farol.replies(1004, 1)
    await farol.chat(1004, "delete everything")
    before = len(await farol.replies(1004, 2))
    await farol.chat(1004, "yes")
    await farol.replies(1004, before + 1)
    held = b"".join(path.read_bytes() for path in farol.folder.iterdir() if path.is_file())
    assert b"canary-sentence-5521" not in held


async def test_nothing_anybody_wrote_is_in_the_logs(farol: Farol, capfd):
    await farol.text("+15005550061", "canary-message-7719")
    await farol.twilio.sent_to("+15005550061", 1)
    written = "\n".join(farol.logged) + "".join(capfd.readouterr())
    for canary in ("canary-message-7719", "15005550061", "Canaryname", farol.twilio.auth_token, farol.telegram.token):
        assert canary not in written


async def test_a_provider_s_error_21610_ends_writing(farol: Farol):
    farol.twilio.opted_out.add("+15005550071")
    await farol.text("+15005550071", "hello")
    await farol.text("+15005550072", "STOP")
    await farol.twilio.sent_to("+15005550072", 1)
    assert not [message for message in farol.twilio.sent if message["To"] == "+15005550071"]


async def test_health(farol: Farol):
    async with farol.http.get(f"{farol.address}/health") as response:
        assert (response.status, await response.json()) == (200, {"status": "ok"})


async def test_ready(farol: Farol):
    async with farol.http.get(f"{farol.address}/health/ready") as response:
        assert (response.status, await response.json()) == (200, {"status": "ok", "database": True, "engines": 1})


async def test_figures_tell_of_messages_and_of_nobody(farol: Farol):
    await farol.text("+15005550081", "canary-figure-3391")
    await farol.twilio.sent_to("+15005550081", 1)
    async with farol.http.get(farol.metrics) as response:
        said = await response.text()
    figures = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(said)
        for sample in family.samples
    }
    assert figures[("farol_received_total", "sms", "yes")] >= 1
    assert figures[("farol_webhooks_total", "twilio", "204")] >= 1
    assert figures[("farol_turn_seconds_count",)] >= 1
    assert figures[("farol_answer_seconds_count", "sms")] >= 1 and figures[("farol_send_seconds_count", "sms")] >= 1
    assert figures[("farol_engine_up", "engine 1")] == 1 and figures[("farol_engines_well",)] == 1
    assert figures[("farol_waiting",)] >= 0
    assert [len(labels[0]) for name, *labels in figures if name == "farol_content"] == [12]
    assert not any(secret in said for secret in ("15005550081", "canary", farol.twilio.account_sid))


async def test_a_journey_is_traced_from_the_webhook_to_the_provider(farol: Farol):
    await farol.text("+15005550088", "canary-trace-4411")
    await farol.twilio.sent_to("+15005550088", 1)
    await farol.collector.seen("webhook", "journey", "turn", "send")
    assert farol.collector.about("webhook")["farol.channel"] == "twilio"
    assert b"canary-trace" not in farol.collector.raw and b"5005550088" not in farol.collector.raw
