"""Watching and stepping in, as the pages do it, from a provider's webhook to what the provider is given to send."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import select

from bot.console.models import AuditEntry
from bot.conversation.card import Card
from bot.conversation.models import Handoff, Tally
from bot.db import now
from nlu.contract import Response
from tests.console.conftest import understood

pytestmark = pytest.mark.asyncio(loop_scope="session")

HUMAN = "I want to talk to a person"


@pytest_asyncio.fixture(loop_scope="session")
async def desk(farol):
    """A function that signs operators in; all are closed afterwards."""
    farol.engine.answers[HUMAN] = understood("talk_to_human", Response("human", effect="hand_off"))
    farol.engine.answers["what is prep"] = understood("prep_what")
    async with AsyncExitStack() as stack:

        async def sign_in(role: str = "operator"):
            return await stack.enter_async_context(await farol.signed_in(role))

        yield sign_in


async def conversation_of(farol, channel: str, sender: str) -> str:
    """The id of somebody's conversation, once they were answered."""
    from bot.conversation.models import Conversation, Recipient

    lookup = farol.vault.lookup(channel, sender)
    async with farol.database.begin(read_only=True) as session:
        return await session.scalar(
            select(Conversation.id)
            .join(Recipient, Recipient.id == Conversation.recipient_id)
            .join(Card, Card.conversation_id == Conversation.id)
            .where(Recipient.channel == channel, Recipient.lookup == lookup)
        )


async def arrive(farol, sender: str, body: str, times: int = 1) -> str:
    """A WhatsApp message that was answered; returns the conversation's id."""
    await farol.whatsapp(sender, body)
    await farol.twilio.sent_to(f"whatsapp:{sender}", times)
    return await conversation_of(farol, "whatsapp", sender)


async def page(client, path: str) -> str:
    async with client.get(path) as response:
        assert response.status == 200, (response.status, path)
        return await response.text()


async def act(client, conversation: str, deed: str, **fields: str) -> tuple[int, str]:
    """Press a button as the page shows it now: with its token and its fence."""
    shown = await page(client, f"/console/conversations/{conversation}")
    csrf = re.search(r'data-csrf="(\w+)"', shown)[1]
    fence = re.search(r'name="fence" value="(\d+)"', shown)
    fields = {"csrf": csrf, "fence": fence[1] if fence else "0", "once": re.sub(r"\W", "", str(now())), **fields}
    path = f"/console/conversations/{conversation}/{deed}"
    async with client.post(path, data=fields, allow_redirects=False) as response:
        return response.status, await response.text()


async def sent(farol, sender: str, times: int) -> list[str]:
    return [message["Body"] for message in await farol.twilio.sent_to(f"whatsapp:{sender}", times)]


async def test_the_most_urgent_comes_first_and_nobody_is_named(farol, desk):
    viewer = await desk("viewer")
    quiet, waiting, danger = farol.number(), farol.number(), farol.number()
    await arrive(farol, danger, "I want to kill myself")
    await arrive(farol, waiting, HUMAN)
    await arrive(farol, quiet, "what is prep")
    ids = [await conversation_of(farol, "whatsapp", number) for number in (danger, waiting, quiet)]
    shown = await page(viewer, "/console/conversations?alias=")
    places = [shown.index(f"/console/conversations/{one}") for one in ids]
    assert places == sorted(places)
    assert not any(number[2:] in shown for number in (quiet, waiting, danger))


async def test_a_transcript_shows_what_was_understood_and_said_and_the_look_is_logged(farol, desk):
    viewer, sender = await desk("viewer"), farol.number()
    conversation = await arrive(farol, sender, "what is prep", 2)
    shown = await page(viewer, f"/console/conversations/{conversation}")
    assert "what is prep" in shown and "prep_what" in shown and "topic:prep_what" in shown and "90" in shown
    assert sender[2:] not in shown
    alias = re.search(r'class="alias">([^<]+)</h1>', shown)[1]
    async with farol.database.begin() as session:
        query = select(AuditEntry.about).where(AuditEntry.operator == viewer.name, AuditEntry.action == "looked")
        assert list(await session.scalars(query)) == [alias]
    await page(viewer, f"/console/conversations/{conversation}/part")
    async with farol.database.begin() as session:
        assert len(list(await session.scalars(query))) == 1, "a page that stays open is one look"


