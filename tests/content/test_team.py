"""When the team is there, and what people are told when it is not."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bot.content.load import ContentError
from bot.content.render import Content, Promises
from bot.content.team import Team
from bot.messages import ChannelTraits
from bot.settings import ROOT
from nlu.contract import Response
from nlu.languages import load_languages

WEB = ChannelTraits("web", 4096, button_limit=24, title_limit=40)
SMS = ChannelTraits("sms", 1600, segments=True)
SUNDAY = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
MADRID = ZoneInfo("Europe/Madrid")

TEAM = """
zone: Europe/Madrid
country: ES
hours:
  es: "Mo-Fr 09:00-18:00; PH off"
  fr: "Th 10:00-12:00"
"""


@pytest.fixture
def team(tmp_path):
    """A function that makes content with these hours."""
    folder = shutil.copytree(ROOT / "content", tmp_path / "content")

    def make(text: str, on_duty: bool = True) -> Content:
        (folder / "team.yml").write_text(text, "utf-8")
        promises = Promises(operators_on_duty=on_duty, human_contact="+34 900 000 000")
        return Content(folder, load_languages(), promises)

    return make


def said(content: Content, language: str, at: datetime, traits: ChannelTraits = WEB) -> str:
    response = Response("human", effect="hand_off")
    return content.render([response], language=language, country="ES", traits=traits, at=at).messages[0].text


def test_within_the_hours_somebody_comes_and_outside_it_is_said_when(team):
    content = team(TEAM)
    assert "lo antes posible" in said(content, "es", MONDAY)
    late = said(content, "es", SUNDAY)
    assert "lunes 09:00 (hora de Madrid)" in late
    assert "+34 900 000 000" in late and "112" in late, "a line now"
    assert "jeudi 10:00" in said(content, "fr", MONDAY)


def test_a_language_nobody_has_hours_for_waits_for_whoever_comes_first(team):
    content = team(TEAM)
    assert "Monday 09:00 (time in Madrid)" in said(content, "en", SUNDAY)
    assert "as soon as possible" in said(content, "en", MONDAY)
    content = team(TEAM + '  other: "Sa 10:00-12:00"\n')
    assert "Saturday 10:00" in said(content, "en", MONDAY)


def test_every_language_says_when_on_every_channel(team, language):
    content = team(TEAM)
    for traits in (WEB, SMS):
        text = said(content, language, SUNDAY, traits)
        assert "{" not in text and "9" in text.translate(str.maketrans("٩۹", "99")), text


def test_holidays_count_and_a_far_day_has_its_date(team):
    content = team(TEAM.replace("Mo-Fr 09:00-18:00; PH off", "2026 Dec 08,2026 Dec 21 09:00-18:00; PH off"))
    assert "lunes 21 diciembre 09:00" in said(content, "es", SUNDAY)


def test_without_hours_the_setting_alone_says(team):
    assert "as soon as possible" in said(team("hours: {}"), "en", SUNDAY)
    text = said(team(TEAM, on_duty=False), "en", MONDAY)
    assert "no person" in text and "again" not in text


def test_hours_that_never_come_promise_nothing(team):
    text = said(team('zone: UTC\nhours: {other: "2020 Jan 01 09:00-10:00"}'), "en", MONDAY)
    assert "no person" in text and "again" not in text


def test_what_is_not_surely_open_is_taken_for_closed():
    team = Team("UTC", None, {"other": 'Mo-Su 00:00-24:00 "by appointment"'})
    assert not team.shift("en", MONDAY).there


def test_a_change_of_the_clock_is_kept_to():
    team = Team("Europe/Madrid", None, {"other": "Mo-Su 09:00-10:00"})
    assert team.shift("en", datetime(2026, 3, 28, 20, tzinfo=UTC)).next == datetime(2026, 3, 29, 9, tzinfo=MADRID)
    assert team.shift("en", datetime(2026, 3, 29, 7, 30, tzinfo=UTC)).there, "nine in summer is seven in UTC"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('hours: {es: "Mo-Fr 09:00-18:00"}', "zone: whose clock"),
        ('zone: Madrid\nhours: {es: "24/7"}', "'Madrid' is no time zone"),
        ('zone: UTC\nhours: {xx: "24/7"}', "'xx' is not one of"),
        ('zone: UTC\nhours: {es: "nine to five"}', "cannot be read"),
        ('zone: UTC\ncountry: ZZ\nhours: {es: "24/7"}', "'ZZ' has no calendar"),
    ],
)
def test_faults_are_named_with_the_file(team, text, says):
    with pytest.raises(ContentError) as raised:
        team(text)
    assert len(raised.value.faults) == 1
    assert "content/team.yml:" in raised.value.faults[0] and says in raised.value.faults[0]
