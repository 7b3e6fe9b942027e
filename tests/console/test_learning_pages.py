"""Labelling as the pages do it, from a provider's webhook to the file for staff."""

from __future__ import annotations

import io
import re
import zipfile

import pytest
import pytest_asyncio
import yaml
from sqlalchemy import delete, select

from bot.console.models import AuditEntry
from bot.console.words import LANGUAGES, Book
from bot.conversation.lessons import Lesson
from bot.settings import ROOT
from nlu.contract import Response
from tests.console.conftest import understood
from tests.console.test_stepping_in import arrive, page

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASKED = "would the pill be fine, mail me at canary@example.org"


@pytest.fixture
def unsure(farol):
    farol.engine.answers[ASKED] = understood("nlu_fallback", Response("ask.again"), decision="ask_back", confidence=0.2)


async def csrf_of(client) -> str:
    return re.search(r'data-csrf="(\w+)"', await page(client, "/console/learn"))[1]


async def lesson_of(farol) -> str:
    async with farol.database.begin(read_only=True) as session:
        return (await session.scalars(select(Lesson.id).where(Lesson.label.is_(None)))).one()


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def empty(farol):
    async with farol.database.begin() as session:
        await session.execute(delete(Lesson))


async def test_every_intent_has_a_name_and_nothing_else_has():
    intents = {
        name for group in yaml.safe_load((ROOT / "nlu" / "intents.yml").read_text("utf-8")).values() for name in group
    }
    topics = set(yaml.safe_load((ROOT / "content" / "topics.yml").read_text("utf-8"))["topics"])
    book = Book(ROOT / "content" / "console")
    for code in LANGUAGES:
        named = {key.removeprefix("intent.") for key in book.of(code).texts if key.startswith("intent.")}
        assert named | topics == intents and not named & topics


async def test_from_a_message_to_training_data(farol, unsure):
    sender = farol.number()
    conversation = await arrive(farol, sender, ASKED)
    async with await farol.signed_in("editor") as client:
        shown = await page(client, "/console/learn?language=en&reason=asked_back")
        assert "would the pill be fine, mail me at <mark>link</mark>" in shown
        assert "canary" not in shown and sender not in shown and conversation not in shown
        csrf, lesson = await csrf_of(client), await lesson_of(farol)
        form = {"csrf": csrf, "label": "", "other": "prep_side_effects", "language": "en", "reason": ""}
        async with client.post(f"/console/learn/{lesson}", data=form, allow_redirects=False) as response:
            assert response.headers["Location"] == "/console/learn?language=en&done=yes"
        async with client.post(f"/console/learn/{lesson}", data=form, allow_redirects=False) as response:
            assert "done=gone" in response.headers["Location"]
        assert "Download 1 labelled sentence" in await page(client, "/console/learn")
        async with client.post("/console/learn/export", data={"csrf": csrf}) as response:
            archive = zipfile.ZipFile(io.BytesIO(await response.read()))
        assert archive.namelist() == ["en/learned.yml"]
        data = yaml.safe_load(archive.read("en/learned.yml"))
        assert data["nlu"] == [{"intent": "prep_side_effects", "examples": "- would the pill be fine, mail me at …\n"}]
        assert "Nothing labelled" in await page(client, "/console/learn")
        async with farol.database.begin(read_only=True) as session:
            found = await session.scalars(select(AuditEntry.action).where(AuditEntry.operator == client.name))
        assert {"read_sentences", "labelled", "exported"} <= set(found)


async def test_thrown_away_is_gone(farol, unsure):
    await arrive(farol, farol.number(), ASKED)
    async with await farol.signed_in("operator") as client:
        csrf, lesson = await csrf_of(client), await lesson_of(farol)
        async with client.post(f"/console/learn/{lesson}", data={"csrf": csrf, "label": "drop"}) as response:
            assert response.status == 200
        async with farol.database.begin(read_only=True) as session:
            assert await session.get(Lesson, lesson) is None
        async with client.post("/console/learn/export", data={"csrf": csrf}) as response:
            assert response.status == 403, "only who edits takes files away"


async def test_a_label_nobody_knows_is_refused(farol, unsure):
    await arrive(farol, farol.number(), ASKED)
    async with await farol.signed_in("operator") as client:
        csrf, lesson = await csrf_of(client), await lesson_of(farol)
        for label in ("no_such_intent", "../x", ""):
            async with client.post(f"/console/learn/{lesson}", data={"csrf": csrf, "label": label}) as response:
                assert response.status == 400


async def test_what_is_missing_is_listed_and_small_counts_are_held_back(farol, unsure):
    from bot.conversation import tallies

    async with farol.database.begin() as session:
        for topic, count in (("condoms", 7), ("prep_what", 2), ("sti", 2)):
            for _ in range(count):
                await tallies.count_rating(session, topic, "es", "0123456789ab", up=False)
        for _ in range(6):
            await tallies.count_unknown_facts(session, "CL", ["prep"])
    async with await farol.signed_in("viewer") as client:
        shown = await page(client, "/console/learn/missing")
    assert "Chile: prep" in shown and "held back" in shown
