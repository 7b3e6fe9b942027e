"""What staff are told of content that can be used: words that hurt, texts that are hard, dear, old or behind English."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date

import pytest
from babel.dates import format_date

from bot.cli.local import TRAITS
from bot.content import sms
from bot.content.exchange.entries import entries_of
from bot.content.exchange.yaml_text import replaced
from bot.content.inspection import in_step, readability, wording
from bot.content.inspection.cost import of_answers
from bot.content.inspection.inspector import inspect
from nlu.contract import Response
from tests.conftest import SHIPPED
from tests.content.conftest import FOLDER

TODAY = date(2026, 11, 22)


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "content")
    return tmp_path / "content"


def say(folder, language, key, text):
    """Put `text` in place of what is there."""
    entry = entries_of(folder, language)[key]
    entry.file.write_text(replaced(entry.file.read_text("utf-8"), {entry.path: text}), "utf-8")
    return entry


def told(folder, content, today=TODAY):
    return [str(finding) for finding in inspect(folder, content.edition, today)]


# --- words ---------------------------------------------------------------------------------------------------


def test_no_text_of_ours_says_what_hurts(content, language):
    words = wording.load(FOLDER, language)
    assert len(words) >= 5, "every language has its list"
    for entry in entries_of(FOLDER, language).values():
        assert not wording.avoided(entry.text, words), entry.key


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        ("en", "Illegal immigrants may come too.", "illegal immigrant*"),
        ("en", "An HIV-infected person", "HIV infected"),
        ("es", "los inmigrantes ilegales", "inmigrante* ilegal*"),
        ("fr", "Les clandestins", "clandestin*"),
        ("fr", "Une personne droguée", "drogué*"),
        ("fr", "Drogues et alcool", None),
        ("ru", "Нелегалам", "нелегал*"),
        ("ar", "المهاجرين غير الشرعيين", "المهاجر* غير الشرعي*"),
        ("fa", "هم‌جنس", None),
        ("en", "This is not illegal here; immigrants may come.", None),
    ],
)
def test_words_are_found_in_all_their_forms(code, text, said):
    found = [word.said for word in wording.avoided(text, wording.load(FOLDER, code))]
    assert found == ([said] if said else [])


def test_a_word_that_hurts_is_a_fault_with_its_place(folder, content):
    entry = say(folder, "es", "hiv/hiv_basics/sms", "Los enfermos de sida viven.")
    said = [one for one in inspect(folder, content.edition, TODAY) if one.is_fault]
    assert [(one.file, one.line) for one in said] == [("content/answers/es/hiv.yml", entry.line)]
    assert "persona que vive con el VIH" in str(said[0])


def test_a_broken_list_of_words_is_named(folder, content):
    (folder / "wording.yml").write_text("en:\n  - prostitute\n", "utf-8")
    with pytest.raises(wording.WordingFault, match="wording.yml"):
        inspect(folder, content.edition, TODAY)


# --- reading -------------------------------------------------------------------------------------------------

EASY = {
    "en": "We can help you. The test is free. It takes a short time. You do not need to give your name. Come with a friend. "
    * 3,
    "es": "Te ayudamos. El test es gratis. Dura poco. No hace falta tu nombre. Ven con quien quieras. Es tu vida. " * 3,
    "ru": "Мы вам поможем. Тест без денег. Это быстро. Имя не нужно. Вы не одни. Мы тут для вас. Где вы сейчас? " * 3,
}
HARD = {
    "en": "The aforementioned administrative authorities systematically disseminate comprehensive documentation regarding "
    "eligibility considerations applicable to internationally displaced individuals requiring specialised immunological "
    "examinations notwithstanding contradictory jurisprudential interpretations established by constitutional tribunals.",
    "es": "Las autoridades administrativas anteriormente mencionadas distribuyen sistemáticamente documentación exhaustiva "
    "relativa a las consideraciones de elegibilidad aplicables a personas internacionalmente desplazadas que requieran "
    "exámenes inmunológicos especializados independientemente de interpretaciones jurisprudenciales contradictorias.",
    "ru": "Вышеупомянутые административные учреждения систематически распространяют исчерпывающую документацию относительно "
    "квалификационных требований применительно к международно перемещённым лицам, нуждающимся в специализированных "
    "иммунологических исследованиях, независимо от противоречивых юридических интерпретаций конституционных инстанций.",
}  # fmt: skip


@pytest.mark.parametrize("code", sorted(EASY))
def test_what_is_easy_is_easier_than_what_is_hard(code):
    plain = readability.SCALES[code].plain
    assert readability.ease(EASY[code], code) > plain > 30 > readability.ease(HARD[code] * 2, code)


def test_what_cannot_be_measured_is_not(language):
    assert readability.ease("one two three", "en") is None
    assert readability.ease("word " * 100, language) is None or language in readability.SCALES


def test_a_hard_text_is_noted(folder, content):
    say(folder, "en", "hiv/hiv_basics/text", HARD["en"] * 2)
    assert any(
        "answers/en/hiv.yml" in one and "hiv_basics/text: is hard to read" in one for one in told(folder, content)
    )


# --- in step with English --------------------------------------------------------------------------------------


def test_every_translation_fits_its_english_text(content, language):
    if language != "en":
        source, own = entries_of(FOLDER, "en"), entries_of(FOLDER, language)
        assert in_step.out_of_step(FOLDER, language, source, own) == []


def test_a_change_in_english_is_noted_in_every_language_until_it_is_settled(folder, content):
    key = "hiv/hiv_basics/sms"
    say(folder, "en", key, "Something new.")
    noted = [one for one in told(folder, content) if "in-step --language" in one]
    assert len(noted) == len(SHIPPED) - 1 and all("hiv_basics/sms" in one for one in noted)
    in_step.record(folder, "fr", entries_of(folder, "en"), [key])
    noted = [one for one in told(folder, content) if "in-step --language" in one]
    assert len(noted) == len(SHIPPED) - 2 and not any("/fr/" in one for one in noted)


def test_spaces_are_no_change():
    assert in_step.fingerprint("a  b\n") == in_step.fingerprint("a b") != in_step.fingerprint("a c")


# --- old and dear ----------------------------------------------------------------------------------------------


def test_what_is_past_its_day_is_noted(folder, content):
    late = told(folder, content, date(2040, 1, 1))
    assert any("topics.yml" in one and "sti: was to be read again by" in one and "not shown" in one for one in late)
    assert any("crisis_suicide: was to be read again" in one and "still shown" in one for one in late)
    assert any("countries/FR.yml" in one and "last read on 2026-11-22" in one for one in late)
    assert not any("read again" in one for one in told(folder, content))


def test_a_text_that_takes_too_many_messages_is_noted(folder, content):
    say(folder, "ar", "hiv/hiv_basics/sms", "فيروس " * 60)
    assert any("answers/ar/hiv.yml" in one and "text messages" in one for one in told(folder, content))


def test_costs_are_those_of_what_is_sent(content):
    costs = {one.language: one for one in of_answers(content, TRAITS["sms"], "GB")}
    assert set(costs) == set(SHIPPED)
    said = [
        content.render([Response("topic", {"topic": topic})], language="en", country="GB", traits=TRAITS["sms"])
        for topic in content.topics
    ]
    paid = [sms.segments(one.messages[0].text) for one in said]
    assert costs["en"].segments * len(paid) == pytest.approx(sum(paid)) and costs["en"].most == max(paid)
    assert costs["en"].cheap == len(paid) and costs["ar"].cheap == 0
    assert costs["en"].cut == sum(bool(one.rest) for one in said)


# --- where it comes from -----------------------------------------------------------------------------------------


def test_an_answer_says_where_it_comes_from(content, language):
    for name, topic in content.topics.items():
        facts = [content.countries["FR"].facts.get(fact) for fact in topic.facts]
        sources = [*topic.sources, *(fact.source for fact in facts if fact and fact.source)]
        for channel in ("sms", "web"):
            response, said = Response("sources", {"topic": name}), ""
            for _ in range(8):
                made = content.render([response], language=language, country="FR", traits=TRAITS[channel])
                said += "\n".join(message.text for message in made.messages) + "\n"
                if not made.rest:
                    break
                response = Response("rest", {"text": made.rest})
            for source in sources:
                wanted = source["title"] if channel == "sms" else source["url"]
                assert sms.economical(wanted) in said or wanted in said, (name, channel, wanted)
            again = format_date(topic.review_by, "medium", locale=language)
            assert sms.economical(again) in sms.economical(said), "when it is to be checked again"
            assert not TRAITS[channel].segments or "http" not in said


def test_whether_somebody_has_checked_it_is_said(content, language):
    words = content.words(language)
    draft = content.render(
        [Response("sources", {"topic": "sti"})], language=language, country=None, traits=TRAITS["web"]
    )
    assert words.words["sources.draft"] in draft.messages[0].text
    kept = words.topics["sti"]
    words.topics["sti"] = replace(kept, draft=False)
    try:
        done = content.render(
            [Response("sources", {"topic": "sti"})], language=language, country=None, traits=TRAITS["web"]
        )
    finally:
        words.topics["sti"] = kept
    assert words.words["sources.reviewed"] in done.messages[0].text
