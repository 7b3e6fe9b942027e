"""The directory's tables: the part of HSDS 3.0 in use, and the gazetteer of towns.

Tables and columns are named as in HSDS (https://docs.openreferral.org/en/v3.0/hsds/schema_reference.html), so that the
rest of the standard can be added without renaming. Ids are UUID strings, as HSDS demands, made from what they name
(`stable_id`): loading the same file twice, or on another machine, gives the same ids.

HSDS has no words for what matters most to people without papers. Those facts are HSDS attributes of the taxonomy
FACTS, with `yes` or `no` as their value; no row means unknown, so forgetting one can never read as a promise.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Boolean, Date, Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.db import Base, UtcTime

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://farol.example/directory")

SERVICE_KINDS = (
    "hiv_test", "self_test", "prep", "pep", "hiv_treatment", "condoms", "sti", "contraception", "abortion",
    "pregnancy", "child", "mental_health", "violence", "shelter", "legal", "interpreter", "drugs", "dentist",
    "general", "emergency", "lgbt", "tb_hepatitis", "social",
)  # fmt: skip
"""What a person can look for; the same list as in nlu/data/README.md and content/interface (a test compares them)."""

YES_NO_FACTS = ("id_required", "status_required", "shares_with_immigration", "walk_in", "anonymous", "sample")
"""Facts about a service whose value is yes or no."""

TEXT_FACTS = ("precision", "state", "source_title", "source_url", "source_read")
"""Facts about a listing whose value is a word, an address or an ISO date."""


class Answer(StrEnum):
    """Yes, no or unknown. A word and not a bool, because `not unknown` must never pass for "no papers needed"."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def stable_id(table: str, key: str) -> str:
    """The UUID of the row of `table` that `key` names: the same on every machine."""
    return str(uuid.uuid5(_NAMESPACE, f"{table}:{key}"))


KINDS = stable_id("taxonomy", "service-kind")
FACTS = stable_id("taxonomy", "facts")


def kind_term(kind: str) -> str:
    """The id of the taxonomy term of a service kind."""
    return stable_id("taxonomy_term", f"service-kind/{kind}")


def fact_term(fact: str) -> str:
    """The id of the taxonomy term of a fact."""
    return stable_id("taxonomy_term", f"facts/{fact}")


def _id() -> Mapped[str]:
    return mapped_column(String(36), primary_key=True)


def _of(table: str, *, needed: bool = False) -> Mapped[str | None]:
    return mapped_column(ForeignKey(f"{table}.id", ondelete="CASCADE"), index=True, nullable=not needed)


class Organization(Base):
    """Who runs services. HSDS requires a description; empty when nobody has written one."""

    __tablename__ = "organization"
    id: Mapped[str] = _id()
    name: Mapped[str] = mapped_column(Text)
    alternate_name: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="")
    email: Mapped[str | None] = mapped_column(Text)
    website: Mapped[str | None] = mapped_column(Text)


class Service(Base):
    """What is offered. `assured_date` is the day somebody last checked it; only `active` services are ever shown."""

    __tablename__ = "service"
    id: Mapped[str] = _id()
    organization_id: Mapped[str] = _of("organization", needed=True)
    name: Mapped[str] = mapped_column(Text)
    alternate_name: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20), default="active")
    assured_date: Mapped[date | None] = mapped_column(Date)
    last_modified: Mapped[datetime | None] = mapped_column(UtcTime)


class Location(Base):
    """Where. The index on latitude and longitude is what the search's bounding box runs on, on every database."""

    __tablename__ = "location"
    __table_args__ = (Index("ix_location_latitude_longitude", "latitude", "longitude"),)
    id: Mapped[str] = _id()
    location_type: Mapped[str] = mapped_column(String(10), default="physical")
    organization_id: Mapped[str | None] = _of("organization")
    name: Mapped[str | None] = mapped_column(Text)
    alternate_name: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    latitude: Mapped[float | None] = mapped_column(Float(53))
    longitude: Mapped[float | None] = mapped_column(Float(53))


class ServiceAtLocation(Base):
    """A service at a place: what a search finds."""

    __tablename__ = "service_at_location"
    id: Mapped[str] = _id()
    service_id: Mapped[str] = _of("service", needed=True)
    location_id: Mapped[str] = _of("location", needed=True)
    description: Mapped[str | None] = mapped_column(Text)


class Address(Base):
    """A postal address. HSDS requires `address_1`, `state_province` and `postal_code`: empty when unknown."""

    __tablename__ = "address"
    id: Mapped[str] = _id()
    location_id: Mapped[str | None] = _of("location")
    address_1: Mapped[str] = mapped_column(Text, default="")
    address_2: Mapped[str | None] = mapped_column(Text)
    city: Mapped[str] = mapped_column(Text)
    region: Mapped[str | None] = mapped_column(Text)
    state_province: Mapped[str] = mapped_column(Text, default="")
    postal_code: Mapped[str] = mapped_column(Text, default="")
    country: Mapped[str] = mapped_column(String(2))
    address_type: Mapped[str] = mapped_column(String(10), default="physical")