async def test_the_list_is_narrowed_by_what_is_known(farol, desk):
    viewer, sender = await desk("viewer"), farol.number()
    farol.engine.answers["¿qué es la PrEP?"] = understood("prep_what", language="es", country="ES")
    conversation = await arrive(farol, sender, "¿qué es la PrEP?")
    link = f"/console/conversations/{conversation}"
    for fits in ("language=es", "channel=whatsapp", "topic=prep_what", "country=ES", f"day={now().date()}"):
        assert link in await page(viewer, f"/console/conversations?{fits}"), fits
    for not_it in ("language=fr", "channel=sms", "topic=sti", "country=FR", "day=2020-01-01", "alias=nobody"):
        assert link not in await page(viewer, f"/console/conversations?{not_it}"), not_it
    alias = re.search(r"<h1[^>]*>([^<]+)", await page(viewer, link))[1]
    assert link in await page(viewer, f"/console/conversations?alias={alias.lower()}")


async def test_an_operator_takes_over_answers_and_hands_back(farol, desk):
    ana, sender = await desk(), farol.number()
    conversation = await arrive(farol, sender, HUMAN, 2)
    assert (await act(ana, conversation, "take"))[0] == 303
    assert "A person of our team is here" in (await sent(farol, sender, 3))[2]
    assert (await act(ana, conversation, "say", text="Hello, this is a human."))[0] == 303
    assert (await sent(farol, sender, 4))[3] == "Hello, this is a human."
    # The program is silent now, whatever they write.
    await farol.whatsapp(sender, "what is prep")
    await farol.whatsapp(sender, "1")
    assert (await act(ana, conversation, "note", note="call back on Monday"))[0] == 303
    assert "call back on Monday" in await page(ana, f"/console/conversations/{conversation}")
    assert (await act(ana, conversation, "hand-back"))[0] == 303
    said = await sent(farol, sender, 5)
    assert len(said) == 5 and "computer program again" in said[4]
    await farol.whatsapp(sender, "what is prep")
    assert "PrEP" in (await sent(farol, sender, 6))[5]
    async with farol.database.begin() as session:
        handoff = (await session.scalars(select(Handoff).where(Handoff.conversation_id == conversation))).one()
        assert handoff.taken_at and handoff.closed_at
        assert await session.get(Tally, (now().date().isoformat(), "waited", "5m"))


async def test_danger_is_answered_at_once_even_while_a_person_of_the_team_answers(farol, desk):
    ana, sender = await desk(), farol.number()
    conversation = await arrive(farol, sender, HUMAN, 2)
    await act(ana, conversation, "take")
    await farol.whatsapp(sender, "I want to kill myself")
    assert len(await sent(farol, sender, 4)) == 4
    assert "crisis" in await page(ana, f"/console/conversations/{conversation}/part")


async def test_two_operators_never_answer_the_same_person_unknowingly(farol, desk):
    ana, eva, sender = await desk(), await desk(), farol.number()
    conversation = await arrive(farol, sender, HUMAN, 2)
    shown = await page(eva, f"/console/conversations/{conversation}")
    old = re.search(r'name="fence" value="(\d+)"', shown)[1]
    await act(ana, conversation, "take")
    # Eva's page is older than Ana's press.
    status, text = await act(eva, conversation, "take", fence=old)
    assert status == 409 and ana.name in text
    status, text = await act(eva, conversation, "say", text="me too", fence="1")
    assert status == 409 and "me too" in text, "what was written is not lost"
    # Knowingly, she may: then Ana cannot any more.
    assert (await act(eva, conversation, "take"))[0] == 303
    status, text = await act(ana, conversation, "say", text="hello?")
    assert status == 409 and eva.name in text
    assert not any(said in ("me too", "hello?") for said in await sent(farol, sender, 3))


async def test_of_two_who_press_at_once_one_has_it(farol, desk):
    ana, eva, sender = await desk(), await desk(), farol.number()
    conversation = await arrive(farol, sender, HUMAN, 2)
    results = await asyncio.gather(act(ana, conversation, "take", fence="0"), act(eva, conversation, "take", fence="0"))
    assert sorted(status for status, _ in results) == [303, 409]


async def test_a_button_pressed_twice_sends_once(farol, desk):
    ana, sender = await desk(), farol.number()
    conversation = await arrive(farol, sender, HUMAN, 2)
    await act(ana, conversation, "take")
    for _ in range(2):
        assert (await act(ana, conversation, "say", text="once", once="same"))[0] == 303
    await act(ana, conversation, "say", text="end")
    assert (await sent(farol, sender, 5))[3:] == ["once", "end"]


async def test_outside_of_the_24_hours_nothing_is_sent_on_whatsapp_and_it_is_said(farol, desk):
    ana, sender = await desk(), farol.number()
    conversation = await arrive(farol, sender, HUMAN, 2)
    await act(ana, conversation, "take")
    where = {"where": "conversation_id = :id", "id": conversation}
    await farol.older("card", "last_in_at", timedelta(hours=24, minutes=1), **where)
    status, text = await act(ana, conversation, "say", text="too late")
    assert status == 409 and "24 hours" in text and "too late" in text
    assert "too late" not in await sent(farol, sender, 3)


