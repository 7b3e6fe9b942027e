"""What is filled in, checked and fresh."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from bot.content import coverage
from bot.content.texts import Fact


def test_a_country_is_counted_by_what_is_known_and_what_was_read(content):
    edition = content.edition
    france = replace(
        edition.countries["FR"],
        draft=False,
        facts={
            "prep": Fact("free_public", {}, {"title": "a", "url": "b", "read": date(2026, 5, 1)}),
            "pep": Fact("emergency_departments", {}, {"title": "a", "url": "b", "read": date(2026, 3, 1)}),
            "abortion": Fact("on_request", {"weeks": 14}, {"title": "a", "url": "b"}),
            "reporting": Fact("unknown"),
        },
    )
    (found,) = coverage.of_countries(replace(edition, countries={"FR": france}))
    assert (found.known, found.unopened, found.oldest) == (3, 1, date(2026, 3, 1))
    assert found.reviewed and found.asked == 20 and "reporting" in found.unknown and "prep" not in found.unknown
    assert found.lines[0] == "emergency"


def test_languages_are_counted_by_what_is_reviewed(content):
    words = content.edition.words["ar"]
    name = next(iter(words.topics))
    read = replace(words, topics={**words.topics, name: replace(words.topics[name], draft=False)})
    (found,) = coverage.of_languages(replace(content.edition, words={"ar": read}))
    before = sum(not text.draft for text in words.topics.values())
    assert (found.code, found.answers, found.reviewed) == ("ar", len(words.topics), before + words.topics[name].draft)


def test_what_is_to_be_read_again_soonest_comes_first(content):
    topics = dict(list(content.edition.topics.items())[:3])
    days = [date(2027, 3, 1), date(2027, 1, 1), date(2028, 1, 1)]
    topics = {name: replace(topic, review_by=day) for (name, topic), day in zip(topics.items(), days)}
    due = coverage.to_read_again(replace(content.edition, topics=topics), date(2027, 6, 1))
    assert [day for _, day in due] == [date(2027, 1, 1), date(2027, 3, 1)]
