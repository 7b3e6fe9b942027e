"""From a stored message to the words sent: order, once only, and never silent."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select, text, update

from bot.conversation.models import Conversation, Handoff, InboxMessage, OutboxMessage, Person, Recipient, Tally
from bot.messages import Consequence, Delivery, DeliveryStatus, Inbound, Location, SendError
from nlu.contract import Command, Response
from tests.conftest import PHRASES
from tests.conversation.fakes import reply


async def count(assistant, table) -> int:
    async with assistant.database.begin() as session:
        return await session.scalar(select(func.count()).select_from(table))


async def test_the_first_answer_comes_with_a_greeting_and_the_second_without(assistant):
    first = await assistant.receive("hello")
    second = await assistant.receive("hello")
    assert len(first) == 2 and "7 days" in first[0] and len(second) == 1


async def test_a_message_delivered_five_times_is_answered_once(assistant):
    for _ in range(5):
        await assistant.receive("hello", provider_id="same")
    assert len(assistant.engine.requests) == 1
    assert await count(assistant, InboxMessage) == 1
    assert await assistant.inbox.accept(Inbound("web", "same", "+15005550006", "hello")) is False


async def test_simultaneous_first_messages_make_one_person(assistant):
    await asyncio.gather(*(assistant.inbox.accept(Inbound("web", f"m{n}", "+15005550006", str(n))) for n in range(8)))
    assert await count(assistant, Person) == 1
    await assistant.workers.drain()
    assert len(assistant.engine.requests) == 8


async def test_messages_are_answered_in_the_order_they_came(assistant):
    for number in range(6):
        await assistant.inbox.accept(Inbound("web", f"m{number}", "a", f"text {number}"))
    await asyncio.gather(*(assistant.workers.drain() for _ in range(4)))
    assert [request.text for request in assistant.engine.requests] == [f"text {n}" for n in range(6)]


async def test_two_people_never_share_a_conversation(assistant):
    await assistant.receive("hello", sender="+15005550001")
    await assistant.receive("hello", sender="+15005550002")
    senders = {request.sender for request in assistant.engine.requests}
    assert len(senders) == 2 and not any("1500555" in sender for sender in senders)


async def test_the_engine_gets_back_its_own_events(assistant):
    await assistant.receive("one")
    await assistant.receive("two")
    assert assistant.engine.requests[0].events == []
    assert assistant.engine.requests[1].events == [{"event": "action", "name": "action_listen"}]


async def test_with_the_engine_down_there_is_a_safe_answer_and_a_person_is_told(assistant):
    assistant.engine.down = True
    said = await assistant.receive("where can I get tested", language_hint="en")
    assert said == [said[0]] and "technical problem" in said[0]
    assert await count(assistant, Handoff) == 1


async def test_danger_is_answered_without_the_engine(assistant, language):
    assistant.engine.down = True
    said = await assistant.receive(PHRASES["want_to_die"][language])
    assert assistant.engine.requests == []
    assert assistant.answers[-1].crisis == "crisis_suicide" and assistant.answers[-1].language == language
    assert said and "Farol" not in said[0], "no greeting stands before help"
    async with assistant.database.begin() as session:
        handoff = (await session.scalars(select(Handoff))).one()
    assert handoff.urgent and handoff.reason == "crisis_suicide"


async def test_a_number_presses_the_button_that_was_offered(assistant):
    assistant.engine.answer = lambda request: reply(Response("ask.which_topic", {"intents": ["hiv_basics", "sti"]}))
    await assistant.receive("hm")
    await assistant.receive("2")
    await assistant.receive("٢")
    await assistant.receive("About HIV")
    commands = [request.command for request in assistant.engine.requests]
    assert commands == [None, Command("sti"), Command("sti"), Command("hiv_basics")]


async def test_a_number_without_an_offer_is_only_a_number(assistant):
    await assistant.receive("7")
    assert assistant.engine.requests[0].command is None and assistant.engine.requests[0].text == "7"


async def test_a_text_that_looks_like_a_payload_is_only_text(assistant):
    await assistant.receive("intent:delete_my_data")
    assert assistant.engine.requests[0].command is None


async def test_a_strange_payload_presses_nothing(assistant):
    await assistant.receive("x", payload="intent:delete_my_data;DROP")
    assert assistant.engine.requests[0].command is None


async def test_a_menu_group_opens_without_the_engine(assistant):
    await assistant.receive("", payload="group:hiv")
    assert assistant.engine.requests == []
    assert any("hiv_basics" in button.payload for button in assistant.channel.sent[-1][1].buttons)


async def test_a_shared_location_is_a_place_to_search_near(assistant):
    await assistant.receive("", location=Location(51.5, -0.12))
    assert assistant.engine.requests[0].command == Command("find_service", {"place": "geo:51.50000,-0.12000"})


async def test_a_voice_message_is_answered_without_being_fetched(assistant):
    said = await assistant.receive("", media="audio")
    assert assistant.engine.requests == [] and "voice" in said[0]


async def test_stop_is_the_last_word_until_start(assistant):
    await assistant.receive("hello")
    assert len(await assistant.receive("STOP")) == 1
    assert await assistant.receive("hello again") == []
    assert len(await assistant.receive("START")) == 1
    assert await assistant.receive("hello again") != []


async def test_danger_breaks_the_silence_of_stop(assistant):
    await assistant.receive("STOP")
    assert await assistant.receive("I want to kill myself") != []


async def test_erasing_leaves_nothing_but_the_counts(assistant):
    await assistant.receive("hello", sender="+15005550009")
    assistant.engine.answer = lambda request: reply(Response("erased", effect="erase"))
    assert len(await assistant.receive("yes", sender="+15005550009")) == 1
    from bot.conversation import erasure

    async with assistant.database.begin() as session:
        await erasure.forget_all_farewells(session)
    for table in (Person, Recipient, Conversation, InboxMessage, OutboxMessage, Handoff):
        assert await count(assistant, table) == 0, table.__tablename__
    assert await count(assistant, Tally) > 0


async def test_somebody_who_writes_right_after_erasing_is_not_lost(assistant):
    assistant.engine.answer = lambda request: reply(Response("erased", effect="erase"))
    await assistant.receive("yes")
    assistant.engine.answer = lambda request: reply("goodbye")
    await assistant.receive("one more thing")
    from bot.conversation import erasure

    async with assistant.database.begin() as session:
        await erasure.forget_all_farewells(session)
    assert await count(assistant, Person) == 1


async def test_nothing_readable_is_in_the_files(assistant, kind, tmp_path, request):
    await assistant.receive("canary-text-8213 und mehr", sender="+15005551234")
    folder = tmp_path
    if kind == "postgresql":
        folder = request.getfixturevalue("migrated_postgres").folder
        async with assistant.database.engine.connect() as connection:
            raw = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await raw.execute(text("CHECKPOINT"))
    await assistant.database.close()
    held = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"ix_outbox_queued" in held, "these are the files"
    assert b"canary-text-8213" not in held and b"15005551234" not in held


async def test_a_lost_lease_writes_nothing(assistant):
    await assistant.inbox.accept(Inbound("web", "m", "a", "hello"))
    held = await assistant.workers._leases.take()
    async with assistant.database.begin() as session:
        await session.execute(text("UPDATE conversation SET fence = fence + 1"))
    from bot.conversation.leases import LeaseLost

    with pytest.raises(LeaseLost):
        await assistant.workers._serve(held)
    assert await count(assistant, OutboxMessage) == 0


async def test_a_held_conversation_is_left_alone_until_its_lease_ends(assistant):
    await assistant.inbox.accept(Inbound("web", "m", "a", "hello"))
    assert await assistant.workers._leases.take() is not None
    assert await assistant.workers._leases.take() is None
    async with assistant.database.begin() as session:
        await session.execute(text("UPDATE conversation SET lease_until = '2000-01-01 00:00:00'"))
    assert await assistant.workers._leases.take() is not None


async def test_a_failed_send_is_tried_again_when_the_provider_says(assistant):
    assistant.channel.errors = [SendError("busy", Consequence.RETRY, code="429", retry_after=30)]
    await assistant.receive("STOP")
    async with assistant.database.begin() as session:
        row = (await session.scalars(select(OutboxMessage))).one()
        assert (row.status, row.attempts, row.error_code) == ("queued", 1, "429")
        row.next_at = row.created_at
    await assistant.sender.drain()
    assert assistant.channel.sent == [], "the person is left alone for as long as the provider said"
    async with assistant.database.begin() as session:
        await session.execute(update(Recipient).values(send_after=None))
    await assistant.sender.drain()
    assert len(assistant.channel.sent) == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SendError("no such number", Consequence.GIVE_UP, code="21211"), "failed"),
        (SendError("stopped", Consequence.STOP_WRITING, code="21610"), "failed"),
        (SendError("timed out", Consequence.RETRY, uncertain=True), "queued"),
        (SendError("timed out", Consequence.GIVE_UP, uncertain=True), "uncertain"),
    ],
)
async def test_what_a_failure_means(assistant, error, status):
    assistant.channel.errors = [error]
    await assistant.receive("STOP")
    async with assistant.database.begin() as session:
        assert (await session.scalars(select(OutboxMessage.status))).one() == status


async def test_the_parts_of_an_answer_arrive_in_order(assistant):
    assistant.channel.errors = [SendError("busy", Consequence.RETRY, retry_after=0.01), None, None]
    await assistant.receive("hello")
    for _ in range(50):
        if len(assistant.channel.sent) == 2:
            break
        await asyncio.sleep(0.01)
        await assistant.sender.drain()
    texts = [message.text for _, message in assistant.channel.sent]
    assert "Farol" in texts[0] and "Farol" not in texts[1]


async def test_a_provider_s_later_word_is_noted_once(assistant):
    await assistant.receive("STOP")
    await assistant.inbox.delivered(DeliveryStatus("web", "id-1", Delivery.READ))
    await assistant.inbox.delivered(DeliveryStatus("web", "id-1", Delivery.DELIVERED))
    async with assistant.database.begin() as session:
        assert (await session.scalars(select(OutboxMessage.status))).one() == "read"


async def test_old_messages_are_swept(assistant):
    from bot.conversation.retention import Retention

    await assistant.receive("hello")
    async with assistant.database.begin() as session:
        await session.execute(text("UPDATE inbox SET received_at = '2000-01-01 00:00:00'"))
        await session.execute(text("UPDATE outbox SET created_at = '2000-01-01 00:00:00'"))
        await session.execute(text("UPDATE person SET last_seen_at = '2000-01-01 00:00:00'"))
    counts = await Retention(assistant.database, 7, 90).sweep()
    assert counts == {"received": 1, "sent": 2, "dialogues": 1, "people": 1}


async def test_a_language_that_is_not_shipped_is_told_so_and_counted(assistant):
    assistant.engine.answer = lambda request: reply("goodbye", language="es", detected="pt")
    said = await assistant.receive("preciso de ajuda")
    assert any("idioma" in part for part in said)
    async with assistant.database.begin() as session:
        asked = await session.scalars(select(Tally.key).where(Tally.kind == "language_asked_for"))
        assert asked.all() == ["pt"]


async def test_a_country_chosen_after_a_crisis_brings_its_numbers(assistant):
    await assistant.receive("I want to die")
    numbers = next(b for b in assistant.channel.sent[-1][1].buttons if b.payload.startswith("numbers:"))
    asked = len(assistant.engine.requests)
    await assistant.receive(numbers.title, payload=numbers.payload)
    assert len(assistant.engine.requests) == asked, "the list of countries needs no engine"
    press = next(b for b in assistant.channel.sent[-1][1].buttons if b.payload.startswith("in:FR:"))
    assistant.engine.answer = lambda request: reply("affirm", country="FR")
    said = await assistant.receive(press.title, payload=press.payload)
    assert assistant.engine.requests[-1].command == Command("choose", {"country": "FR"})
    assert "3114" in said[0]


async def test_a_first_word_tells_the_language(assistant):
    await assistant.receive("borrar todo")
    request = assistant.engine.requests[-1]
    assert request.command == Command("delete_my_data") and request.hints.earlier == "es"


async def test_where_an_answer_comes_from_is_told_when_it_is_asked_for(assistant, content, language):
    word = content.words(language).words["sources.word"]
    assistant.engine.answer = lambda request: reply(Response("topic", {"topic": "prep_what"}), language=language)
    await assistant.receive("what is prep")
    (said,) = await assistant.receive(word.lower())
    assert all(source["url"] in said for source in content.topics["prep_what"].sources)
    assert len(assistant.engine.requests) == 1, "the engine is not asked"


async def test_the_word_for_sources_alone_is_only_a_word(assistant, content):
    await assistant.receive(content.words("en").words["sources.word"])
    assert len(assistant.engine.requests) == 1


async def test_a_part_of_a_country_is_chosen_by_a_button_and_remembered(assistant):
    topic = Response("topic", {"topic": "abortion"})
    assistant.engine.answer = lambda request: reply(topic, country="GB")
    first = await assistant.receive("abortion?")
    assert "24 weeks" in first[-1]
    (there,) = await assistant.receive("Northern Ireland", payload="in:GB-NIR:abortion")
    assert "(Northern Ireland):" in there and "12 weeks" in there
    (again,) = await assistant.receive("and again")
    assert "12 weeks" in again
    (back,) = await assistant.receive("United Kingdom", payload="in:GB:abortion")
    assert "24 weeks" in back
    assistant.engine.answer = lambda request: reply(topic, country="MX")
    assert "Northern Ireland" not in (await assistant.receive("and in Mexico?"))[0]
