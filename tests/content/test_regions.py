"""A part of a country may answer differently; the rest of the country's facts hold there too."""

from __future__ import annotations

from bot.cli.local import TRAITS
from bot.content.countries import country_name, region_name
from nlu.contract import Response


def said(content, topic, language, region, channel="web", country="GB"):
    response = Response("topic", {"topic": topic})
    return content.render(
        [response], language=language, country=country, region=region, traits=TRAITS[channel]
    ).messages[-1]


def test_where_parts_differ_they_are_offered(content, language):
    message = said(content, "abortion", language, None)
    assert "in:GB-NIR:abortion" in {button.payload for button in message.buttons}
    assert content.words(language).words["country.regions"] in message.text
    # Where they do not differ, nobody is asked.
    assert not any(b.payload.startswith("in:") for b in said(content, "contraception", language, None).buttons)


def test_on_sms_they_are_named_and_can_be_typed(content, language):
    first = content.render(
        [Response("topic", {"topic": "abortion"})], language=language, country="GB", traits=TRAITS["sms"]
    )
    assert "in:GB-NIR:abortion" in {button.payload for button in first.choices}
    rest = (
        content.render([Response("rest", {"text": first.rest})], language=language, country="GB", traits=TRAITS["sms"])
        if first.rest
        else first
    )
    read = " ".join(message.text for made in (first, rest) for message in made.messages) + rest.rest
    assert region_name("GB-NIR", language) in read


def test_there_the_part_s_own_answer_is_told_and_the_way_back_offered(content, language):
    country, part = said(content, "abortion", language, None), said(content, "abortion", language, "GB-NIR")
    assert "24" in country.text or "\u06f2\u06f4" in country.text
    assert "24" not in part.text.split("Northern Ireland")[-1]
    assert region_name("GB-NIR", language) in part.text
    back = [button for button in part.buttons if button.payload == "in:GB:abortion"]
    assert [button.title for button in back] == [country_name("GB", language)]


def test_what_is_not_different_there_is_the_country_s(content):
    here, there = said(content, "prep_access", "en", None), said(content, "prep_access", "en", "GB-NIR")
    assert there.text == here.text.replace("United Kingdom:", "United Kingdom (Northern Ireland):")


def test_a_part_of_another_country_counts_for_nothing(content):
    assert said(content, "abortion", "en", "MX-CMX") == said(content, "abortion", "en", None)


def test_names_of_parts():
    assert region_name("GB-NIR", "en") == "Northern Ireland"
    assert region_name("IT-45", "uk") == "Емілія-Романья"
    assert region_name("MX-CMX", "so") == "Ciudad de México"
