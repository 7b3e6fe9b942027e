"""A directory with rows in every table of HSDS, some of which nobody outside may see.

Whatever must stay hidden from the public carries CANARY in a text; HIDDEN_IDS are the ids of those rows.
"""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import insert, select

from bot.db import Base, Database
from bot.directory import spots
from bot.directory.hsds import TABLES
from bot.directory.intake import ensure_terms
from bot.directory.models import Listing
from bot.directory.terms import fact_term, group_term, kind_term

CANARY = "CANARY"
WHEN = datetime(2026, 5, 31, 12, 0, 0, 123000, tzinfo=UTC)
DAY = date(2026, 5, 31)


def id_(name: str) -> str:
    """The id of the row that these tests call `name`."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def _row(name: str, /, **values: Any) -> dict[str, Any]:
    return {"id": id_(name), **values}


def _said(name: str, of: str, entity: str, term: str, value: str | None = None, **more: Any) -> dict[str, Any]:
    return _row(name, link_id=id_(of), link_entity=entity, taxonomy_term_id=term, value=value, **more)


def _logged(name: str, of: str, table: str) -> dict[str, Any]:
    return _row(
        name, resource_id=of if len(of) == 36 else id_(of), resource_type=table, last_action_date=DAY,
        last_action_type="update", field_name="name", previous_value=f"{CANARY} before", replacement_value="after",
        updated_by=f"{CANARY} Ann",
    )  # fmt: skip


ROWS: dict[str, list[dict[str, Any]]] = {
    "taxonomy": [
        _row("theirs", name="Their words", description="Of others", uri="https://example.org/words", version="2"),
        _row("hidden words", name=f"{CANARY} words", description="only of a hidden place"),
    ],
    "taxonomy_term": [
        _row("food", code="food", name="Food", description="Food", taxonomy_id=id_("theirs"), taxonomy="Their words",
             language="en", term_uri="https://example.org/words/food"),
        _row("soup", code="soup", name="Soup", description="", parent_id=id_("food"), taxonomy_id=id_("theirs")),
        _row("loose term", name="Loose", description="of no taxonomy"),
        _row("hidden term", code="hidden", name=f"{CANARY} term", description="-", taxonomy_id=id_("hidden words")),
    ],
    "organization": [
        _row("house", name="House of Health", alternate_name="Casa da Saúde", description="Helps.", tax_id="77",
             email="house@example.org", website="https://example.org/house", tax_status="charity",
             year_incorporated=1999.0, legal_status="charity", logo="https://example.org/logo.png",
             uri="https://example.org/id/house", parent_organization_id=id_("shelter org")),
        _row("idle", name="Umbrella without services", description=""),
        _row("shelter org", name=f"{CANARY} shelter association", description="-"),
        _row("sample org", name=f"{CANARY} sample association", description="-"),
        _row("past org", name=f"{CANARY} past association", description="-"),
    ],
    "organization_identifier": [
        _row("number", organization_id=id_("house"), identifier_scheme="GB-COH", identifier_type="Company number",
             identifier="1234567"),
    ],
    "program": [
        _row("programme", organization_id=id_("house"), name="Winter", alternate_name="Cold", description="Cold days"),
        _row("shelter programme", organization_id=id_("shelter org"), name=f"{CANARY} programme", description="-"),
    ],
    "service": [
        _row("tests", organization_id=id_("house"), program_id=id_("programme"), name="Prevenção and tests",
             alternate_name="HIV проверка", description="Rapid tests, \"free\",\nfor all. Бесплатно.", status="active",
             url="https://example.org/tests", email="tests@example.org", interpretation_services="Urdu by phone",
             application_process="Come.", fees_description="None", wait_time="10 min", fees="0",
             accreditations="A", eligibility_description="Everybody", minimum_age=16.0, maximum_age=99.5,
             assured_date=DAY, assurer_email="canary@example.org", licenses="L", alert="Closed at Easter",
             last_modified=WHEN),
        _row("soup kitchen", organization_id=id_("house"), name="=Soup", status="active", last_modified=WHEN),
        _row("hotline", organization_id=id_("house"), name="Hotline", status="active"),
        _row("shelter", organization_id=id_("shelter org"), program_id=id_("shelter programme"), status="active",
             name=f"{CANARY} shelter", last_modified=WHEN),
        _row("hidden door", organization_id=id_("house"), name=f"{CANARY} hidden door", status="active"),
        _row("sample", organization_id=id_("sample org"), name=f"SAMPLE {CANARY}", status="active"),
        _row("past", organization_id=id_("house"), name=f"{CANARY} past", status="inactive"),
        _row("long past", organization_id=id_("past org"), name=f"{CANARY} long past", status="defunct"),
    ],
    "location": [
        _row("clinic", location_type="physical", url="https://example.org/clinic", organization_id=id_("house"),
             name="Clinic", alternate_name="C", description="Blue door", transportation="Bus 1", latitude=38.7,
             longitude=-9.14, external_identifier="77", external_identifier_type="UPRN"),
        _row("square", location_type="physical", name="Square", latitude=38.71, longitude=-9.14,
             organization_id=id_("shelter org")),
        _row("office", location_type="physical", organization_id=id_("house"), name="Office", latitude=38.0,
             longitude=-9.0),
        _row("nobody's", location_type="virtual", name="Nowhere"),
        _row("shelter house", location_type="physical", organization_id=id_("shelter org"), name=f"{CANARY} house",
             latitude=38.7001, longitude=-9.1401),
        _row("back door", location_type="physical", organization_id=id_("house"), name=f"{CANARY} back door",
             latitude=38.7002, longitude=-9.1402),
        _row("sample house", location_type="physical", name=f"{CANARY} sample house", latitude=38.7003,
             longitude=-9.1403),
    ],
    "service_at_location": [
        _row("tests at clinic", service_id=id_("tests"), location_id=id_("clinic"), description="2nd floor"),
        _row("soup at clinic", service_id=id_("soup kitchen"), location_id=id_("clinic")),
        _row("soup at square", service_id=id_("soup kitchen"), location_id=id_("square")),
        _row("soup at back door", service_id=id_("soup kitchen"), location_id=id_("back door"),
             description=f"{CANARY}"),
        _row("shelter at house", service_id=id_("shelter"), location_id=id_("shelter house")),
        _row("hidden at back door", service_id=id_("hidden door"), location_id=id_("back door")),
        _row("sample at house", service_id=id_("sample"), location_id=id_("sample house")),
        _row("past at clinic", service_id=id_("past"), location_id=id_("clinic"), description=f"{CANARY}"),
    ],
    "contact": [
        _row("ann", organization_id=id_("house"), service_id=id_("tests"), service_at_location_id=id_("tests at clinic"),
             location_id=id_("clinic"), name=f"{CANARY} Ann", title="Dr", department="D", email="ann@example.org"),
    ],
    "address": [
        _row("clinic address", location_id=id_("clinic"), attention="Ann", address_1="1 Rua", address_2="left",
             city="Lisbon", region="R", state_province="Lisboa", postal_code="1000-123", country="PT",
             address_type="physical"),
        _row("square address", location_id=id_("square"), address_1="", city="Lisbon", state_province="",
             postal_code="", country="PT", address_type="postal"),
        _row("back door address", location_id=id_("back door"), address_1=f"{CANARY} street", city="Lisbon",
             state_province="", postal_code="9999", country="PT", address_type="physical"),
    ],
    "phone": [
        _row("main", location_id=id_("clinic"), service_id=id_("tests"), organization_id=id_("house"),
             service_at_location_id=id_("tests at clinic"), number="+351 21 300 0000", extension=12.0, type="voice",
             description="Day and night"),
        _row("ann's", contact_id=id_("ann"), number=f"+351 21 {CANARY}"),
        _row("back door phone", location_id=id_("back door"), service_id=id_("soup kitchen"), number=f"{CANARY} 1"),
        _row("nobody's phone", number=f"{CANARY} 2"),
    ],
    "schedule": [
        _row("hours", service_at_location_id=id_("tests at clinic"), description="Mo-Fr 09:00-17:00"),
        _row("rule", service_id=id_("tests"), location_id=id_("clinic"), service_at_location_id=id_("tests at clinic"),
             valid_from=DAY, valid_to=date(2027, 1, 1), dtstart=DAY, timezone=1.0, until=DAY, count=3.0, wkst="MO",
             freq="WEEKLY", interval=1.0, byday="MO,TU", byweekno="41,42", bymonthday="2,3", byyearday="4",
             opens_at="09:00:00", closes_at="17:30:00", schedule_link="https://example.org/when",
             attending_type="in person", notes="-"),
    ],
    "language": [
        _row("arabic", service_id=id_("tests"), name="Arabic", code="ar", note="on Mondays"),
        _row("french", phone_id=id_("main"), code="fr"),
        _row("somali", location_id=id_("clinic"), code="so"),
    ],
    "accessibility": [
        _row("ramp", location_id=id_("clinic"), description="Ramp", details="wide", url="https://example.org/ramp"),
    ],
    "cost_option": [
        _row("price", service_id=id_("tests"), valid_from=DAY, valid_to=DAY, option="Under 18", currency="EUR",
             amount=0.5, amount_description="a test"),
    ],
    "funding": [
        _row("grant", organization_id=id_("house"), source="City"),
        _row("gift", service_id=id_("tests"), source="Gifts"),
    ],
    "required_document": [
        _row("letter", service_id=id_("tests"), document="Any letter", uri="https://example.org/letter"),
    ],
    "service_area": [
        _row("town", service_id=id_("tests"), name="Lisbon", description="Town", extent="{}", extent_type="geojson",
             uri="https://example.org/lisbon"),
    ],
    "attribute": [
        _said("a1", "tests", "service", kind_term("hiv_test"), link_type="kind"),
        _said("a2", "tests", "service", fact_term("id_required"), "no"),
        _said("a3", "tests", "service", fact_term("verified_by"), f"{CANARY} Ann"),
        _said("a4", "tests", "service", group_term("women")),
        _said("a5", "clinic", "location", fact_term("precision"), "exact"),
        _said("a6", "tests at clinic", "service_at_location", id_("soup")),
        _said("a7", "house", "organization", id_("food"), "yes"),
        _said("a8", "hours", "schedule", id_("food")),
        _said("a9", "arabic", "language", id_("food")),
        _said("a10", "main", "phone", id_("food")),
        _said("a11", "programme", "program", id_("loose term")),
        _said("a12", "number", "organization_identifier", id_("food")),
        _said("b1", "shelter", "service", fact_term("confidential"), "yes"),
        _said("b2", "shelter", "service", id_("hidden term"), CANARY),
        _said("b3", "back door", "location", fact_term("confidential"), "true"),
        _said("b4", "sample", "service", fact_term("sample"), "yes"),
        _said("b5", "soup kitchen", "service", fact_term("confidential"), "no"),
        _said("b6", "gone", "service", id_("food"), f"{CANARY} of a row that is gone"),
        _said("b7", "ann", "contact", id_("food"), CANARY),
    ],
    "metadata": [
        _logged("m1", "tests", "service"), _logged("m2", "main", "phone"), _logged("m3", "a1", "attribute"),
        _logged("m4", "theirs", "taxonomy"), _logged("m5", "food", "taxonomy_term"), _logged("m6", "gone", "service"),
        _logged("m7", "back door", "location"),
    ],
    "meta_table_description": [_row("table", name="service", language="en", character_set="UTF-8")],
}  # fmt: skip
"""Table -> its rows; columns that are not named are empty."""

_HIDDEN = (
    "hidden words", "hidden term", "shelter org", "sample org", "past org", "shelter programme", "shelter",
    "hidden door", "sample", "past", "long past", "shelter house", "back door", "sample house", "soup at back door",
    "shelter at house", "hidden at back door", "sample at house", "past at clinic", "ann", "back door address",
    "ann's", "back door phone", "nobody's phone", "a3", "b1", "b2", "b3", "b4", "b6", "b7",
)  # fmt: skip
HIDDEN_IDS = frozenset(map(id_, _HIDDEN))


async def fill(database: Database) -> None:
    """Make all tables and write all rows."""
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with database.begin() as session:
        await ensure_terms(session)
        for name, table in TABLES.items():
            columns = [column.name for column in table.__table__.columns]
            rows = [{column: row.get(column) for column in columns} for row in ROWS.get(name, ())]
            if rows:
                await session.execute(insert(table.__table__), rows)
        listed = [{"id": id_("tests"), "dataset": "theirs", "service_id": id_("tests")}]
        await session.execute(insert(Listing.__table__), listed)
        await spots.refresh(session)


async def all_rows(database: Database) -> dict[str, dict[str, dict[str, Any]]]:
    """Every row that is in the database: table -> id -> columns that are not empty."""
    found = {}
    async with database.begin(read_only=True) as session:
        for name, table in TABLES.items():
            rows = (await session.execute(select(table.__table__))).mappings()
            found[name] = {row["id"]: {key: value for key, value in row.items() if value is not None} for row in rows}
    return found
