"""OpenStreetMap: only what the tags say, nothing about papers, and the source with every place."""

from __future__ import annotations

import json
from datetime import date

import pytest
from sqlalchemy import select

from bot.directory.exchange import osm_tags
from bot.directory.exchange.importer import bring_in
from bot.directory.exchange.openstreetmap import OpenStreetMap
from bot.directory.exchange.source import Faults, Unreadable
from bot.directory.exchange.surroundings import Surroundings
from bot.directory.hsds import TABLES
from bot.directory.search import details
from bot.directory.terms import POPULATIONS, SERVICE_KINDS, Answer, stable_id
from tests.directory.test_import_hsds import everything, refusals

CLINIC = {
    "amenity": "doctors", "healthcare": "doctor", "healthcare:speciality": "general;psychiatry", "name": "Centro",
    "name:ar": "المركز", "operator": "Example Health", "phone": "21 300 0000; +351 21 300 0001",
    "website": "https://example.org", "opening_hours": "Mo-Fr 09:00-17:00; PH off", "addr:street": "Rua Um",
    "addr:housenumber": "2", "addr:city": "Lisboa", "addr:postcode": "1150-001", "addr:country": "PT",
    "wheelchair": "yes", "language:ar": "yes", "language:fr": "no", "fee": "no", "description:en": "Small clinic",
}  # fmt: skip


def node(number, tags, **more):
    return {"type": "node", "id": number, "lat": 38.72, "lon": -9.14, "tags": tags, **more}


def overpass(tmp_path, *elements):
    path = tmp_path / "overpass.json"
    osm3s = {"timestamp_osm_base": "2026-11-01T10:00:00Z", "copyright": "The data is made available under ODbL."}
    path.write_text(json.dumps({"version": 0.6, "generator": "Overpass API", "osm3s": osm3s, "elements": elements}))
    return path


async def seen(database, number, kind="node"):
    from datetime import UTC, datetime

    async with database.begin(read_only=True) as session:
        place = stable_id("service_at_location", f"osm-{kind}-{number}")
        return await details(session, place, datetime(2026, 11, 23, 12, tzinfo=UTC))


async def test_a_clinic_with_all_that_its_tags_say(either, tmp_path):
    outcome = await bring_in(either, overpass(tmp_path, node(123, CLINIC)), "osm")
    assert outcome.form.startswith("OpenStreetMap") and outcome.report.added == ("osm-node-123",)
    found = await seen(either, 123)
    assert (found.name, found.names, found.organization) == ("Centro", {"ar": "المركز"}, "Example Health")
    assert found.kinds == ("general", "mental_health") and found.descriptions == {"en": "Small clinic"}
    assert (found.phone, found.website) == ("+351 21 300 0000", "https://example.org")
    assert (found.address, found.city, found.country) == ("2 Rua Um", "Lisboa", "PT")
    assert found.hours == "Mo-Fr 09:00-17:00; PH off" and found.open_now is True
    assert found.languages == ("ar",) and (found.wheelchair, found.free) == (Answer.YES, Answer.YES)
    papers = (found.id_required, found.status_required, found.shares_with_immigration, found.walk_in, found.anonymous)
    assert set(papers) == {Answer.UNKNOWN}
    assert (found.state, found.last_verified, found.sample) == ("draft", None, False)
    assert "OpenStreetMap contributors" in found.source_title and "ODbL" in found.source_title
    assert found.source_url == "https://www.openstreetmap.org/node/123"


async def test_the_same_extract_twice_changes_nothing(either, tmp_path):
    path = overpass(tmp_path, node(1, CLINIC), node(2, CLINIC | {"name": "Other"}))
    await bring_in(either, path, "osm")
    there = await everything(either)
    outcome = await bring_in(either, path, "osm")
    assert await everything(either) == there and outcome.report.unchanged == ("osm-node-1", "osm-node-2")


async def test_an_operator_written_in_two_ways_is_one_and_the_same_every_time(database, tmp_path):
    plain = {"amenity": "clinic", "name": "Clinic"}
    path = overpass(tmp_path, *(node(n, plain | {"operator": "Caritas" if n < 301 else "caritas"}) for n in range(600)))
    await bring_in(database, path, "osm")
    outcome = await bring_in(database, path, "osm")
    assert outcome.report.tables["organization"] == (0, 0, 1, 0)
    async with database.begin(read_only=True) as session:
        assert (await session.scalars(select(TABLES["organization"].name))).all() == ["Caritas"]


async def test_ways_and_relations_are_where_their_centre_is(database, tmp_path):
    way = {"type": "way", "id": 5, "center": {"lat": 38.7, "lon": -9.1}, "tags": CLINIC}
    nowhere = {"type": "relation", "id": 6, "tags": CLINIC, "members": []}
    outcome = await bring_in(database, overpass(tmp_path, way, nowhere), "osm")
    assert outcome.report.added == ("osm-way-5",) and (await seen(database, 5, "way")).latitude == 38.7
    assert refusals(outcome) == [
        "overpass.json:relation/6 center: has no point; end the query with 'out center;' so that ways and relations"
        " have one"
    ]


async def test_without_a_name_nobody_is_sent_there_and_benches_are_passed_over(database, tmp_path):
    nameless = {"amenity": "clinic"}
    outcome = await bring_in(
        database, overpass(tmp_path, node(1, nameless), node(2, {"amenity": "bench"}), {"type": "node", "id": 3}), "osm"
    )
    assert [text.split(":")[1] for text in refusals(outcome)] == ["node/1 name"]
    assert any("2 of 3 elements are no places that help" in str(fault) for fault in outcome.report.faults)