class Phone(Base):
    """A telephone number, in international form."""

    __tablename__ = "phone"
    id: Mapped[str] = _id()
    location_id: Mapped[str | None] = _of("location")
    service_id: Mapped[str | None] = _of("service")
    organization_id: Mapped[str | None] = _of("organization")
    service_at_location_id: Mapped[str | None] = _of("service_at_location")
    number: Mapped[str] = mapped_column(Text)
    type: Mapped[str | None] = mapped_column(String(20))
    description: Mapped[str | None] = mapped_column(Text)


class Schedule(Base):
    """When it is open. `description` holds OpenStreetMap's opening_hours syntax where it is known.

    HSDS has RFC 5545 rules, which people find hard to write and cannot say "closed on holidays"
    (openreferral/specification#598); its free-text field takes ours without loss, and other text reads as unknown.
    """

    __tablename__ = "schedule"
    id: Mapped[str] = _id()
    service_id: Mapped[str | None] = _of("service")
    location_id: Mapped[str | None] = _of("location")
    service_at_location_id: Mapped[str | None] = _of("service_at_location")
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    description: Mapped[str | None] = mapped_column(Text)


class Language(Base):
    """A language spoken there: `code` is ISO 639-1, or 639-3 where there is none."""

    __tablename__ = "language"
    id: Mapped[str] = _id()
    service_id: Mapped[str | None] = _of("service")
    location_id: Mapped[str | None] = _of("location")
    phone_id: Mapped[str | None] = _of("phone")
    name: Mapped[str | None] = mapped_column(Text)
    code: Mapped[str | None] = mapped_column(String(3))
    note: Mapped[str | None] = mapped_column(Text)


class Taxonomy(Base):
    """A list of terms: ours are service kinds and facts."""

    __tablename__ = "taxonomy"
    id: Mapped[str] = _id()
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    uri: Mapped[str | None] = mapped_column(Text)
    version: Mapped[str | None] = mapped_column(Text)


class TaxonomyTerm(Base):
    """One term; `code` is what the rest of Farol calls it ("hiv_test")."""

    __tablename__ = "taxonomy_term"
    id: Mapped[str] = _id()
    code: Mapped[str | None] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    parent_id: Mapped[str | None] = _of("taxonomy_term")
    taxonomy_id: Mapped[str | None] = _of("taxonomy")


class Attribute(Base):
    """A term that applies to a row of another table: `link_entity` names the table, `link_id` the row."""

    __tablename__ = "attribute"
    # One index answers "all facts of these services", the other "is this service of this kind".
    __table_args__ = (Index("ix_attribute_taxonomy_term_id_link_id", "taxonomy_term_id", "link_id"),)
    id: Mapped[str] = _id()
    link_id: Mapped[str] = mapped_column(String(36), index=True)
    taxonomy_term_id: Mapped[str] = mapped_column(ForeignKey("taxonomy_term.id"))
    link_type: Mapped[str | None] = mapped_column(Text)
    link_entity: Mapped[str] = mapped_column(String(40))
    value: Mapped[str | None] = mapped_column(Text)


class Listing(Base):
    """Not HSDS: which row of content/directory made which service, and a digest that says whether it has changed."""

    __tablename__ = "listing"
    id: Mapped[str] = mapped_column(String(60), primary_key=True)
    file: Mapped[str] = mapped_column(Text)
    service_id: Mapped[str] = _of("service", needed=True)
    digest: Mapped[str] = mapped_column(String(64))


class Place(Base):
    """Not HSDS: a town or a country of the gazetteer. Population 0 means unknown."""

    __tablename__ = "place"
    __table_args__ = (Index("ix_place_latitude_longitude", "latitude", "longitude"),)
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(Text)
    country: Mapped[str] = mapped_column(String(2))
    latitude: Mapped[float] = mapped_column(Float(53))
    longitude: Mapped[float] = mapped_column(Float(53))
    population: Mapped[int] = mapped_column(BigInteger)


class PlaceName(Base):
    """Not HSDS: what a place may be called, folded by places.fold; the key is also the index of look-ups."""

    __tablename__ = "place_name"
    __table_args__ = {"sqlite_with_rowid": False}
    # Bytewise on PostgreSQL too, so that "names that begin with" is a range of this index.
    name: Mapped[str] = mapped_column(
        String(80).with_variant(String(80, collation="C"), "postgresql"), primary_key=True
    )
    place_id: Mapped[str] = mapped_column(ForeignKey("place.id", ondelete="CASCADE"), primary_key=True)
    main: Mapped[bool] = mapped_column(Boolean)


class Gazetteer(Base):
    """Not HSDS: which edition of the towns is loaded, so that building it again does nothing."""

    __tablename__ = "gazetteer"
    edition: Mapped[str] = mapped_column(String(80), primary_key=True)
    built_at: Mapped[datetime] = mapped_column(UtcTime)
    places: Mapped[int]
    names: Mapped[int]
