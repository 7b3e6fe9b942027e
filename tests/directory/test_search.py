"""The search: nearest first, honest about distance and papers, in a real database."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from bot.db import Database
from bot.directory import spots
from bot.directory.distance import distance_km
from bot.directory.listing import load
from bot.directory.search import details, search
from bot.directory.terms import SERVICE_KINDS, Answer, stable_id
from tests.directory.conftest import SHIPPED, write, write_more

MONDAY_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = date(2026, 11, 22)
ORDER = {Answer.NO: 0, Answer.UNKNOWN: 1, Answer.YES: 2}


@pytest_asyncio.fixture
async def sampleville(database):
    await load(database, SHIPPED)
    return database


async def find(database, kind, *point, **options):
    async with database.begin(read_only=True) as session:
        return await search(session, kind, *point, **{"now": MONDAY_NOON} | options)


def names(result):
    return [found.name.removeprefix("SAMPLE ") for found in result.found]


# --- The sample town ---


@pytest.mark.parametrize("kind", SERVICE_KINDS)
async def test_every_kind_is_found_in_sampleville(sampleville, kind):
    result = await find(sampleville, kind, 0, 0)
    assert result.found and all(kind in found.kinds and found.sample for found in result.found)
    assert all(found.distance_km <= result.radius_km for found in result.found)


async def test_nearest_first_with_everything_to_show(sampleville):
    result = await find(sampleville, "hiv_test", 0, 0)
    assert names(result) == ["Harbour Checkpoint", "PrEP Corner", "Harm Reduction Van"]
    assert [found.number for found in result.found] == [1, 2, 3]
    assert (result.total, result.radius_km, result.widened, result.nearest_km) == (3, 25, False, None)
    first = result.found[0]
    assert first.organization == "SAMPLE Checkpoint Association"
    assert first.distance_km == pytest.approx(distance_km(0, 0, 0.004, 0.003))
    assert (first.open_now, first.next_change) == (True, datetime(2026, 11, 23, 18, tzinfo=UTC))
    assert first.hours == "Mo-Fr 10:00-18:00; Sa 10:00-14:00; PH off"
    assert first.languages == ("ar", "en", "es", "fr")
    assert (first.id_required, first.status_required, first.shares_with_immigration) == ("no", "no", "no")
    assert (first.phone, first.city, first.country) == ("+44 20 7946 0101", "Sampleville (SAMPLE)", "XX")
    assert (first.last_verified, first.state, first.precision) == (date(2026, 10, 1), "reviewed", "exact")
    assert result.found[1].open_now is False
    assert result.found[1].next_change == datetime(2026, 11, 24, 16, tzinfo=UTC)


async def test_unknown_is_said_to_be_unknown(sampleville):
    pharmacy = (await find(sampleville, "self_test", 0, 0)).found[0]
    assert pharmacy.name == "SAMPLE Corner Pharmacy"
    assert {pharmacy.id_required, pharmacy.status_required, pharmacy.shares_with_immigration} == {Answer.UNKNOWN}
    assert pharmacy.last_verified is None
    dentist = (await find(sampleville, "dentist", 0, 0)).found[0]
    assert dentist.open_now is None and dentist.next_change is None and "by appointment" in dentist.hours


async def test_a_point_that_is_only_the_town_is_flagged(sampleville):
    house = (await find(sampleville, "violence", 0, 0)).found[0]
    assert house.precision == "city" and house.address is None and house.phone


async def test_pages_neither_repeat_nor_skip(sampleville):
    whole = await find(sampleville, None, 0, 0, limit=100)
    pages = [await find(sampleville, None, 0, 0, limit=4, offset=offset) for offset in range(0, whole.total + 4, 4)]
    assert [found for page in pages for found in page.found] == list(whole.found)
    assert all(page.total == whole.total == 16 for page in pages)
    assert pages[-1].found == ()


async def test_the_circle_widens_once_and_says_so(sampleville):
    near_the_outpost = await find(sampleville, "hiv_test", 0.9, 0.6)
    assert (near_the_outpost.radius_km, near_the_outpost.widened) == (100, True)
    assert names(near_the_outpost) == ["Island Outpost"]
    assert near_the_outpost.found[0].distance_km == pytest.approx(53, abs=1)


async def test_nothing_near_tells_how_far_the_nearest_real_one_is(sampleville):
    porto = (41.1496, -8.611)
    result = await find(sampleville, "hiv_test", *porto)
    assert (result.found, result.total, result.radius_km) == ((), 0, 100)
    # Nicosia, a partner; the samples, nearer or not, do not count.
    assert result.nearest_km == pytest.approx(distance_km(*porto, 35.17284, 33.35397))
    assert (await find(sampleville, "dentist", *porto)).nearest_km is None


async def test_partners_are_found_and_promise_nothing(sampleville):
    result = await find(sampleville, None, 52.52, 13.405)
    assert names(result) == ["Afrikaherz (VIA Berlin)"]
    place = result.found[0]
    assert not place.sample and place.precision == "city" and place.open_now is None and place.phone is None
    assert place.id_required == place.status_required == place.shares_with_immigration == Answer.UNKNOWN


async def test_details(sampleville):
    result = await find(sampleville, "prep", 0, 0)
    async with sampleville.begin(read_only=True) as session:
        one = await details(session, result.found[0].id, MONDAY_NOON)
        assert one.name == result.found[0].name and one.number is None and one.distance_km is None
        assert await details(session, "nothing") is None


async def test_what_is_gone_from_the_files_is_never_shown(database, tmp_path):
    folder = write(tmp_path / "in", {"id": "a"}, {"id": "b"})
    await load(database, folder, today=TODAY)
    write(folder, {"id": "a"})
    await load(database, folder, today=TODAY)
    assert (await find(database, "prep", 38.7, -9.1)).total == 1
    async with database.begin(read_only=True) as session:
        assert await details(session, stable_id("service_at_location", "b")) is None


# --- Papers and languages ---


async def test_no_papers_never_ranks_yes_above_no(database, tmp_path):
    answers = {"near": "yes", "middle": "unknown", "far": "no"}
    rows = [
        {"id": id_, "name": id_, "id_required": answer, "latitude": str(38.7 + at / 100)}
        for at, (id_, answer) in enumerate(answers.items())
    ]
    await load(database, write(tmp_path / "in", *rows), today=TODAY)
    point = (38.7, -9.1)
    assert names(await find(database, "prep", *point)) == ["near", "middle", "far"]
    assert names(await find(database, "prep", *point, papers=True)) == ["near", "middle", "far"]
    assert names(await find(database, "prep", *point, papers=False)) == ["far", "middle", "near"]


@pytest.mark.parametrize("trouble", ["status_required", "shares_with_immigration"])
async def test_one_danger_is_enough(database, tmp_path, trouble):
    safe = {"id_required": "unknown", "status_required": "unknown", "shares_with_immigration": "unknown"}
    rows = [
        {"id": "near", "name": "near", "id_required": "no", trouble: "yes"},
        {"id": "far", "name": "far", "latitude": "38.8", **safe},
    ]
    await load(database, write(tmp_path / "in", *rows), today=TODAY)
    assert names(await find(database, "prep", 38.7, -9.1, papers=False)) == ["far", "near"]


async def test_a_language_asked_for_comes_first(database, tmp_path):
    rows = [
        {"id": "near", "name": "near", "languages": "pt"},
        {"id": "far", "name": "far", "languages": "pt;ar", "latitude": "38.8"},
    ]
    await load(database, write(tmp_path / "in", *rows), today=TODAY)
    assert names(await find(database, "prep", 38.7, -9.1, language="ar")) == ["far", "near"]
    assert names(await find(database, "prep", 38.7, -9.1, language="fr")) == ["near", "far"]


answers = st.sampled_from(["yes", "no", "unknown"])
places = st.lists(
    st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), answers, answers, answers, st.sampled_from(["en", "ar"])),
    max_size=12,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    places=places,
    # The date line, a pole, and an ordinary town.
    centre=st.sampled_from([(38.7, -9.1), (-17.0, 179.9), (89.6, 10.0)]),
    papers=st.sampled_from([None, True, False]),
    language=st.sampled_from([None, "ar"]),
)
def test_order_and_circle_hold_for_any_places(tmp_path_factory, url, places, centre, papers, language):
    """All places in the circle and no others; never a farther before a nearer of equal rank; never yes above no."""

    def there(lat: float, lon: float) -> tuple[float, float]:
        return round(min(90.0, centre[0] + lat), 6), round((centre[1] + lon + 180) % 360 - 180, 6)

    async def run():
        database = Database(url)
        async with database.begin() as session:  # what the last example left
            for table in ("spot", "listing", "attribute", "service", "location", "organization"):
                await session.execute(text(f"DELETE FROM {table}"))
        folder = write(tmp_path_factory.mktemp("rows"), *(
            {"id": f"p{n}", "name": f"p{n}", "id_required": id_, "status_required": status, "languages": spoken,
             "shares_with_immigration": shares,
             "latitude": str(there(lat, lon)[0]), "longitude": str(there(lat, lon)[1])}
            for n, (lat, lon, id_, status, shares, spoken) in enumerate(places)
        ))  # fmt: skip
        await load(database, folder, today=TODAY)
        result = await find(database, "prep", *centre, limit=100, radius_km=(25, 100), papers=papers, language=language)
        await database.close()
        return result

    result = asyncio.run(run())
    distances = [distance_km(*centre, *there(lat, lon)) for lat, lon, *_ in places]
    assert result.total == sum(distance <= result.radius_km for distance in distances) == len(result.found)
    assert result.widened == (bool(places) and min(distances) > 25 or not places)
    for a, b in pairwise(result.found):
        if papers is False:
            assert not (a.id_required == "yes" and b.id_required == "no")
            trouble = [
                max(ORDER[f.id_required], ORDER[f.status_required], ORDER[f.shares_with_immigration]) for f in (a, b)
            ]
            assert trouble[0] <= trouble[1]
        same = (a.id_required, a.status_required, a.shares_with_immigration) == (
            b.id_required, b.status_required, b.shares_with_immigration
        )  # fmt: skip
        if (same or papers is not False) and (not language or a.languages == b.languages):
            assert a.distance_km <= b.distance_km


# --- Only what is open ---


async def test_only_places_known_to_be_open(sampleville):
    everywhere = await find(sampleville, None, 0, 0, limit=100)
    opened = await find(sampleville, None, 0, 0, limit=100, only_open=True)
    assert [found.id for found in opened.found] == [found.id for found in everywhere.found if found.open_now]
    assert 0 < opened.total < everywhere.total, "unknown hours are no open door"


async def test_with_none_open_near_the_circle_widens(database, tmp_path):
    lisbon = {"latitude": "38.72", "longitude": "-9.14"}
    write(
        tmp_path,
        {"id": "near", "name": "Near", **lisbon, "hours": "Mo 20:00-21:00"},
        {"id": "far", "name": "Far", **lisbon, "latitude": "39.2", "hours": "24/7"},
    )
    await load(database, tmp_path)
    assert names(await find(database, None, 38.72, -9.14)) == ["Near"]
    found = await find(database, None, 38.72, -9.14, only_open=True)
    assert names(found) == ["Far"] and found.widened


async def test_more_open_places_than_are_read_at_once_keep_their_order(database, tmp_path):
    rows = (
        {"id": f"p{n}", "latitude": f"{38.72 + n / 2000:.5f}", "longitude": "-9.14", "hours": "24/7"}
        for n in range(230)
    )
    write(tmp_path, *rows)
    await load(database, tmp_path)
    found = await find(database, None, 38.72, -9.14, limit=500, only_open=True)
    assert found.total == 230
    assert all(one.distance_km <= other.distance_km for one, other in pairwise(found.found))


# --- Closed for a time, on certain days only, hidden, translated ---


async def test_closed_for_a_time_comes_last_and_says_until_when(database, tmp_path):
    rows = [
        {"id": "near", "name": "near", "closed_until": "2026-12-30", "hours": "24/7"},
        {"id": "far", "name": "far", "latitude": "38.8", "hours": "24/7"},
    ]
    await load(database, write_more(tmp_path / "in", *rows), today=TODAY)
    found = await find(database, "prep", 38.7, -9.1)
    assert names(found) == ["far", "near"] and found.found[1].closed_until == date(2026, 12, 30)
    assert names(await find(database, "prep", 38.7, -9.1, only_open=True)) == ["far"]
    later = await find(database, "prep", 38.7, -9.1, now=datetime(2026, 12, 31, 12, tzinfo=UTC))
    assert names(later) == ["near", "far"] and later.found[0].closed_until is None


async def test_a_van_is_found_until_its_last_day_and_open_only_on_its_days(database, tmp_path):
    van = {"id": "van", "mobile": "yes", "dates": "2026-12-02;2026-12-09", "hours": "10:00-14:00"}
    await load(database, write_more(tmp_path / "in", van), today=TODAY)

    async def at(day: int, hour: int):
        moment = datetime(2026, 12, day, hour, tzinfo=UTC)
        return (await find(database, "prep", 38.7, -9.1, now=moment)).found

    [monday] = await at(1, 12)
    assert monday.mobile and monday.open_now is False and monday.next_change.date() == date(2026, 12, 2)
    assert (await at(2, 12))[0].open_now is True
    assert (await at(3, 12))[0].next_change.date() == date(2026, 12, 9)
    assert await at(10, 12) == ()


async def test_a_hidden_address_cannot_be_found_out(database, tmp_path):
    row = {"id": "shelter", "confidential": "yes", "address": "", "latitude": "38.7463", "longitude": "-9.1172"}
    await load(database, write_more(tmp_path / "in", row), today=TODAY)
    async with database.begin() as session:  # as somebody else's data may have it
        await session.execute(text("UPDATE address SET address_1 = '7 Secret Street'"))
        await spots.refresh(session)
        kept = (await session.execute(text("SELECT card, latitude, longitude FROM spot"))).one()
    assert "Secret" not in kept.card and (kept.latitude, kept.longitude) == (38.7, -9.1)
    assert "38.7463" not in kept.card and "9.1172" not in kept.card
    [place] = (await find(database, "prep", 38.7463, -9.1172)).found
    assert place.confidential and place.address is None and place.precision == "city"
    assert place.distance_km > 1, "the distance is to the rounded point"


async def test_names_in_other_languages(database, tmp_path):
    row = {"id": "clinic", "name:ar": "عيادة", "description:fr": "Tests gratuits"}
    await load(database, write_more(tmp_path / "in", row), today=TODAY)
    [place] = (await find(database, "prep", 38.7, -9.1)).found
    assert place.names == {"ar": "عيادة"} and place.descriptions == {"fr": "Tests gratuits"}


async def test_spots_worked_out_in_parts_are_those_worked_out_at_once(database, tmp_path):
    folder = write_more(tmp_path / "in", {"id": "a"}, {"id": "b"}, {"id": "c", "free": "yes", "cost": "5 EUR"})
    await load(database, folder, today=TODAY)
    write_more(folder, {"id": "a", "languages": "ar"}, {"id": "b", "walk_in": "yes"}, {"id": "d"})
    await load(database, folder, today=TODAY)

    async def spots_now() -> list:
        async with database.begin(read_only=True) as session:
            shown = "service_at_location_id, latitude, x, kinds, papers, languages, card"
            return (await session.execute(text(f"SELECT {shown} FROM spot ORDER BY 1"))).all()

    in_parts = await spots_now()
    async with database.begin() as session:
        assert await spots.refresh(session) == 3
    assert in_parts == await spots_now()
    if database.sqlite:
        async with database.begin(read_only=True) as session:
            tree = (await session.execute(text("SELECT id FROM spot_tree ORDER BY 1"))).all()
            assert tree == (await session.execute(text("SELECT id FROM spot ORDER BY 1"))).all()