async def test_a_refuge_keeps_its_address_to_itself(database, tmp_path):
    tags = CLINIC | {"amenity": "social_facility", "social_facility": "shelter", "social_facility:for": "abused;woman"}
    del tags["healthcare"], tags["healthcare:speciality"]
    await bring_in(database, overpass(tmp_path, node(9, tags)), "osm")
    found = await seen(database, 9)
    assert found.confidential and found.address is None and set(found.kinds) == {"shelter", "violence"}
    assert "Rua Um" not in str(await everything(database))


async def test_hours_and_numbers_that_cannot_be_read_are_said(database, tmp_path):
    tags = CLINIC | {"opening_hours": "by arrangement", "phone": "12"}
    outcome = await bring_in(database, overpass(tmp_path, node(1, tags)), "osm")
    assert [fault.column for fault in outcome.report.faults if not fault.refused] == ["phone", "opening_hours"]
    found = await seen(database, 1)
    assert found.phone is None and found.hours == "by arrangement" and found.open_now is None


async def test_town_and_country_come_from_the_gazetteer_when_the_tags_have_none(towns):
    async with towns.begin(read_only=True) as session:
        around = await Surroundings.load(session)
    # GeoNames has large quarters as towns of their own: this one is a parish of Lisbon.
    assert around.of(38.72, -9.14).country == "PT" and around.of(38.72, -9.14).town == "São Jorge de Arroios"
    assert around.of(48.85, 2.35).country == "FR" and around.of(48.85, 2.35).town == "Paris"
    # Where three countries meet nobody can tell from the point alone, and in the ocean there is no town.
    assert around.of(47.5896, 7.5890).country is None
    assert around.of(0.0, -30.0).town is None


async def test_a_number_is_read_by_the_country_of_the_point(towns, tmp_path):
    tags = {name: value for name, value in CLINIC.items() if not name.startswith("addr:")} | {"phone": "21 300 0000"}
    source = OpenStreetMap(overpass(tmp_path, node(1, tags)), Faults())
    async with towns.begin(read_only=True) as session:
        source.surroundings = await Surroundings.load(session)
    (place,) = source.places(lambda step, done: None)
    rows = {entry.table: entry.values for entry in place.entries}
    assert rows["phone"]["number"] == "+351 21 300 0000"
    assert (rows["address"]["city"], rows["address"]["country"]) == ("São Jorge de Arroios", "PT")


async def test_without_town_and_country_there_is_a_point_and_no_address(database, tmp_path):
    tags = {name: value for name, value in CLINIC.items() if not name.startswith("addr:")}
    await bring_in(database, overpass(tmp_path, node(1, tags)), "osm")
    async with database.begin(read_only=True) as session:
        assert (await session.scalars(select(TABLES["address"]))).all() == []
    found = await seen(database, 1)
    assert found.city is None and found.latitude == 38.72


def test_the_table_knows_only_our_kinds_and_populations():
    assert {kind for kinds in osm_tags.KINDS.values() for kind in kinds} <= set(SERVICE_KINDS)
    assert {group for groups in osm_tags.POPULATIONS.values() for group in groups} <= set(POPULATIONS)


@pytest.mark.parametrize(
    ("tags", "kinds"),
    [
        ({"amenity": "doctors"}, ()),
        ({"amenity": "hospital"}, ()),
        ({"amenity": "hospital", "emergency": "yes"}, ("emergency",)),
        ({"amenity": "clinic", "emergency": "yes"}, ()),
        ({"amenity": "pharmacy"}, ()),
        ({"amenity": "dentist"}, ("dentist",)),
        ({"amenity": "social_facility", "social_facility:for": "migrant"}, ("social",)),
        ({"amenity": "social_facility", "social_facility": "outreach", "social_facility:for": "drug_addicted"},
         ("drugs", "social")),
        ({"office": "ngo"}, ()),
    ],
)  # fmt: skip
def test_kinds_are_cautious(tags, kinds):
    assert osm_tags.is_wanted(tags) and osm_tags.kinds(tags) == kinds


@pytest.mark.parametrize(
    "tags",
    [{"disused:amenity": "clinic"}, {"healthcare": "alternative"}, {"amenity": "veterinary"},
     {"amenity": "social_facility", "social_facility": "nursing_home"}],
)  # fmt: skip
def test_what_is_no_help_is_not_wanted(tags):
    assert not osm_tags.is_wanted(tags)


async def test_the_day_of_the_data_is_the_day_the_source_was_read(database, tmp_path):
    source = OpenStreetMap(overpass(tmp_path, node(1, CLINIC)), Faults())
    assert source._day() == date(2026, 11, 1)


async def test_odd_elements_are_refused_and_never_fall_over(database, tmp_path):
    odd = [node(True, CLINIC), node("1", CLINIC), {"type": "area", "id": 3, "tags": CLINIC}, node(4, CLINIC, lat=95),
           node(5, CLINIC, lon=None), 7, None, {"type": "node", "id": 6, "tags": ["a"]}]  # fmt: skip
    outcome = await bring_in(database, overpass(tmp_path, *odd, node(8, CLINIC | {"name": "a\x00b\nc"})), "osm")
    assert outcome.report.added == ("osm-node-8",) and outcome.report.refused == 5
    assert (await seen(database, 8)).name == "a b c"


async def test_a_file_that_breaks_off_writes_nothing(database, tmp_path):
    path = overpass(tmp_path, node(1, CLINIC), node(2, CLINIC))
    path.write_text(path.read_text()[:-30])
    before = await everything(database)
    with pytest.raises(Unreadable):
        await bring_in(database, path, "osm")
    assert await everything(database) == before