async def test_who_said_stop_is_not_written_to(farol, desk):
    ana, sender = await desk(), farol.number()
    conversation = await arrive(farol, sender, HUMAN, 2)
    await act(ana, conversation, "take")
    await farol.whatsapp(sender, "STOP")
    assert len(await sent(farol, sender, 4)) == 4
    assert (await act(ana, conversation, "say", text="but"))[0] == 409


async def test_erasing_works_while_a_person_of_the_team_answers(farol, desk):
    ana, sender = await desk(), farol.number()
    conversation = await arrive(farol, sender, HUMAN, 2)
    await act(ana, conversation, "take")
    ask = understood("delete_my_data", Response("ask.erase"))
    done = understood("affirm", Response("erased", effect="erase"))
    farol.engine.answers[""] = ask
    farol.engine.answers["delete everything"] = ask
    await farol.whatsapp(sender, "delete everything")
    assert "Shall I delete" in (await sent(farol, sender, 4))[3]
    farol.engine.answers["yes"] = done
    await farol.whatsapp(sender, "yes")
    assert "Done" in (await sent(farol, sender, 5))[4]
    async with ana.get(f"/console/conversations/{conversation}") as response:
        assert response.status == 404


async def test_sms_is_counted_and_priced_while_it_is_written(farol, desk):
    ana, sender = await desk(), farol.number()
    await farol.sms(sender, HUMAN)
    await farol.twilio.sent_to(sender)
    conversation = await conversation_of(farol, "sms", sender)
    shown = await page(ana, f"/console/conversations/{conversation}")
    csrf = re.search(r'data-csrf="(\w+)"', shown)[1]

    async def cost(text: str) -> dict:
        path = f"/console/conversations/{conversation}/cost"
        async with ana.post(path, data={"text": text}, headers={"X-Farol-Form": csrf}) as response:
            return json.loads(await response.text())

    assert (await cost("a" * 160))["segments"] == 1
    assert (await cost("a" * 161))["segments"] == 2
    assert (await cost("مرحبا" * 15))["segments"] == 2
    found = await cost("a" * 161)
    assert found["price"] == pytest.approx(0.1) and "2 SMS segments" in found["said"] and "EUR" in found["said"]
    assert not (await cost("a" * 1601))["fits"]


async def test_what_an_operator_left_lying_goes_back_to_the_program(farol, desk):
    ana, sender = await desk(), farol.number()
    conversation = await arrive(farol, sender, HUMAN, 2)
    await act(ana, conversation, "take")
    await farol.older("card", "claimed_at", timedelta(hours=3), "conversation_id = :id", id=conversation)
    from bot.console.aliases import Aliases
    from bot.console.desk import Desk
    from bot.content.render import Content
    from bot.messages import ChannelTraits
    from bot.settings import ROOT
    from nlu.languages import load_languages

    content = Content(ROOT / "content", load_languages())
    traits = {"whatsapp": ChannelTraits("whatsapp", 1600)}
    aliases = Aliases(ROOT / "content" / "console" / "aliases.yml")
    other = Desk(farol.database, farol.vault, content, traits, aliases, lambda: None)
    assert await other.leave_abandoned() == 1
    assert "computer program again" in (await sent(farol, sender, 4))[3]
    assert (await act(ana, conversation, "say", text="still here?"))[0] == 409


async def test_a_viewer_cannot_step_in(farol, desk):
    viewer, sender = await desk("viewer"), farol.number()
    conversation = await arrive(farol, sender, HUMAN, 2)
    assert (await act(viewer, conversation, "take"))[0] == 403
    assert "Take over" not in await page(viewer, f"/console/conversations/{conversation}")


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "{{ 7*7 }} ${7*7}",
    "\u202eevil\u202c \u2066\u2066\u2066",
    "</p></li></ol><h1>x",
    '" autofocus onfocus="alert(1)',
]


async def test_messages_are_inert_whatever_they_hold(farol, desk):
    viewer, sender = await desk("viewer"), farol.number()
    for number, text in enumerate(HOSTILE, 2):
        conversation = await arrive(farol, sender, text, number)
    shown = await page(viewer, f"/console/conversations/{conversation}")
    for text in HOSTILE[:2] + HOSTILE[4:]:
        assert text not in shown
    assert "&lt;script&gt;" in shown and "{{ 7*7 }}" in shown
    assert shown.count("<h1") == 1
