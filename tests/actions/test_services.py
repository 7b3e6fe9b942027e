"""Wishes, days and pages of the search as the dialogue asks for them."""

from __future__ import annotations

from pathlib import Path

import pytest_asyncio

from actions.base import Told
from actions.forms import ValidateFindService
from actions.services import FindService, MoreResults, ServiceDetails
from bot import migrations
from bot.db import Database
from bot.directory.listing import load
from tests.directory.conftest import write_more

LISBON = {"name": "Lisbon", "latitude": 38.7, "longitude": -9.1, "country": "PT"}


@pytest_asyncio.fixture
async def database(tmp_path: Path):
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'farol.db'}")
    await migrations.upgrade(database)
    rows = [
        {"id": "asks", "name": "Asks", "id_required": "yes", "status_required": "yes", "hours": "24/7"},
        {"id": "free", "name": "Free", "latitude": "38.75", "id_required": "no", "status_required": "no",
         "shares_with_immigration": "no", "hours": "Sa 10:00-14:00"},
        {"id": "arabic", "name": "Arabic", "latitude": "38.8", "languages": "ar", "hours": ""},
    ]  # fmt: skip
    await load(database, write_more(tmp_path / "in", *rows))
    yield database
    await database.close()


def told(text="", intent="find_service", entities=(), **slots) -> Told:
    return Told("action", text, intent, 1.0, {"service": "prep", "place": LISBON} | slots, tuple(entities))


def slots_of(result) -> dict:
    return {event["name"]: event["value"] for event in result.events if event["event"] == "slot"}


def said(result) -> dict:
    return result.responses[-1]["custom"]["args"]


def shown(result) -> list[str]:
    return [place["name"] for place in said(result)["found"]]


async def wishes(database, content, **about) -> dict:
    result = await ValidateFindService(content, database).run(told(**about))
    return slots_of(result)["wishes"]


async def test_wishes_are_read_from_the_first_sentence_and_kept_until_the_place_is_known(database, content):
    first = await wishes(database, content, entities=[("language", "ar")], place=None, service="prep")
    assert first == {"language": "ar", "no_papers": False, "open_now": False}
    then = await wishes(database, content, entities=[], wishes=first)
    assert then == first
    found = await FindService(database).run(told(wishes=then))
    assert shown(found)[0] == "Arabic" and slots_of(found)["wishes"] is None
    assert said(found)["wishes"] == first


async def test_without_papers_is_heard_from_the_sentence_or_from_what_was_asked_before(database, content):
    for about in ({"entities": [("population", "undocumented")]}, {"topic": "right_without_papers"},
                  {"topic": "fear_of_authorities"}):  # fmt: skip
        wanted = await wishes(database, content, **about)
        assert wanted["no_papers"], about
        assert shown(await FindService(database).run(told(wishes=wanted)))[0] == "Free"
    assert shown(await FindService(database).run(told()))[0] == "Asks"


async def test_open_now_in_any_language(database, content):
    wanted = await wishes(database, content, entities=[("time", "الآن")])
    assert wanted["open_now"]
    found = shown(await FindService(database).run(told(wishes=wanted)))
    assert "Asks" in found and "Arabic" not in found, "unknown hours are no open door"


async def test_a_new_wish_starts_the_list_again_and_the_next_page_keeps_it(database, content):
    last = slots_of(await FindService(database).run(told()))["search"]
    more = MoreResults(database, content)
    again = await more.run(told(intent="more_results", entities=[("population", "undocumented")], search=last))
    assert shown(again) == ["Free", "Arabic", "Asks"] and said(again)["first"] == 1
    last = slots_of(again)["search"]
    after = await more.run(told(intent="more_results", search=last))
    assert said(after)["first"] == 4 and said(after)["wishes"]["no_papers"]


async def test_is_it_open_on_saturday(database, content):
    last = slots_of(await FindService(database).run(told()))["search"]
    details = ServiceDetails(database, content)
    for number, times in ((2, 1), (3, None), (1, 1)):
        result = await details.run(
            told(f"is {number} open on Saturday", "service_details", [("time", "Saturday")], search=last)
        )
        day = said(result)["day"]
        assert (None if day["times"] is None else len(day["times"])) == times, said(result)["place"]["name"]
    closed = await details.run(told("le 2 est ouvert lundi", "service_details", [("time", "lundi")], search=last))
    assert said(closed)["day"]["times"] == []
    assert "day" not in said(await details.run(told("2", "service_details", [("time", "now")], search=last)))


async def test_nothing_near_tells_how_far_and_where(database, content):
    nowhere = {"name": "Nowhere", "latitude": -40.0, "longitude": 100.0, "country": "PT"}
    result = said(await FindService(database).run(told(place=nowhere)))
    assert result["found"] == [] and result["nearest_km"] > 1000 and result["country"] == "PT"
