"""The API for partners: the standard's endpoints, the standard's shapes, and nothing that must stay hidden."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
import yaml
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import insert, update

from bot.db import Database
from bot.directory import spots
from bot.directory.api import endpoints as table
from bot.directory.api import server
from bot.directory.api.description import description
from bot.directory.api.parameters import PARAMETERS, BadParameters, Near, Postcode, read
from bot.directory.api.server import PREFIX, DirectoryApi
from bot.directory.distance import distance_km
from bot.directory.hsds import TABLES, Location, Service
from bot.directory.terms import FACTS, KINDS, fact_term, kind_term, stable_id
from tests.directory.everything import CANARY, HIDDEN_IDS, WHEN, id_
from tests.directory.fuzz_api import fuzz, serving
from tests.directory.test_export import OFFICIAL, faults, schema

ADDRESS = "https://farol.example.org"
LISTS = [endpoint.name for endpoint in table.ENDPOINTS]


@pytest_asyncio.fixture
async def api(full):
    app = web.Application()
    app.add_routes(DirectoryApi(full, ADDRESS).routes())
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest_asyncio.fixture
async def api_alone():
    """For what is answered before any database is asked."""
    app = web.Application()
    app.add_routes(DirectoryApi(None, ADDRESS).routes())
    async with TestClient(TestServer(app)) as client:
        yield client


async def get(api, path: str, status: int = 200):
    response = await api.get(PREFIX + path)
    text = await response.text()
    assert response.status == status, text
    return json.loads(text)


async def names(api, path: str) -> list[str]:
    return [one.get("name") or one["service"]["name"] for one in (await get(api, path))["contents"]]


# --- What is there ---


async def test_it_says_what_it_is(api_alone):
    told = {"version": "3.0", "profile": "https://docs.openreferral.org/en/v3.0/hsds/"}
    assert (
        await get(api_alone, "") == await get(api_alone, "/") == told | {"openapi_url": f"{ADDRESS}/hsds/openapi.json"}
    )


async def test_services(api):
    page = await get(api, "/services?per_page=2")
    envelope = {key: value for key, value in page.items() if key != "contents"}
    assert envelope == {
        "total_items": 3, "total_pages": 2, "page_number": 1, "size": 2, "first_page": True, "last_page": False,
        "empty": False,
    }  # fmt: skip
    rest = await get(api, "/services?per_page=2&page=2")
    assert (rest["size"], rest["last_page"], rest["first_page"]) == (1, True, False)
    assert {one["name"] for one in page["contents"] + rest["contents"]} == {"Prevenção and tests", "=Soup", "Hotline"}
    beyond = await get(api, "/services?page=9")
    assert (beyond["contents"], beyond["empty"], beyond["total_items"]) == ([], True, 3)


async def test_a_whole_service(api):
    service = await get(api, f"/services/{id_('tests')}")
    assert service["minimum_age"] == 16 and service["maximum_age"] == 99.5
    place = service["service_at_locations"][0]
    assert place["location"]["addresses"][0]["postal_code"] == "1000-123"
    assert {one["description"] for one in place["schedules"] if "description" in one} == {"Mo-Fr 09:00-17:00"}
    assert [one["languages"][0]["code"] for one in service["phones"]] == ["fr"]
    said = {one["taxonomy_term"]["code"]: one.get("value") for one in service["attributes"]}
    assert said == {"hiv_test": None, "id_required": "no", "women": None}
    assert service["program"]["name"] == "Winter" and service["organization"]["name"] == "House of Health"


async def test_minimal_services(api):
    page = await get(api, "/services?minimal=true")
    dated = {"id": id_("tests"), "modified_date": "2026-05-31T12:00:00.123000Z"}
    assert dated in page["contents"] and {"id": id_("hotline")} in page["contents"] and page["size"] == 3


async def test_organizations(api):
    assert await names(api, "/organizations") and set(await names(api, "/organizations")) == {
        "House of Health", "Umbrella without services",
    }  # fmt: skip
    house = await get(api, f"/organizations/{id_('house')}")
    assert {one["name"] for one in house["services"]} == {"Prevenção and tests", "=Soup", "Hotline"}
    assert all(set(one) == {"id", "organization_id", "name", "status"} for one in house["services"])
    assert {one["name"] for one in house["locations"]} == {"Clinic", "Office"}
    whole = await get(api, f"/organizations/{id_('house')}?full_service=true")
    assert any("phones" in one for one in whole["services"])
    page = await get(api, "/organizations?full_service=true&full=true")
    assert whole in page["contents"]


async def test_places(api):
    assert sorted(await names(api, "/service_at_locations")) == ["=Soup", "=Soup", "Prevenção and tests"]
    place = await get(api, f"/service_at_locations/{id_('tests at clinic')}")
    assert place["service"]["name"] == "Prevenção and tests" and place["location"]["name"] == "Clinic"
    assert place in (await get(api, "/service_at_locations?full=true"))["contents"]


async def test_taxonomies_and_terms(api):
    assert {one["name"] for one in (await get(api, "/taxonomies"))["contents"]} > {"Their words", "Farol facts"}
    assert (await get(api, f"/taxonomies/{id_('theirs')}"))["version"] == "2"
    term = await get(api, f"/taxonomy_terms/{id_('soup')}")
    assert term["taxonomy_detail"]["name"] == "Their words"
    theirs = f"/taxonomy_terms?taxonomy_id={id_('theirs')}"
    assert sorted(await names(api, theirs)) == ["Food", "Soup"]
    assert await names(api, f"{theirs}&top_only=true") == ["Food"]
    assert await names(api, f"/taxonomy_terms?parent_id={id_('food')}") == ["Soup"]
    assert (await get(api, f"/taxonomy_terms?taxonomy_id={KINDS}"))["total_items"] == 23


# --- What must stay hidden ---

EVERYWHERE = [f"/{name}?{more}" for name in LISTS for more in ("", "format=ndjson")] + [
    "/services?full=true", "/services?minimal=true", "/organizations?full=true&full_service=true",
    "/service_at_locations?full=true", "/service_at_locations?proximity=900000,38.7,-9.14",
    "/service_at_locations?proximity=900000,38.7,-9.14&full=true&format=ndjson",
]  # fmt: skip


@pytest.mark.parametrize("path", EVERYWHERE)
async def test_nothing_hidden_is_in_any_list(api, path):
    response = await api.get(PREFIX + path)
    text = await response.text()
    assert response.status == 200 and text.strip()
    assert CANARY not in text.upper()
    assert [name for name in HIDDEN_IDS if name in text] == []
    assert "updated_by" not in text and "assurer_email" not in text


async def test_nothing_hidden_is_in_any_entry_nor_found_by_its_id(api):
    for name in LISTS:
        for one in (await get(api, f"/{name}?per_page=100"))["contents"]:
            text = json.dumps(await get(api, f"/{name}/{one['id']}"))
            assert CANARY not in text.upper() and not [hidden for hidden in HIDDEN_IDS if hidden in text]
        for hidden in HIDDEN_IDS:
            assert (await get(api, f"/{name}/{hidden}", 404))["status"] == 404


@pytest.mark.parametrize("text", [CANARY, "shelter", "back door", "sample"])
async def test_nothing_hidden_is_found_by_its_words(api, text):
    for name in LISTS:
        own = {"taxonomy_terms": {"shelter", "sample"}, "taxonomies": set()}.get(name, set())
        assert set(await names(api, f"/{name}?search={text}")) <= own


async def test_nothing_hidden_is_found_by_its_terms_or_owner(api):
    for question in (
        f"taxonomy_term_id={fact_term('confidential')}&search=CANARY", f"taxonomy_term_id={id_('hidden term')}",
        f"taxonomy_id={id_('hidden words')}", f"organization_id={id_('shelter org')}",
        f"taxonomy_term_id={fact_term('verified_by')}",
    ):  # fmt: skip
        for name in ("services", "service_at_locations"):
            assert (await get(api, f"/{name}?{question}"))["total_items"] == 0, question


async def test_a_hidden_place_does_not_tell_where_its_postcode_is(api):
    assert (await get(api, "/service_at_locations?postcode=9999&proximity=1000", 404))["title"] == "Unknown postcode"
    assert (await get(api, "/service_at_locations?postcode=9999"))["total_items"] == 0


async def test_what_becomes_hidden_is_gone_at_once(api, full):
    path = f"/services/{id_('tests')}"
    await get(api, path)
    async with full.begin() as session:
        row = {"id": id_("new"), "link_id": id_("clinic"), "link_entity": "location", "value": "yes"}
        row |= {"taxonomy_term_id": fact_term("confidential")}
        await session.execute(insert(TABLES["attribute"].__table__), [row])
    await get(api, path, 404)
    assert await names(api, "/service_at_locations") == ["=Soup"]
    assert {one["name"] for one in (await get(api, f"/organizations/{id_('house')}"))["locations"]} == {"Office"}


# --- Questions ---


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("search=tests", ["Prevenção and tests"]),
        ("search=PREVENCAO", ["Prevenção and tests"]),
        ("search=prevenção TESTS", ["Prevenção and tests"]),
        ("search=ПРОВЕРКА", ["Prevenção and tests"]),
        ("search=бесплатно", ["Prevenção and tests"]),
        ("search=rapid", ["Prevenção and tests"]),
        ("search=rapid nothing", []),
        ("search=%3Dsoup", ["=Soup"]),
        ("search=[", []), ("search=*", []), ("search=%25", []), ("search=_", []), ("search=\\", []), ("search=(", []),
        ("search=%00", ["=Soup", "Hotline", "Prevenção and tests"]),
        (f"taxonomy_term_id={kind_term('hiv_test')}", ["Prevenção and tests"]),
        (f"taxonomy_term_id={id_('soup')}", ["Prevenção and tests"]),
        (f"taxonomy_term_id={kind_term('prep')}", []),
        (f"taxonomy_id={FACTS}", ["=Soup", "Prevenção and tests"]),
        (f"organization_id={id_('house')}", ["=Soup", "Hotline", "Prevenção and tests"]),
        (f"organization_id={id_('idle')}", []),
        ("modified_after=2026-05-31T12:00:00Z", ["=Soup", "Prevenção and tests"]),
        ("modified_after=2026-05-31T14:00:00.123+02:00", ["=Soup", "Prevenção and tests"]),
        ("modified_after=2026-05-31", ["=Soup", "Prevenção and tests"]),
        ("modified_after=2026-06-01", []),
    ],
)  # fmt: skip
async def test_services_are_found(api, question, found):
    assert sorted(await names(api, f"/services?{question}")) == found


async def test_the_moment_of_the_change_itself_counts(api):
    for moment, count in ((WHEN, 2), (WHEN + timedelta(microseconds=1), 0)):
        page = await get(api, f"/services?modified_after={moment.isoformat().replace('+', '%2B')}")
        assert page["total_items"] == count


async def test_places_near_a_point_nearest_first(api):
    point = (38.711, -9.14)
    path = f"/service_at_locations?proximity={{}},{point[0]},{point[1]}"
    places = (await get(api, path.format(5000)))["contents"]
    far = [distance_km(*point, one["location"]["latitude"], one["location"]["longitude"]) for one in places]
    assert len(far) == 3 and far == sorted(far) and far[0] < 0.2
    assert [one["location"]["name"] for one in (await get(api, path.format(200)))["contents"]] == ["Square"]
    assert (await get(api, path.format(5000) + "&per_page=1&page=3"))["contents"] == places[2:]
    streamed = await (await api.get(PREFIX + path.format(5000) + "&format=ndjson")).text()
    assert [json.loads(line) for line in streamed.splitlines()] == places


async def test_places_by_postcode(api, full):
    for text in ("1000-123", "1000123", "PT-1000 123"):
        page = await get(api, f"/service_at_locations?postcode={text}")
        assert {one["location"]["name"] for one in page["contents"]} == {"Clinic"}, text
    assert (await get(api, "/service_at_locations?postcode=BE-1000123"))["total_items"] == 0
    near = await get(api, "/service_at_locations?postcode=1000-123&proximity=2000")
    assert [one["location"]["name"] for one in near["contents"]][-1] == "Square" and near["total_items"] == 3
    async with full.begin() as session:
        row = {"id": id_("abroad"), "location_id": id_("square"), "address_1": "", "city": "Liège", "country": "BE"}
        row |= {"state_province": "", "postal_code": "1000 123", "address_type": "physical"}
        await session.execute(insert(TABLES["address"].__table__), [row])
    detail = (await get(api, "/service_at_locations?postcode=1000-123&proximity=2000", 400))["detail"]
    assert detail == "postcode: 1000123 is in BE, PT; name the country: BE-1000123"
    assert (await get(api, "/service_at_locations?postcode=BE-1000-123&proximity=10"))["total_items"] == 1


@pytest.mark.parametrize("name", LISTS)
async def test_ndjson_is_the_whole_list(api, name, monkeypatch):
    monkeypatch.setattr(server, "_STREAM", 2)
    response = await api.get(f"{PREFIX}/{name}?format=ndjson")
    assert response.content_type == "application/x-ndjson"
    lines = [json.loads(line) for line in (await response.text()).splitlines()]
    assert lines == (await get(api, f"/{name}?per_page=100"))["contents"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/services?page=0", "page: '0' is not a whole number from 1"),
        ("/services?page=1e3", "page: '1e3' is not"),
        ("/services?page=99999999999999999999", "is not a whole number"),
        ("/services?per_page=101", "from 1 to 100"),
        ("/services?full=yes", "full: 'yes' is not one of: true, false"),
        ("/services?format=csv", "format: 'csv' is not one of: json, ndjson"),
        ("/services?organization_id=1", "is not an id"),
        ("/services?modified_after=soon", "is not a moment such as 2026"),
        ("/services?proximty=3", "no parameter is called 'proximty' here; there are: search, page"),
        ("/services?postcode=1000", "no parameter is called 'postcode'"),
        ("/services?page=1&page=2", "page: is there twice"),
        ("/services?search=" + "x" * 101, "has 101 letters; at most 100"),
        ("/services?page=x&full=x", "full: 'x'"),
        ("/service_at_locations?proximity=100", "proximity: needs a postcode, or the point itself"),
        ("/service_at_locations?proximity=near", "is not METRES"),
        ("/service_at_locations?proximity=100,91,0", "is not METRES"),
        ("/service_at_locations?postcode=!", "is not a postcode"),
        ("/?x=1", "there are: none"),
    ],
)
async def test_bad_questions_get_the_reason(api_alone, path, said):
    problem = await get(api_alone, path, 400)
    assert said in problem["detail"] and problem["title"] == "Bad parameters"


@pytest.mark.parametrize("path", ["/nothing", "/services/1", f"/services/{stable_id('x', 'y')}", "/services/%00",
                                  "/services/%ED%A0%80", "/services/../x", "/taxonomies/' OR 1=1--"])  # fmt: skip
async def test_what_is_not_there(api, path):
    await get(api, path, 404)


async def test_a_page_that_would_be_too_large_is_refused_and_one_is_answered(api, monkeypatch):
    monkeypatch.setattr(table, "MOST_NESTED", 1)
    assert "smaller per_page" in (await get(api, "/services?full=true", 400))["detail"]
    assert "smaller per_page" in (await get(api, "/organizations?full=true", 400))["detail"]
    house = await get(api, f"/organizations/{id_('house')}")
    assert "services" not in house and "locations" not in house
    streamed = await (await api.get(f"{PREFIX}/services?full=true&format=ndjson")).text()
    assert len(streamed.splitlines()) == 3


# --- How it answers ---


async def test_unchanged_answers_cost_nothing(api, full):
    first = await api.get(f"{PREFIX}/services")
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "public, max-age=300"
    for sent in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = await api.get(f"{PREFIX}/services", headers={"If-None-Match": sent})
        assert again.status == 304 and await again.read() == b"" and again.headers["ETag"] == tag
    async with full.begin() as session:
        await session.execute(update(Service).where(Service.id == id_("hotline")).values(name="Helpline"))
    changed = await api.get(f"{PREFIX}/services", headers={"If-None-Match": tag})
    assert changed.status == 200 and changed.headers["ETag"] != tag


async def test_browsers_of_others_may_read(api_alone):
    for path in ("", "/services/x", "/nothing", "/services?page=0"):
        assert (await api_alone.get(PREFIX + path)).headers["Access-Control-Allow-Origin"] == "*"
    asked = await api_alone.options(f"{PREFIX}/services", headers={"Origin": "https://x.example"})
    assert asked.status == 204 and asked.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"


def test_nothing_but_reading_is_routed():
    app = web.Application()
    app.add_routes(DirectoryApi(None, ADDRESS).routes())
    assert {route.method for route in app.router.routes()} == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
async def test_nothing_can_be_changed(api_alone, method):
    for path in ("", "/services", f"/services/{id_('tests')}", "/nothing"):
        response = await api_alone.request(method, PREFIX + path, data=b"{}")
        assert response.status == 405 and "POST" not in response.headers["Allow"]


async def test_too_many_at_once_wait_and_are_told(api, monkeypatch):
    monkeypatch.setattr(server, "PATIENCE", 0.01)
    busy = DirectoryApi(None, ADDRESS)
    for _ in range(server.AT_ONCE):
        await busy._turns.acquire()
    app = web.Application()
    app.add_routes(busy.routes())
    async with TestClient(TestServer(app)) as client:
        response = await client.get(f"{PREFIX}/services")
        assert response.status == 503 and response.headers["Retry-After"] == "60"
        assert (await client.get(f"{PREFIX}/services?format=ndjson")).status == 503


async def test_a_database_that_fails_is_no_crash(tmp_path):
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}")
    app = web.Application()
    app.add_routes(DirectoryApi(database, ADDRESS).routes())
    async with TestClient(TestServer(app)) as client:
        response = await client.get(f"{PREFIX}/services")
        assert response.status == 503 and "sqlite" not in await response.text()
    await database.close()


async def test_points_that_do_not_exist_are_no_crash(api, full):
    async with full.begin() as session:
        await session.execute(update(Location).where(Location.id == id_("square")).values(latitude=100.0))
        await spots.refresh(session)
    assert (await get(api, "/service_at_locations?proximity=900000,38.7,-9.14"))["total_items"] == 2
    assert (await get(api, "/service_at_locations"))["total_items"] == 3


# --- The standard ---


async def test_every_answer_validates(api):
    pages = {
        "/services": "compiled/service_list.json",
        "/services?full=true": "compiled/service.json",
        "/organizations": "compiled/organization_list.json",
        "/organizations?full=true": "compiled/organization.json",
        "/organizations?full_service=true": "compiled/organization.json",
        "/service_at_locations": "compiled/service_at_location_list.json",
        "/service_at_locations?full=true": "compiled/service_at_location.json",
    }
    for path, name in pages.items():
        contents = (await get(api, path))["contents"]
        assert contents and list(faults(schema(name), contents)) == [], path
        if "full" in path:
            whole = await get(api, f"{path.split('?')[0]}/{contents[0]['id']}")
            assert list(faults(schema(name), [whole])) == []


def official() -> dict:
    path = OFFICIAL / "schema" / "openapi.json"
    if not path.is_file():
        pytest.skip(f"the standard's openapi.json is not at {OFFICIAL}")
    return json.loads(path.read_text("utf-8"))


def test_endpoints_parameters_and_pages_are_the_standards():
    theirs, ours = official(), description(ADDRESS)

    def asked(document: dict, operation: dict) -> set[str]:
        named = (one.get("$ref", one.get("name", "")).rsplit("/")[-1] for one in operation.get("parameters", ()))
        return {name for name in named if name != "id"}

    assert set(ours["paths"]) == set(theirs["paths"])
    for path, methods in theirs["paths"].items():
        assert set(ours["paths"][path]) == {"get"}
        assert asked(ours, ours["paths"][path]["get"]) == asked(theirs, methods["get"]), path
        mine = ours["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        his = methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        wanted = set(re.findall(r"https://[^\"]+json", json.dumps(his)))
        if path == "/service_at_locations/{id}":
            # HSDS writes service.json there, and shows a service_at_location.
            wanted = {url.replace("service.json", "service_at_location.json") for url in wanted}
        assert wanted <= set(re.findall(r"https://[^\"]+json", json.dumps(mine))), path
    page = theirs["components"]["schemas"]["Page"]["properties"]
    kinds = {name: one["type"] for name, one in page.items()}
    assert {n: one["type"] for n, one in ours["components"]["schemas"]["Page"]["properties"].items()} == kinds
    assert set(PARAMETERS) == set(theirs["components"]["parameters"]) | {"top_only", "parent_id"}


async def test_the_description_is_served(api_alone):
    assert await get(api_alone, "/openapi.json") == description(f"{ADDRESS}/hsds")


def test_schemathesis_finds_nothing(full_url, tmp_path):
    """A short run; `make fuzz-api` is the long one."""
    with serving(full_url) as address:
        done = fuzz(address, tmp_path, 5, seed=1, nested=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert re.search(r"(\d{3,}) generated, \1 passed", done.stdout)


# --- Parameters ---


def test_reading_parameters():
    names = tuple(PARAMETERS)
    wanted = read([("proximity", "2000,38.7251,-9.1498"), ("postcode", "FR-13 001"), ("search", " a\u0000 b ")], names)
    assert wanted.proximity == Near(2000, (38.7251, -9.1498)) and wanted.postcode == Postcode("13001", "FR")
    assert wanted.search == "a b" and wanted.size == 25
    with pytest.raises(BadParameters, match="a: x; b: y|page.*per_page"):
        read([("page", "-1"), ("per_page", "0")], names)


# --- The guide for partners ---

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "directory-api.md").read_text("utf-8")


def examples() -> list[tuple[str, str]]:
    """Each request in the guide that is followed by what must be in its answer (YAML: JSON with gaps left out)."""
    return re.findall(r"^    GET (\S+)\n\n```json\n(.*?)```", GUIDE, re.M | re.S)


@pytest.mark.parametrize(("path", "shown"), examples(), ids=[path for path, _ in examples()])
async def test_the_guides_examples_are_true(database, tmp_path, path, shown):
    from bot.directory.listing import load
    from tests.directory.conftest import write

    rows = {"id": "checkpoint", "organization": "Example Checkpoint", "name": "Example Checkpoint", "address": "Rua 1"}
    await load(database, write(tmp_path / "in", rows | {"latitude": "38.72509", "longitude": "-9.1498"}))
    async with database.begin() as session:
        await session.execute(update(Service).values(last_modified=WHEN))
    app = web.Application()
    app.add_routes(DirectoryApi(database, ADDRESS).routes())
    async with TestClient(TestServer(app)) as client:
        response = await client.get(path)
        assert response.status == (400 if '"status": 400' in shown else 200)
        assert holds(json.loads(await response.text()), yaml.safe_load(shown.replace("...", ""))), await response.text()


def holds(told, shown) -> bool:
    """Whether everything shown is in what was told."""
    if isinstance(shown, dict):
        return isinstance(told, dict) and all(key in told and holds(told[key], value) for key, value in shown.items())
    if isinstance(shown, list):
        return isinstance(told, list) and all(any(holds(one, value) for one in told) for value in shown)
    return str(told) == str(shown)


def test_the_guide_has_examples_and_names_every_parameter():
    assert len(examples()) >= 5
    assert [name for name in PARAMETERS if f"`{name}`" not in GUIDE] == []
