"""What is kept to learn from: whose, how long, masked how; what answers were rated; and what goes out."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shutil
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from bot.cli import main
from bot.conversation.erasure import erase_person
from bot.conversation.lessons import Lesson, Lessons
from bot.conversation.masking import Masker, parts, without_marks
from bot.conversation.models import Conversation, InboxMessage, Person, Recipient, Tally
from bot.conversation.retention import Retention
from bot.db import Database, now
from bot.learning import training
from bot.learning.queue import NONE, Item, Queue
from bot.settings import Settings
from bot.vault import open_vault
from nlu.contract import Response
from tests.conversation.conftest import CONTENT
from tests.conversation.fakes import reply

MASKER = Masker(CONTENT / "masking.yml")
PERSON = "+15005550006"


def understood(intent: str, *said, confidence: float = 0.9, decision: str = "answer", text: str = "", **more):
    parse = {
        "text": text,
        "intent": {"name": intent, "confidence": confidence},
        "intent_ranking": [{"name": intent, "confidence": confidence}, {"name": "sti", "confidence": 0.1}],
        "entities": more.pop("entities", []),
        "decision": decision,
    }
    return reply(*(said or (Response("topic", {"topic": intent}),)), parse=parse, decision=decision, **more)


@pytest.fixture
def learner(assistant):
    """The assistant, keeping what it may learn from."""
    assistant.workers._lessons = Lessons(assistant.vault, MASKER)
    texts = {
        "maybe prep in Leeds? mail me at ana@example.org": understood(
            "prep_access", confidence=0.4, entities=[{"entity": "place", "value": "leeds", "start": 14, "end": 19}]
        ),
        "how do the pills work": understood("prep_what"),
        "blah blah what": understood("nlu_fallback", "ask.again", decision="ask_back"),
        "that is no use": understood("not_helpful", "not_helpful"),
        "thanks": understood("thank", "thanks"),
        "what do you keep": understood("ask_privacy", "privacy"),
    }
    assistant.engine.answer = lambda request: texts.get(request.text) or reply("goodbye")
    return assistant


async def kept(assistant) -> list[Item]:
    async with assistant.database.begin(read_only=True) as session:
        return await Queue(assistant.vault).waiting(session)


async def tallied(assistant, kind: str) -> dict[str, int]:
    async with assistant.database.begin(read_only=True) as session:
        rows = await session.execute(select(Tally.key, Tally.count).where(Tally.kind == kind))
        return dict(rows.tuples().all())


async def test_what_was_not_understood_well_is_kept_masked_and_sealed(learner):
    await learner.receive("maybe prep in Leeds? mail me at ana@example.org")
    await learner.receive("blah blah what")
    await learner.receive("how do the pills work")
    found = {item.reason: item for item in await kept(learner)}
    assert set(found) == {"low_confidence", "asked_back"}
    assert found["low_confidence"].text == "maybe prep in ⟨place⟩? mail me at ⟨link⟩"
    assert found["low_confidence"].intent == "prep_access" and found["low_confidence"].ranking == ("prep_access", "sti")
    async with learner.database.begin(read_only=True) as session:
        for lesson in await session.scalars(select(Lesson)):
            assert b"prep" not in lesson.sealed and b"blah" not in lesson.sealed


async def test_of_not_helpful_the_question_before_is_kept(learner):
    await learner.receive("how do the pills work")
    await learner.receive("that is no use")
    assert [(item.text, item.reason) for item in await kept(learner)] == [("how do the pills work", "not_helpful")]
    assert await tallied(learner, "unhelpful") == {f"prep_what/en/{learner.workers._content.version}": 1}


async def test_a_thumb_counts_once_and_down_offers_a_person(learner):
    await learner.receive("how do the pills work")
    buttons = {button.title: button.payload for button in learner.channel.sent[-1][1].buttons}
    up, down = buttons["👍 Helpful"], buttons["👎 Not helpful"]
    said = await learner.receive("👎 Not helpful", payload=down)
    assert "did not help" in said[0]
    assert "intent:talk_to_human" in {button.payload for button in learner.channel.sent[-1][1].buttons}
    await learner.receive("👎 Not helpful", payload=down)
    assert await learner.receive("👍 Helpful", payload=up) == ["Thank you for telling me."]
    version = learner.workers._content.version
    assert await tallied(learner, "unhelpful") == {f"prep_what/en/{version}": 1}
    assert await tallied(learner, "helpful") == {}
    assert [item.reason for item in await kept(learner)] == ["not_helpful"]
    assert len(learner.engine.requests) == 1, "a thumb is no sentence for the engine"


async def test_a_thumb_nobody_was_shown_is_not_counted(learner):
    await learner.receive("hello")
    for payload in ("rate:up:prep_what:0123456789ab", "rate:down:no_such:0123456789ab"):
        await learner.receive("x", payload=payload)
    assert not await tallied(learner, "helpful") and not await tallied(learner, "unhelpful")


async def test_thanks_right_after_an_answer_count_and_later_ones_do_not(learner):
    await learner.receive("how do the pills work")
    await learner.receive("thanks")
    await learner.receive("thanks")
    assert await tallied(learner, "helpful") == {f"prep_what/en/{learner.workers._content.version}": 1}


async def test_nobody_in_danger_is_asked_how_it_was(content):
    from tests.conversation.fakes import TRAITS

    for name, topic in content.topics.items():
        shown = content.render(
            [Response("topic", {"topic": name})], language="en", country="FR", traits=replace(TRAITS, button_limit=40)
        )
        rated = any(choice.payload.startswith("rate:") for choice in shown.choices)
        assert rated == (not topic.urgent), name


async def test_thumbs_never_take_a_useful_buttons_place(content, language):
    from tests.conversation.fakes import TRAITS

    for limit in (0, 3):
        narrow = replace(TRAITS, name="whatsapp", button_limit=limit)
        for name in content.topics:
            said = [Response("topic", {"topic": name})]
            with_thumbs = content.render(said, language=language, country="FR", traits=narrow)
            useful = [one for one in with_thumbs.choices if not one.payload.startswith("rate:")]
            assert len(useful) == len(with_thumbs.choices) or len(with_thumbs.choices) <= limit, name
            assert not re.search("👍|👎", with_thumbs.messages[-1].text), "nobody types a thumb's number"


@pytest.mark.parametrize("how", ["stop", "do not learn", "button"])
async def test_who_does_not_want_it_is_in_nothing(learner, how):
    await learner.receive("blah blah what")
    assert len(await kept(learner)) == 1
    if how == "button":
        await learner.receive("what do you keep")
        off = next(one for one in learner.channel.sent[-1][1].buttons if one.payload == "learn:off")
        said = await learner.receive(off.title, payload=off.payload)
    else:
        said = await learner.receive(how)
    assert len(said) == 1
    async with learner.database.begin(read_only=True) as session:
        assert await session.scalar(select(func.count()).select_from(Lesson)) == 0
    if how == "stop":
        await learner.receive("blah blah what")
        assert await kept(learner) == []
        return
    await learner.receive("blah blah what")
    await learner.receive("how do the pills work")
    await learner.receive("that is no use")
    assert await kept(learner) == []
    await learner.receive("x", payload="learn:on")
    await learner.receive("blah blah what")
    assert len(await kept(learner)) == 1


async def test_the_word_against_learning_works_in_every_language(learner, language):
    word = learner.workers._content.words(language).words["learning.off.word"]
    await learner.receive(word)
    async with learner.database.begin(read_only=True) as session:
        assert await session.scalar(select(Person.teaches)) is False


async def test_a_stop_that_came_by_another_way_hides_what_is_there(learner):
    await learner.receive("blah blah what")
    async with learner.database.begin() as session:
        await session.execute(update(Recipient).values(stopped_at=now()))
    assert await kept(learner) == []


async def test_it_goes_with_the_person_and_with_time(learner):
    await learner.receive("blah blah what")
    await learner.receive("blah blah what", sender="+15005550007")
    async with learner.database.begin() as session:
        await erase_person(session, learner.vault, (await session.scalars(select(Lesson.person_id))).first())
    assert len(await kept(learner)) == 1
    async with learner.database.begin() as session:
        await session.execute(update(Lesson).values(created_at=now() - timedelta(days=4)))
    await Retention(learner.database, 7, 90, 5).sweep()
    assert len(await kept(learner)) == 1
    await Retention(learner.database, 7, 90, 3).sweep()
    assert await kept(learner) == []


async def test_a_stop_that_was_hardly_understood_is_not_kept(learner):
    learner.engine.answer = lambda request: understood(
        "stop_messages", Response("stopped", effect="opt_out"), confidence=0.4
    )
    await learner.receive("no more of this for me")
    async with learner.database.begin(read_only=True) as session:
        assert await session.scalar(select(func.count()).select_from(Lesson)) == 0


async def test_danger_is_not_kept(learner):
    await learner.receive("I want to kill myself")
    assert await kept(learner) == []


async def test_facts_nobody_knows_are_counted_by_country(learner):
    content = learner.workers._content
    topic = next(name for name, one in content.topics.items() if one.facts)
    learner.engine.answer = lambda request: understood(topic, country="AQ")
    await learner.receive("one")
    assert await tallied(learner, "fact_missing") == {"AQ/*": 1}


async def test_labels_go_out_once_in_rasas_shape(learner, tmp_path):
    await learner.receive("blah blah what")
    await learner.receive("maybe prep in Leeds? mail me at ana@example.org")
    queue, items = Queue(learner.vault), await kept(learner)
    async with learner.database.begin() as session:
        for item in items:
            assert await queue.label(session, item.id, NONE if "blah" in item.text else "prep_access")
            assert not await queue.label(session, item.id, "sti"), "a colleague was quicker"
    async with learner.database.begin() as session:
        ready = await queue.labelled(session)
        training.write(tmp_path, training.examples_of(ready))
        await queue.exported(session, ready)
        assert await queue.labelled(session) == []
        assert [one.text for one in await queue.labelled(session, fitting=False)] == ["blah blah what"]
    file = tmp_path / "en" / "learned.yml"
    data = yaml.safe_load(file.read_text("utf-8"))
    assert data == {
        "version": "3.1",
        "nlu": [{"intent": "prep_access", "examples": "- maybe prep in …? mail me at …\n"}],
    }
    training.write(tmp_path, {"en": {"prep_access": ["another"], "sti": ["a third"]}})
    again = {one["intent"]: one["examples"] for one in yaml.safe_load(file.read_text("utf-8"))["nlu"]}
    assert again == {"prep_access": "- another\n- maybe prep in …? mail me at …\n", "sti": "- a third\n"}
    assert await tallied(learner, "intent_missing") == {"en": 1}


def test_the_command_writes_what_was_labelled(tmp_path, monkeypatch, migrated):
    shutil.copy(migrated, tmp_path / "farol.db")
    key = b64encode(secrets.token_bytes(32)).decode()
    monkeypatch.setenv("FAROL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("FAROL_MASTER_KEY", key)
    settings = Settings(_env_file=None)

    async def fill() -> None:
        database, vault = Database(settings.database), open_vault(settings)
        async with database.begin() as session:
            wrapped = vault.new_key("p")
            session.add(Person(id="p", wrapped_key=wrapped))
            await session.flush()
            session.add(Recipient(id="r", person_id="p", channel="web", lookup="l", sealed=b""))
            await session.flush()
            session.add(Conversation(id="c", person_id="p", recipient_id="r"))
            await session.flush()
            session.add(InboxMessage(id="m", conversation_id="c", channel="web", provider_id="1", sealed=b""))
            await session.flush()
            about = {"ranking": [], "intent": "sti", "confidence": 0.3}
            kept = json.dumps({"text": "it burns, ask ⟨name⟩", "about": about})
            session.add(
                Lesson(
                    id="1",
                    inbox_id="m",
                    person_id="p",
                    language="en",
                    reason="asked_back",
                    label="sti",
                    sealed=vault.seal(wrapped, kept, "p/lesson/1"),
                )  # fmt: skip
            )
        await database.close()

    asyncio.run(fill())
    for said in ("1 sentences in 1 languages, not written", "1 sentences in 1 languages", "0 sentences in 0 languages"):
        options = ["--dry-run"] if "not written" in said else []
        done = CliRunner().invoke(main, ["learn", "export", "--to", str(tmp_path / "out"), *options])
        assert done.exit_code == 0 and said in done.output, done.output
    assert "    - it burns, ask …\n" in (tmp_path / "out" / "en" / "learned.yml").read_text("utf-8")


# --- masking -----------------------------------------------------------------------------------------------------------

SENTENCES = json.loads(json.dumps([
    "I need a test {0} please tell me where", "quiero la pastilla {0} me dijeron que es gratis",
    "j'ai besoin d'un docteur {0} sans papiers", "мне нужен тест {0} скажите где", "احتاج الى فحص {0} من فضلك",
    "nahitaji kupima {0} tafadhali", "test istiyorum {0} nerede", "{0}", "waxaan u baahanahay baaritaan {0}",
]))  # fmt: skip
DIGITS = ["0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹"]
words = st.text("abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=10)
numbers = st.builds(
    lambda digits, gaps, plus, script: plus + "".join(
        script[int(digit)] + gap for digit, gap in zip(digits, gaps + [""] * len(digits), strict=False)
    ).strip(" -.()"),
    st.lists(st.sampled_from("0123456789"), min_size=7, max_size=15),
    st.lists(st.sampled_from(["", "", "", " ", "-", ".", " - "]), max_size=15),
    st.sampled_from(["", "+", "00"]),
    st.sampled_from(DIGITS),
)  # fmt: skip
emails = st.builds(lambda a, b, end: f"{a}@{b}.{end}", words, words, st.sampled_from(["com", "org", "co.uk", "рф"]))
links = st.builds(
    lambda how, a, end, path: f"{how}{a}.{end}/{path}", st.sampled_from(["https://", "http://", "www.", ""]), words,
    st.sampled_from(["com", "net", "me"]), words,
)  # fmt: skip
streets = st.builds(
    lambda form, name, number: form.format(name.title(), number),
    st.sampled_from([
        "{1} {0} Street", "{0} Road {1}", "calle {0} {1}", "calle {0}", "rue de {0} {1}", "Rua {0}, {1}",
        "ул. {0} д. {1}", "{0} Caddesi No {1}", "{0} Sokak {1}", "via {0} {1}", "{0}straße {1}",
    ]),
    words, st.integers(1, 9999),
)  # fmt: skip
names = st.builds(
    lambda how, name: f"{how} {name}",
    st.sampled_from(["my name is", "me llamo", "je m'appelle", "meu nome é", "меня зовут", "اسمي", "jina langu ni"]),
    words,
)


def secrets_in(text: str) -> set[str]:
    """What of an insertion tells of somebody: long words that are none of the frame, and its digits."""
    frame = "street road calle rue rua caddesi sokak via name https http www com net org straße llamo appelle".split()
    frame += "меня зовут langu jina nome اسمي".split()
    return {word for word in re.findall(r"[^\W\d_]{4,}", text.lower()) if word not in frame}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SENTENCES), st.one_of(numbers, emails, links, streets, names))
def test_nothing_identifying_goes_out(sentence, secret):
    masked = MASKER.mask(sentence.format(secret))
    out = training.as_yaml({"sti": [training.as_example(masked)]}).split("nlu:")[1]
    sentence_words = {word.lower() for word in re.findall(r"\w+", sentence)}
    for word in secrets_in(secret) - sentence_words - {"intent", "examples"}:
        assert word.removesuffix("straße") not in out.lower().split("examples")[1], (secret, masked)
    digits = re.sub(r"\D", "", secret)
    assert not (len(digits) >= 5 and re.search(r"\d{3,}", re.sub(r"[\s().-]", "", out))), (secret, masked)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=600))
def test_masking_takes_any_text_and_the_file_stays_readable(text):
    example = training.as_example(MASKER.mask(text))
    assert "\n" not in example
    if example:
        data = yaml.safe_load(training.as_yaml({"sti": [example]}))
        assert data["nlu"][0]["examples"].strip() == f"- {example}"
    assert "".join(part.text for part in parts(MASKER.mask(text))) is not None


@pytest.mark.parametrize(
    "text",
    ["where can I get a test", "u=u is it true", "vivo en la calle y tengo miedo", "I have 72 hours for pep, 3 pills a day",
     "is it open 24/7", "J'ai eu un rapport il y a 48h", "my husband beats me", "24 ساعة بعد العلاقة"],
)  # fmt: skip
def test_a_plain_question_stays_as_it_is(text):
    assert MASKER.mask(text) == text


def test_a_long_hostile_text_is_masked_quickly_enough_to_answer():
    """Linear enough: 4,096 characters of what each pattern likes best come back at all."""
    for piece in ("1 ", "a.", "calle ", "A ", "@", "street 1 ", "⟨", "my name is ", "a-", "aA", "-a", "1a", "a" * 4096):
        assert len(MASKER.mask(piece * (4096 // len(piece)))) <= 500


def test_of_a_message_that_is_cut_no_half_number_stays():
    text = "x@y.zz " * 169 + "call 0791 1123456789"
    assert not re.search(r"\d", MASKER.mask(text))
    assert not re.search(r"\d", MASKER.mask("word " * 238 + "0791 11234567"))


def test_marks_of_somebodys_own_hide_nothing():
    assert "12345" not in without_marks(MASKER.mask("⟨number 123456⟩ ⟨place⟩"))


def test_a_list_that_is_missing_is_named(tmp_path):
    file = Path(tmp_path / "masking.yml")
    file.write_text("introductions: {en: [my name is]}")
    with pytest.raises(ValueError, match="streets_before"):
        Masker(file)
