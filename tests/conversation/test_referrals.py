"""A referral from the button to what became of it: who is asked, who never is, and what is counted."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from bot.content import sms
from bot.content.referrals import place_tag
from bot.conversation import register as registers
from bot.conversation.bell import Bell
from bot.conversation.card import Card
from bot.conversation.following_up import FollowingUp
from bot.conversation.holdings import Holdings
from bot.conversation.models import InboxMessage, OutboxMessage, Person, Tally
from bot.conversation.referral import FollowUp, Referral
from bot.conversation.referral_code import ALPHABET, NotACode, new_code, read, shown
from bot.conversation.referring import MOST, Referring
from bot.conversation.register import BY_SERVICE, BY_TEAM, Register
from bot.conversation.sender import Sender
from bot.db import now
from bot.messages import ChannelTraits
from nlu.contract import Response
from tests.conversation.fakes import reply

PLACE = {
    "id": "0e2c6c8e-0000-4000-8000-000000000001", "name": "Harbour HIV clinic", "names": {"es": "Clínica del puerto"},
    "kinds": ["condoms", "hiv_test"], "country": "ES", "city": "Sevilla", "address": "Calle 1", "phone": "+34 900 000 000",
    "website": None, "hours": None, "open_now": None, "next_change": None, "languages": [], "id_required": "unknown",
    "status_required": "unknown", "shares_with_immigration": "unknown", "last_verified": None, "sample": False,
    "precision": "city", "latitude": 37.4, "longitude": -6.0,
}  # fmt: skip
ME = "+15005550006"


def details(**changes) -> Response:
    return Response("place", {"place": {**PLACE, **changes}, "service": "hiv_test"})


class Referrals:
    """What the tests do with an assistant."""

    def __init__(self, assistant, content, days=7, can_ask=None):
        self.a = assistant
        traits = {assistant.channel.traits.name: assistant.channel.traits}
        self.referring = Referring(assistant.database, assistant.vault, content, days, can_ask)
        assistant.workers._answering._referring = self.referring
        self.bell = Bell()
        self.following = FollowingUp(assistant.database, assistant.vault, content, traits, self.referring, self.bell)
        assistant.engine.answer = lambda request: reply(details(), country="ES")

    async def press(self, title_or_payload: str, sender: str = ME) -> list[str]:
        """Press one of the buttons of the last message."""
        buttons = self.a.channel.sent[-1][1].buttons
        button = next(one for one in buttons if title_or_payload in (one.title, one.payload.partition(":")[0]))
        return await self.a.receive(button.title, sender, payload=button.payload)

    async def code(self, consent: str = "refer-yes", sender: str = ME) -> str:
        """Take a code; returns it."""
        await self.a.receive("tell me more", sender)
        await self.press("refer", sender)
        (said,) = await self.press(consent, sender)
        return read(said.split("\n")[0].removeprefix("Your code: "))

    async def erase(self) -> None:
        """Delete everything; this works without an engine."""
        self.a.engine.down = True
        await self.a.receive("delete everything")
        await self.a.receive("Yes, delete it all")
        self.a.engine.down = False

    async def later(self) -> int:
        """Let the days pass, and do one round."""
        async with self.a.database.begin() as session:
            due = update(FollowUp).where(FollowUp.due_at.is_not(None)).values(due_at=now() - timedelta(minutes=1))
            await session.execute(due)
        count = await self.following.ask()
        await self.a.sender.drain()
        return count

    async def rows(self, table) -> list:
        async with self.a.database.begin(read_only=True) as session:
            return list(await session.scalars(select(table)))

    async def counted(self) -> dict[str, int]:
        async with self.a.database.begin(read_only=True) as session:
            query = select(Tally.kind, Tally.key, func.sum(Tally.count)).where(Tally.kind.like("referral_%"))
            found = (await session.execute(query.group_by(Tally.kind, Tally.key))).all()
        return {f"{kind.removeprefix('referral_')} {key}": int(count) for kind, key, count in found}


@pytest.fixture
def referrals(assistant, content):
    return Referrals(assistant, content)


# --- codes -------------------------------------------------------------------------------------------------


def test_codes_are_read_however_they_are_typed_and_one_wrong_character_is_always_noticed():
    for _ in range(50):
        code = new_code()
        assert len(code) == 9 and set(code) <= set(ALPHABET)
        assert read(shown(code)) == code
        assert read(f" {shown(code).lower().replace('-', ' ')} ") == code
        assert read("".join(chr(0x660 + int(c)) if c.isdigit() else c for c in code)) == code, "Arabic digits"
        assert read(code.translate(str.maketrans("CHMPX", "СНМРХ"))) == code, "Cyrillic letters"
        for place in range(9):
            for other in set(ALPHABET) - {code[place]}:
                with pytest.raises(NotACode):
                    read(code[:place] + other + code[place + 1 :])


@pytest.mark.parametrize("typed", ["", "22222222", "2" * 10, "AEIOU1234", "x" * 5000, "٪٪", "²³²³²³²³²"])
def test_what_is_no_code_is_none(typed):
    with pytest.raises(NotACode):
        read(typed)


# --- taking one ----------------------------------------------------------------------------------------------


async def test_a_code_is_given_after_a_yes_and_the_database_does_not_hold_it(referrals):
    a = referrals.a
    await a.receive("tell me more")
    (asked,) = await referrals.press("refer")
    assert "once, in 7 days" in asked and "Harbour HIV clinic" in asked
    assert await referrals.rows(Referral) == [], "nothing before the answer"
    (said,) = await referrals.press("refer-yes")
    first, *others = said.split("\n")
    assert "HIV" not in first, "it shows on a locked phone"
    code = read(first.removeprefix("Your code: "))
    (row,) = await referrals.rows(Referral)
    (pledge,) = await referrals.rows(FollowUp)
    assert (row.kind, row.country, row.service_id) == ("hiv_test", "ES", PLACE["id"])
    assert row.month == now().date().isoformat()[:7]
    values = [str(getattr(one, column.key)) for one in (row, pledge) for column in one.__table__.columns]
    assert not any(code in value or shown(code) in value or "Harbour" in value for value in values)
    assert timedelta(days=6.9) < pledge.due_at - now() <= timedelta(days=7)
    assert await referrals.counted() == {"made hiv_test ES": 1}


async def test_no_is_a_code_without_a_question_later(referrals):
    await referrals.code("refer-no")
    assert [row.due_at for row in await referrals.rows(FollowUp)] == [None]
    assert await referrals.later() == 0


async def test_whatever_else_is_said_is_a_no_and_gives_nothing(referrals):
    await referrals.a.receive("tell me more")
    await referrals.press("refer")
    await referrals.a.receive("hm, what was that about prep?")
    assert await referrals.rows(Referral) == [] == await referrals.rows(FollowUp)


async def test_nobody_is_asked_on_a_channel_that_cannot_reach_them(assistant, content):
    referrals = Referrals(assistant, content, can_ask=set())
    await assistant.receive("tell me more")
    (said,) = await referrals.press("refer")
    assert said.startswith("Your code: ") and "I will write" not in said
    assert [row.due_at for row in await referrals.rows(FollowUp)] == [None]


async def test_the_same_place_has_the_same_code_and_there_are_not_many(referrals):
    a = referrals.a
    code = await referrals.code()
    await a.receive("tell me more")
    (again,) = await referrals.press("refer")
    assert shown(code) in again and len(await referrals.rows(Referral)) == 1
    for number in range(2, MOST + 2):
        a.engine.answer = lambda request, n=number: reply(details(id=f"{n:036}", name=f"Place {n}"), country="ES")
        await a.receive("another")
        (said,) = await referrals.press("refer")
        if number <= MOST:
            await referrals.press("refer-no")
    assert "many codes" in said and len(await referrals.rows(Referral)) == MOST


async def test_a_button_of_an_older_place_asks_which_one_is_meant(referrals):
    a = referrals.a
    await a.receive("tell me more")
    (said,) = await a.receive("Get a code", payload=f"refer:{place_tag('another place')}")
    assert said.startswith("Which place do you mean?")


@pytest.mark.parametrize(
    "payload", ["refer:", "refer:zz", "went:x:reached", "refer-back:1", "went:" + "0" * 32 + ":rich"]
)
async def test_payloads_that_are_not_ours_do_nothing(referrals, payload):
    await referrals.a.receive("x", payload=payload)
    assert await referrals.counted() == {}


async def test_the_word_shows_the_codes_and_they_can_be_taken_back(referrals):
    a = referrals.a
    asked = len(a.engine.requests)
    await a.receive("CODE")
    assert len(a.engine.requests) == asked + 1, "without a code the word means nothing of ours"
    code = await referrals.code()
    (said,) = await a.receive("code")
    assert shown(code) in said
    (said,) = await referrals.press("refer-back")
    assert "not valid any more" in said
    assert await Register(a.database, a.vault).find(code, BY_SERVICE) is None
    assert await referrals.rows(FollowUp) == [] == await referrals.rows(Referral)
    assert await referrals.later() == 0
    assert await referrals.counted() == {"made hiv_test ES": 1, "taken_back hiv_test ES": 1}


async def test_what_we_hold_names_the_codes(referrals):
    code = await referrals.code()
    (held,) = await Holdings(referrals.a.database, referrals.a.vault).find(ME, ["web"])
    assert held.to_json()["referrals"][0]["code"] == code
    assert held.to_json()["referrals"][0]["place"]["name"] == "Harbour HIV clinic"


# --- being asked ---------------------------------------------------------------------------------------------


async def test_somebody_who_agreed_is_asked_once_and_nothing_says_what_about(referrals):
    code = await referrals.code()
    assert await referrals.later() == 1
    message = referrals.a.channel.sent[-1][1]
    assert shown(code) in message.text and "HIV" not in message.text and "Harbour" not in message.text
    assert [one.title for one in message.buttons] == [
        "I got help", "They sent me away", "Another place", "Still waiting",
    ]  # fmt: skip
    assert await referrals.later() == 0, "and never again"
    assert (await referrals.counted())["asked hiv_test ES"] == 1
    assert referrals.bell.is_set()


@pytest.mark.parametrize("how", ["STOP", "exit", "delete everything"])
async def test_who_said_stop_left_or_was_erased_is_never_asked(referrals, how):
    code = await referrals.code()
    if how == "delete everything":
        await referrals.erase()
    else:
        await referrals.a.receive(how)
    assert await referrals.rows(FollowUp) == []
    sent = len(referrals.a.channel.sent)
    assert await referrals.later() == 0 and len(referrals.a.channel.sent) == sent
    await referrals.a.receive("START")
    assert await referrals.later() == 0, "nor after coming back"
    # The code itself stays good, and what was counted stays counted.
    assert await Register(referrals.a.database, referrals.a.vault).find(code, BY_SERVICE)
    assert (await referrals.counted())["made hiv_test ES"] == 1


async def test_somebody_whom_the_team_is_answering_is_asked_later(referrals):
    await referrals.code()
    async with referrals.a.database.begin() as session:
        await session.execute(update(Card).values(operator="0" * 32))
    assert await referrals.later() == 0
    (row,) = await referrals.rows(FollowUp)
    assert row.asked_at is None and row.due_at > now()


async def test_nobody_is_asked_while_their_message_waits(referrals):
    await referrals.code()
    from bot.messages import Inbound

    await referrals.a.inbox.accept(Inbound("web", secrets.token_hex(8), ME, "hello"))
    assert await referrals.later() == 0
    await referrals.a.workers.drain()
    assert await referrals.later() == 1


async def test_two_codes_are_not_asked_about_at_once(referrals):
    await referrals.code()
    referrals.a.engine.answer = lambda request: reply(details(id="2" * 36), country="ES")
    await referrals.code()
    assert await referrals.later() == 1
    waiting = [row for row in await referrals.rows(FollowUp) if row.asked_at is None]
    assert len(waiting) == 1 and waiting[0].due_at > now() + timedelta(hours=20)


async def test_the_dialogue_may_have_been_deleted_meanwhile(referrals):
    """Transcripts and state live seven days, as long as the wait."""
    from bot.conversation.models import Conversation

    await referrals.code()
    async with referrals.a.database.begin() as session:
        await session.execute(update(Conversation).values(state=None))
    assert await referrals.later() == 1
    (said,) = await referrals.a.receive("1")
    assert said.startswith("I am glad") and (await referrals.counted())["reached_person hiv_test ES"] == 1


async def test_the_question_can_be_answered_long_after_everything_else_was_deleted(referrals):
    from bot.conversation.retention import Retention

    await referrals.code()
    async with referrals.a.database.begin() as session:
        await session.execute(update(Person).values(last_seen_at=now() - timedelta(days=8)))
        await session.execute(update(InboxMessage).values(received_at=now() - timedelta(days=8)))
        await session.execute(update(OutboxMessage).values(created_at=now() - timedelta(days=8)))
    assert await referrals.later() == 1
    swept = await Retention(referrals.a.database, 7, 90).sweep()
    assert swept["dialogues"] == 0 and swept["received"] == 3
    asked = len(referrals.a.engine.requests)
    (said,) = await referrals.a.receive("2")
    assert said.startswith("I am sorry that they sent you away") and len(referrals.a.engine.requests) == asked
    async with referrals.a.database.begin() as session:
        await session.execute(update(Person).values(last_seen_at=now() - timedelta(days=8)))
    assert (await Retention(referrals.a.database, 7, 90).sweep())["dialogues"] == 1, "then it goes as well"


# --- the answers ---------------------------------------------------------------------------------------------


async def test_reached_is_counted_once_and_leads_on(referrals):
    await referrals.code()
    await referrals.later()
    (said,) = await referrals.press("I got help")
    assert said.startswith("I am glad")
    assert await referrals.rows(FollowUp) == []
    button = referrals.a.channel.sent[-2][1].buttons[0]
    await referrals.a.receive(button.title, payload=button.payload)
    assert (await referrals.counted())["reached_person hiv_test ES"] == 1, "pressed twice, counted once"


async def test_turned_away_leads_to_the_complaint_of_the_country_another_place_and_a_human(referrals):
    await referrals.code()
    await referrals.later()
    (said,) = await referrals.press("They sent me away")
    assert said.startswith("I am sorry") and "Spain:" in said
    payloads = [button.payload for button in referrals.a.channel.sent[-1][1].buttons]
    assert payloads[:2] == ["find:hiv_test", "intent:talk_to_human"]
    assert (await referrals.counted())["away_person hiv_test ES"] == 1


async def test_another_place_is_looked_for_at_once(referrals):
    await referrals.code()
    await referrals.later()
    await referrals.press("Another place")
    command = referrals.a.engine.requests[-1].command
    assert (command.intent, command.entities) == ("find_service", {"service": "hiv_test"})
    assert (await referrals.counted())["other_person hiv_test ES"] == 1


async def test_a_title_typed_later_is_still_understood(referrals):
    await referrals.code()
    await referrals.later()
    await referrals.a.receive("where else can I go")
    (said,) = await referrals.a.receive("still waiting")
    assert said.startswith("Thank you for telling me")
    assert (await referrals.counted())["waiting_person hiv_test ES"] == 1


async def test_one_person_cannot_answer_for_another(referrals):
    await referrals.code()
    await referrals.later()
    button = referrals.a.channel.sent[-1][1].buttons[0]
    await referrals.a.receive("hello", "+15005550009")
    await referrals.a.receive(button.title, "+15005550009", payload=button.payload)
    assert "reached_person hiv_test ES" not in await referrals.counted()
    assert len(await referrals.rows(FollowUp)) == 1


# --- WhatsApp's window ---------------------------------------------------------------------------------------


async def test_outside_the_window_a_template_asks_and_the_question_comes_with_the_next_answer(assistant, content):
    from tests.conversation.fakes import FakeChannel

    class Inviting(FakeChannel):
        invited = 0

        async def invite(self, address, language):
            self.invited += 1
            return "id"

    channel = Inviting(ChannelTraits("whatsapp", 1600, window_hours=24))
    assistant.channel = channel
    traits = {"whatsapp": channel.traits}
    assistant.workers._traits = traits
    assistant.sender = Sender(assistant.database, assistant.vault, {"whatsapp": channel}, Bell())
    referrals = Referrals(assistant, content)
    await assistant.receive("tell me more")
    await assistant.receive("1")
    (said,) = await assistant.receive("1")
    assert said.startswith("Your code: ")
    async with assistant.database.begin() as session:
        await session.execute(update(InboxMessage).values(received_at=now() - timedelta(days=7)))
    sent = len(channel.sent)
    assert await referrals.later() == 1
    assert channel.invited == 1 and len(channel.sent) == sent
    said = await assistant.receive("yes?")
    assert said[0] == "Hello, it is me again, as agreed."
    assert "how did it go?" in said[-1] and "1 I got help" in said[-1]
    (said,) = await assistant.receive("1")
    assert said.startswith("I am glad")


# --- confirming ----------------------------------------------------------------------------------------------


async def test_each_side_confirms_once_and_both_are_counted_apart(referrals):
    register = Register(referrals.a.database, referrals.a.vault)
    code = await referrals.code()
    entry = await register.find(code, BY_SERVICE)
    assert (entry.kind, entry.country, entry.said) == ("hiv_test", "ES", None)
    assert (await register.confirm(code, BY_SERVICE, "reached")).said is None
    assert (await register.confirm(code, BY_SERVICE, "away")).said == "reached", "what was said first stays"
    assert (await register.confirm(code, BY_TEAM, "away")).said is None
    assert await register.find(new_code(), BY_SERVICE) is None
    with pytest.raises(ValueError, match="reached"):
        await register.confirm(code, BY_TEAM, "rich")
    assert await referrals.counted() == {
        "made hiv_test ES": 1, "reached_service hiv_test ES": 1, "away_team hiv_test ES": 1,
    }  # fmt: skip


async def test_old_codes_and_pledges_are_forgotten(referrals, monkeypatch):
    register = Register(referrals.a.database, referrals.a.vault)
    code = await referrals.code()
    for month, good in (("2027-04", True), ("2027-05", False)):
        monkeypatch.setattr(registers.tallies, "this_month", lambda month=month: month)
        async with referrals.a.database.begin() as session:
            await session.execute(update(Referral).values(month="2026-11"))
        assert (await register.find(code, BY_SERVICE) is not None) == good, month
    assert await referrals.following.forget() == 1
    async with referrals.a.database.begin() as session:
        await session.execute(update(FollowUp).values(created_at=now() - timedelta(days=46)))
    await referrals.following.forget()
    assert await referrals.rows(FollowUp) == [] == await referrals.rows(Referral)


async def test_no_code_ties_to_a_person_once_they_are_erased(referrals):
    await referrals.code()
    await referrals.erase()
    async with referrals.a.database.begin(read_only=True) as session:
        people = set(await session.scalars(select(Person.id)))
        left = [json.dumps([str(getattr(row, c.key)) for c in row.__table__.columns])
                for row in await session.scalars(select(Referral))]  # fmt: skip
    assert left and not any(person in row for person in people for row in left)


# --- words ---------------------------------------------------------------------------------------------------


SAID = [
    Response("referral.ask", {"place": "Centro de Salud Sexual y Reproductiva Sandoval", "days": 7, "tag": "0" * 12}),
    Response("referral.code", {"code": "7FH-2QX-9VM", "place": "Centro de Salud Sexual Sandoval", "tag": "0" * 12,
                               "ask_on": "2026-12-01"}),
    Response("referral.yours", {"codes": [{"code": "7FH-2QX-9VM", "tag": "0" * 12}] * 5}),
    Response("referral.taken_back"), Response("referral.enough"), Response("referral.hello"),
    Response("referral.follow_up", {"code": "7FH-2QX-9VM", "id": "0" * 32}),
    Response("referral.reached", {"kind": "prep"}), Response("referral.away", {"kind": "hiv_treatment"}),
    Response("referral.waiting", {"kind": None}),
]  # fmt: skip


@pytest.mark.parametrize("said", SAID, ids=lambda said: said.key)
def test_all_of_it_can_be_said_everywhere(content, said):
    from bot.cli.local import TRAITS

    for language in content.languages.shipped:
        for name, traits in TRAITS.items():
            for country in ("ES", "CL", None):
                done = content.render([said], language=language, country=country, traits=traits)
                for message in done.messages:
                    where = (language, name, country)
                    assert message.text and "{" not in message.text, where
                    assert all(len(b.payload.encode()) <= 64 for b in message.buttons), where
                    if traits.segments:
                        assert sms.segments(message.text) <= sms.SEGMENTS, where
                    if said.key == "referral.follow_up":
                        assert len(done.choices) == 4 and "7FH-2QX-9VM" in message.text, where
                    if said.key == "referral.code":
                        assert "7FH-2QX-9VM" in done.messages[0].text.split("\n")[0], where


async def test_the_outbox_says_where_the_words_come_from(referrals):
    from bot.conversation.outbox import origin_of

    await referrals.code()
    await referrals.later()
    async with referrals.a.database.begin(read_only=True) as session:
        row = await session.scalar(select(OutboxMessage).order_by(OutboxMessage.position.desc()).limit(1))
        person = await session.scalar(select(Person))
    text = referrals.a.vault.open(person.wrapped_key, row.sealed, f"{person.id}/outbox/{row.id}")
    assert origin_of(text).keys == ("referral.follow_up",)
