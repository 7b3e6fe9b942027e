"""Sending: rates, refusals, what is uncertain, WhatsApp's 24 hours, a provider's later words, people who wait long."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import select, text, update

from bot.channels.twilio import TwilioChannel
from bot.conversation import pacing, receipts
from bot.conversation.enquiry import UNKNOWABLE, Enquiry
from bot.conversation.models import Conversation, Handoff, InboxMessage, OutboxMessage, Pace, Recipient
from bot.conversation.pacing import Rate
from bot.conversation.patience import Patience
from bot.conversation.recovery import Recovery
from bot.conversation.sender import Sender
from bot.conversation.worker import Workers
from bot.db import now
from bot.messages import Consequence, Delivery, DeliveryStatus, Inbound, SendError
from bot.safety.screen import Screen
from nlu.contract import Response
from tests.conversation.conftest import Assistant
from tests.conversation.fakes import reply
from tests.emulators.twilio_api import TwilioApi
from tests.emulators.twilio_api import sms as sms_form

ALICE, BOB = "+15005550001", "+15005550002"


def paced(assistant: Assistant, rate: Rate) -> Sender:
    channels = {assistant.channel.traits.name: assistant.channel}
    return Sender(assistant.database, assistant.vault, channels, assistant.workers.answered, {"web": rate})


async def rows(assistant: Assistant, *, order=OutboxMessage.position) -> list[OutboxMessage]:
    async with assistant.database.begin(read_only=True) as session:
        return list((await session.scalars(select(OutboxMessage).order_by(order))).all())


async def queue(assistant: Assistant, *people: str) -> None:
    """One message of one part for each of these people, not yet sent."""
    for person in people:
        await assistant.inbox.accept(Inbound("web", secrets.token_hex(8), person, "STOP"))
    await assistant.workers.drain()


# --- Rates --------------------------------------------------------------------------------------------------------


async def test_a_channel_never_sends_faster_than_its_rate(assistant, monkeypatch):
    """30 a second, whoever asks, in any second: counted on a clock of its own."""
    moment = [datetime(2026, 1, 1, tzinfo=UTC)]
    monkeypatch.setattr(pacing, "now", lambda: moment[0])
    rate, left = Rate(30), []
    await pacing.prepare(assistant.database, {"web": rate})
    async with assistant.database.begin() as session:
        await session.execute(update(Pace).values(next_at=moment[0]))
    for _ in range(400):
        async with assistant.database.begin() as session:
            leave = await pacing.look(session, "web", rate, 8)
            await pacing.spend(session, "web", rate, leave.count)
        left += [moment[0]] * leave.count
        moment[0] += timedelta(milliseconds=10)
    busiest = max(sum(begin <= one < begin + timedelta(seconds=1) for one in left) for begin in left)
    assert 25 <= busiest <= 30 and len(left) > 100


@pytest.mark.parametrize("per_second", [0.2, 1, 3, 10, 30, 80, 400])
def test_burst_and_refill_of_a_second_stay_within_the_rate(per_second):
    rate = Rate(per_second)
    refill = timedelta(seconds=1) / rate.interval
    assert rate.burst + refill <= per_second + 1e-4 or rate.burst == 1 and refill <= per_second + 1e-4


async def test_one_person_gets_one_message_a_second(assistant):
    sender = paced(assistant, Rate(30, each=1))
    await assistant.inbox.accept(Inbound("web", "m", ALICE, "hello"))
    await assistant.workers.drain()
    await sender.drain()
    assert len(assistant.channel.sent) == 1, "the greeting; the answer has to wait"
    async with assistant.database.begin() as session:
        await session.execute(update(Recipient).values(send_after=now()))
    await sender.drain()
    assert len(assistant.channel.sent) == 2


async def test_a_clock_that_was_wrong_does_not_stop_the_channel(assistant):
    sender = paced(assistant, Rate(30))
    await queue(assistant, ALICE)
    await pacing.prepare(assistant.database, {"web": Rate(30)})
    async with assistant.database.begin() as session:
        await session.execute(update(Pace).values(next_at=now() + timedelta(days=400)))
    await sender.drain()
    assert len(assistant.channel.sent) == 1


async def test_two_people_refused_for_speed_pause_the_channel_and_one_does_not(assistant):
    sender = paced(assistant, Rate(30))
    busy = SendError("busy", Consequence.RETRY, code="429", retry_after=40)
    await queue(assistant, ALICE)
    assistant.channel.errors = [busy]
    await sender.drain()
    await queue(assistant, BOB)
    async with assistant.database.begin() as session:
        assert (await session.scalar(select(Pace.next_at))) < now() + timedelta(seconds=5)
        until = (await session.scalars(select(Recipient.send_after).where(Recipient.send_after.is_not(None)))).one()
        assert until > now() + timedelta(seconds=38)
        await session.execute(update(Pace).values(next_at=now() - timedelta(seconds=1)))
    assistant.channel.errors = [busy]
    await sender.drain()
    async with assistant.database.begin() as session:
        assert (await session.scalar(select(Pace.next_at))) > now() + timedelta(seconds=38)
    assert assistant.channel.sent == []


# --- Later words ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("consequence", "attempts", "status"),
    [
        (Consequence.RETRY_FEW, 1, "queued"),
        (Consequence.RETRY_FEW, receipts.FEW_ATTEMPTS, "failed"),
        (Consequence.RETRY, receipts.FEW_ATTEMPTS, "queued"),
        (Consequence.RETRY, receipts.MAX_ATTEMPTS, "failed"),
        (Consequence.GIVE_UP, 1, "failed"),
        (Consequence.STOP_WRITING, 1, "failed"),
    ],
)
async def test_what_a_failure_told_later_means(assistant, consequence, attempts, status):
    await assistant.receive("STOP")
    async with assistant.database.begin() as session:
        await session.execute(update(OutboxMessage).values(attempts=attempts))
    await assistant.inbox.delivered(DeliveryStatus("web", "id-1", Delivery.FAILED, "30003", consequence))
    (row,) = await rows(assistant)
    assert (row.status, row.error_code) == (status, "30003")
    assert status == "failed" or row.next_at > now() + timedelta(seconds=30)


async def test_a_later_word_names_a_message_whose_id_we_never_learnt(assistant):
    await queue(assistant, ALICE)
    async with assistant.database.begin() as session:
        await session.execute(update(OutboxMessage).values(status="uncertain", attempts=2))
    (row,) = await rows(assistant)
    for reference in (f"{row.id}.1", f"{row.id}.x", row.id, "another.2"):
        await assistant.inbox.delivered(DeliveryStatus("web", "id-9", Delivery.SENT, reference=reference))
        assert (await rows(assistant))[0].status == "uncertain", "an earlier attempt, or not ours"
    await assistant.inbox.delivered(DeliveryStatus("web", "id-9", Delivery.DELIVERED, reference=f"{row.id}.2"))
    (row,) = await rows(assistant)
    assert (row.status, row.provider_id) == ("delivered", "id-9")


# --- Uncertain ------------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def twilio():
    async with TwilioApi() as api:
        yield api


@pytest_asyncio.fixture
async def sms(assistant, twilio, content, screen: Screen):
    """The assistant with a real SMS channel to the emulator; `discard` says whether Twilio keeps texts."""
    channel = TwilioChannel(
        "sms",
        account_sid=twilio.account_sid,
        auth_token=twilio.auth_token,
        sender="+14155550100",
        api_url=twilio.url,
        discard_content=False,
        timeout=5,
    )
    await channel.start()
    traits = {"sms": channel.traits}
    arrived = assistant.inbox.arrived
    assistant.workers = Workers(assistant.database, assistant.vault, screen, assistant.engine, content, traits, arrived)
    assistant.sender = Sender(assistant.database, assistant.vault, {"sms": channel}, assistant.workers.answered)
    assistant.channel = channel
    yield assistant
    await channel.stop()


def enquiry(assistant: Assistant) -> Enquiry:
    channels = {assistant.channel.traits.name: assistant.channel}
    return Enquiry(assistant.database, assistant.sender.letters, channels, assistant.workers.answered, timedelta())


async def uncertain_sms(assistant: Assistant) -> OutboxMessage:
    await assistant.inbox.accept(Inbound("sms", secrets.token_hex(8), ALICE, "STOP"))
    await assistant.workers.drain()
    await assistant.sender.drain()
    row = (await rows(assistant))[-1]
    assert row.status == "uncertain"
    async with assistant.database.begin() as session:
        await session.execute(
            update(OutboxMessage).where(OutboxMessage.id == row.id).values(next_at=now() - timedelta(seconds=1))
        )
    return row


async def test_a_message_that_twilio_has_is_not_said_twice(sms, twilio):
    twilio.hang_up(accepted=True)
    await uncertain_sms(sms)
    assert await enquiry(sms).look() == 1
    await sms.sender.drain()
    (row,) = await rows(sms)
    assert (row.status, row.provider_id, len(twilio.sent)) == ("sent", twilio.sids[0], 1)


async def test_a_message_that_twilio_does_not_have_is_sent(sms, twilio):
    twilio.hang_up()
    await uncertain_sms(sms)
    assert await enquiry(sms).look() == 1
    await sms.sender.drain()
    (row,) = await rows(sms)
    assert (row.status, row.attempts, len(twilio.sent)) == ("sent", 2, 1)


async def test_the_same_words_said_before_are_another_message(sms, twilio):
    await sms.inbox.accept(Inbound("sms", "first", ALICE, "STOP"))
    await sms.workers.drain()
    await sms.sender.drain()
    twilio.hang_up()
    await uncertain_sms(sms)
    await enquiry(sms).look()
    await sms.sender.drain()
    assert [row.status for row in await rows(sms)] == ["sent", "sent"]
    assert len(twilio.sent) == 2 and twilio.sent[0]["Body"] == twilio.sent[1]["Body"]


async def test_what_no_log_can_tell_stays_uncertain_and_a_person_is_told(sms, twilio):
    sms.channel._options["content_retention"] = "discard"
    twilio.hang_up(accepted=True)
    await uncertain_sms(sms)
    for _ in range(3):
        await enquiry(sms).look()
    await sms.sender.drain()
    (row,) = await rows(sms)
    assert (row.status, row.error_code, len(twilio.sent)) == ("uncertain", UNKNOWABLE, 1)
    async with sms.database.begin() as session:
        assert (await session.scalars(select(Handoff.reason))).all() == ["uncertain"]


async def test_a_crash_while_sending_leaves_nothing_unanswered(assistant):
    """No log to look in (Telegram): it is sent again, and marked."""
    await queue(assistant, ALICE)
    letters, _ = await assistant.sender.letters.take("web", 8)
    assert len(letters) == 1
    asking = enquiry(assistant)
    await asking.expire()
    assert (await rows(assistant))[0].status == "sending", "its sender answers for it"
    async with assistant.database.begin() as session:
        await session.execute(update(OutboxMessage).values(taken_until=now() - timedelta(seconds=1)))
    await asking.expire()
    (row,) = await rows(assistant)
    assert (row.status, row.error_code) == ("queued", "uncertain")
    await assistant.sender.drain()
    assert len(assistant.channel.sent) == 1


# --- WhatsApp's 24 hours --------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def whatsapp(sms, twilio, content, screen):
    channel = TwilioChannel(
        "whatsapp",
        account_sid=twilio.account_sid,
        auth_token=twilio.auth_token,
        sender="+14155550199",
        api_url=twilio.url,
        templates={"en": "HXenglish", "fr": "HXfrench"},
    )
    twilio.content_sids |= {"HXenglish", "HXfrench"}
    await channel.start()
    traits = {"whatsapp": channel.traits}
    sms.workers = Workers(sms.database, sms.vault, screen, sms.engine, content, traits, sms.inbox.arrived)
    sms.sender = Sender(sms.database, sms.vault, {"whatsapp": channel}, sms.workers.answered)
    sms.channel = channel
    yield sms
    await channel.stop()


async def late(assistant: Assistant) -> None:
    """A message from yesterday whose answer goes out only now."""
    await assistant.inbox.accept(Inbound("whatsapp", "yesterday", ALICE, "bonjour", language_hint="fr"))
    assistant.engine.answer = lambda request: reply("goodbye", language="fr")
    await assistant.workers.drain()
    async with assistant.database.begin() as session:
        await session.execute(update(InboxMessage).values(sent_at=now() - timedelta(hours=25)))


async def test_outside_the_window_people_are_asked_to_write_and_then_get_everything(whatsapp, twilio):
    await late(whatsapp)
    await whatsapp.sender.drain()
    assert [sent.get("ContentSid") for sent in twilio.sent] == ["HXfrench"], "asked once, for two parts"
    assert [row.status for row in await rows(whatsapp)] == ["held", "held"]
    await whatsapp.inbox.accept(Inbound("whatsapp", "today", ALICE, "oui"))
    await whatsapp.sender.drain()
    assert [row.status for row in await rows(whatsapp)] == ["sent", "sent"]
    assert all("Body" in sent for sent in twilio.sent[1:]) and len(twilio.sent) == 3


async def test_outside_the_window_without_a_template_a_person_is_told(whatsapp, twilio):
    whatsapp.channel._templates = {}
    await late(whatsapp)
    await whatsapp.sender.drain()
    assert twilio.sent == []
    assert {(row.status, row.error_code) for row in await rows(whatsapp)} == {("failed", receipts.OUTSIDE_WINDOW)}
    async with whatsapp.database.begin() as session:
        assert set(await session.scalars(select(Handoff.reason))) == {"outside_window"}


async def test_a_window_that_only_twilio_knew_to_be_shut(whatsapp, twilio):
    await whatsapp.inbox.accept(Inbound("whatsapp", "m", ALICE, "STOP"))
    await whatsapp.workers.drain()
    await whatsapp.sender.drain()
    failed = DeliveryStatus("whatsapp", twilio.sids[0], Delivery.FAILED, "63016", Consequence.OUTSIDE_WINDOW)
    await whatsapp.inbox.delivered(failed)
    await whatsapp.sender.drain()
    assert [sent.get("ContentSid") for sent in twilio.sent] == [None, "HXenglish"]
    assert [row.status for row in await rows(whatsapp)] == ["held"]


# --- Somebody waits -------------------------------------------------------------------------------------------------


@pytest.fixture
def patience(assistant, content) -> Patience:
    traits = {assistant.channel.traits.name: assistant.channel.traits}
    return Patience(assistant.database, assistant.vault, content, traits, assistant.workers.answered)


async def make_wait(assistant: Assistant, seconds: float) -> None:
    async with assistant.database.begin() as session:
        await session.execute(
            update(InboxMessage)
            .where(InboxMessage.done_at.is_(None))
            .values(received_at=now() - timedelta(seconds=seconds))
        )


async def test_whoever_waits_long_is_told_once_in_their_language(assistant, patience, content, language):
    assistant.engine.answer = lambda request: reply("goodbye", language=language)
    await assistant.receive("…")
    before = len(assistant.channel.sent)
    await assistant.inbox.accept(Inbound("web", "slow", "+15005550006", "?"))
    assert await patience.tell() == 0
    await make_wait(assistant, 11)
    assert [await patience.tell() for _ in range(3)] == [1, 0, 0]
    await assistant.sender.drain()
    assert [m.text for _, m in assistant.channel.sent[before:]] == [content.words(language).words["coming"]]
    await assistant.workers.drain()
    assert await patience.tell() == 0, "it is answered"
    await assistant.inbox.accept(Inbound("web", "slow again", "+15005550006", "?"))
    await make_wait(assistant, 11)
    assert await patience.tell() == 1


async def test_who_asked_for_silence_is_not_told(assistant, patience):
    await assistant.receive("STOP", sender=ALICE)
    await assistant.inbox.accept(Inbound("web", "m", ALICE, "?"))
    await assistant.inbox.accept(Inbound("web", "g", BOB, payload="say:group.refused"))
    await make_wait(assistant, 11)
    assert await patience.tell() == 0


# --- A message that cannot be answered ------------------------------------------------------------------------------


async def test_a_message_that_breaks_the_journey_gets_the_safe_answer_and_holds_up_nobody(assistant):
    def answer(request):
        if "poison" in request.text:
            raise RuntimeError("a fault of ours")
        return reply("goodbye")

    assistant.engine.answer = answer
    await assistant.inbox.accept(Inbound("web", "m1", ALICE, "poison"))
    await assistant.inbox.accept(Inbound("web", "m2", ALICE, "after it"))
    await assistant.inbox.accept(Inbound("web", "m3", BOB, "hello"))
    for _ in range(3):
        await assistant.workers.drain()
        async with assistant.database.begin() as session:
            await session.execute(update(Conversation).where(Conversation.due_at.is_not(None)).values(due_at=now()))
    await assistant.sender.drain()
    said = [m.text for address, m in assistant.channel.sent if address == ALICE]
    assert "technical problem" in said[0] and len(said) > 1
    assert [request.text for request in assistant.engine.requests].count("poison") == 3
    assert any(address == BOB for address, _ in assistant.channel.sent)


# --- Recovery -------------------------------------------------------------------------------------------------------


async def test_missed_messages_are_fetched_once_and_in_order(sms, twilio):
    begun = datetime.now(UTC) - timedelta(minutes=40)
    sids = [f"SM{number:032x}" for number in range(100, 106)]
    for number, sid in enumerate(sids):
        twilio.receive(sms_form(ALICE, f"text {number}", sid=sid), begun + timedelta(seconds=number))
    twilio.receive(sms_form(ALICE, "just now", sid="SM" + "9" * 32))
    await sms.inbox.accept(Inbound("sms", sids[2], ALICE, "text 2"))
    recovery = Recovery(sms.inbox, {"sms": sms.channel})
    for _ in range(2):
        assert await recovery.fetch("sms", timedelta(hours=1))
    async with sms.database.begin() as session:
        kept = (await session.scalars(select(InboxMessage.provider_id).order_by(InboxMessage.position))).all()
    assert kept == [sids[2], *(sid for sid in sids if sid != sids[2])], "what is younger is on its way by webhook"


async def test_a_message_of_somebody_erased_does_not_bring_them_back(sms, twilio):
    sid = "SM" + "5" * 32
    twilio.receive(sms_form(ALICE, "delete", sid=sid), datetime.now(UTC) - timedelta(minutes=5))
    sms.engine.answer = lambda request: reply(Response("erased", effect="erase"))
    await sms.inbox.accept(Inbound("sms", sid, ALICE, "delete"))
    await sms.workers.drain()
    asked = len(sms.engine.requests)
    assert await Recovery(sms.inbox, {"sms": sms.channel}).fetch("sms", timedelta(hours=1))
    await sms.workers.drain()
    assert len(sms.engine.requests) == asked
    async with sms.database.begin() as session:
        kept = (await session.execute(text("SELECT digest FROM tombstone"))).scalars().all()
    assert len(kept) == 1 and sid not in kept[0]


async def test_a_log_that_cannot_be_read_is_asked_again(sms, twilio):
    sms.channel._client.api.base_url = "http://127.0.0.1:9"
    assert await Recovery(sms.inbox, {"sms": sms.channel}).fetch("sms", timedelta(hours=1)) is False
