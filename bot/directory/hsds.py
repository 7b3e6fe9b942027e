"""The tables of HSDS 3.0, the Human Services Data Specification of Open Referral, all 21 of them.

Tables and columns are named and typed as in the standard's datapackage
(https://docs.openreferral.org/en/v3.0/hsds/schema_reference.html), so that data of others goes in and comes out again
without renaming. Ids are UUID strings, as HSDS demands; those of our own rows are made from what they name
(`terms.stable_id`): loading the same file twice, or on another machine, gives the same ids.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.db import Base, UtcTime


def _id() -> Mapped[str]:
    return mapped_column(String(36), primary_key=True)


def _of(table: str, *, needed: bool = False) -> Mapped[str | None]:
    return mapped_column(ForeignKey(f"{table}.id", ondelete="CASCADE"), index=True, nullable=not needed)


class Organization(Base):
    """Who runs services. HSDS requires a description, here and elsewhere; empty when nobody has written one."""

    __tablename__ = "organization"
    id: Mapped[str] = _id()
    name: Mapped[str] = mapped_column(Text)
    alternate_name: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="")
    email: Mapped[str | None] = mapped_column(Text)
    website: Mapped[str | None] = mapped_column(Text)
    tax_status: Mapped[str | None] = mapped_column(Text)
    tax_id: Mapped[str | None] = mapped_column(Text)
    year_incorporated: Mapped[float | None] = mapped_column(Float(53))
    legal_status: Mapped[str | None] = mapped_column(Text)
    logo: Mapped[str | None] = mapped_column(Text)
    uri: Mapped[str | None] = mapped_column(Text)
    parent_organization_id: Mapped[str | None] = mapped_column(String(36))


class OrganizationIdentifier(Base):
    """A number an organization goes by in somebody's register."""

    __tablename__ = "organization_identifier"
    id: Mapped[str] = _id()
    organization_id: Mapped[str] = _of("organization", needed=True)
    identifier_scheme: Mapped[str | None] = mapped_column(Text)
    identifier_type: Mapped[str] = mapped_column(Text)
    identifier: Mapped[str] = mapped_column(Text)


class Program(Base):
    """A group of services of an organization."""

    __tablename__ = "program"
    id: Mapped[str] = _id()
    organization_id: Mapped[str] = _of("organization", needed=True)
    name: Mapped[str] = mapped_column(Text)
    alternate_name: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="")


class Service(Base):
    """What is offered. `assured_date` is the day somebody last checked it; only `active` services are ever shown."""

    __tablename__ = "service"
    id: Mapped[str] = _id()
    organization_id: Mapped[str] = _of("organization", needed=True)
    program_id: Mapped[str | None] = mapped_column(ForeignKey("program.id", ondelete="SET NULL"), index=True)
    name: Mapped[str] = mapped_column(Text)
    alternate_name: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20), default="active")
    interpretation_services: Mapped[str | None] = mapped_column(Text)
    application_process: Mapped[str | None] = mapped_column(Text)
    fees_description: Mapped[str | None] = mapped_column(Text)
    wait_time: Mapped[str | None] = mapped_column(Text)
    fees: Mapped[str | None] = mapped_column(Text)
    accreditations: Mapped[str | None] = mapped_column(Text)
    eligibility_description: Mapped[str | None] = mapped_column(Text)
    minimum_age: Mapped[float | None] = mapped_column(Float(53))
    maximum_age: Mapped[float | None] = mapped_column(Float(53))
    assured_date: Mapped[date | None] = mapped_column(Date)
    assurer_email: Mapped[str | None] = mapped_column(Text)
    licenses: Mapped[str | None] = mapped_column(Text)
    alert: Mapped[str | None] = mapped_column(Text)
    last_modified: Mapped[datetime | None] = mapped_column(UtcTime)


class Location(Base):
    """Where. HSDS knows three types: physical, postal and virtual."""

    __tablename__ = "location"
    id: Mapped[str] = _id()
    location_type: Mapped[str] = mapped_column(String(10), default="physical")
    url: Mapped[str | None] = mapped_column(Text)
    organization_id: Mapped[str | None] = _of("organization")
    name: Mapped[str | None] = mapped_column(Text)
    alternate_name: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    transportation: Mapped[str | None] = mapped_column(Text)
    latitude: Mapped[float | None] = mapped_column(Float(53))
    longitude: Mapped[float | None] = mapped_column(Float(53))
    external_identifier: Mapped[str | None] = mapped_column(Text)
    external_identifier_type: Mapped[str | None] = mapped_column(Text)


class ServiceAtLocation(Base):
    """A service at a place: what a search finds."""

    __tablename__ = "service_at_location"
    id: Mapped[str] = _id()
    service_id: Mapped[str] = _of("service", needed=True)
    location_id: Mapped[str] = _of("location", needed=True)
    description: Mapped[str | None] = mapped_column(Text)


class Contact(Base):
    """Somebody to ask for. Taken in and given out with the rest, never shown to people who write."""

    __tablename__ = "contact"
    id: Mapped[str] = _id()
    organization_id: Mapped[str | None] = _of("organization")
    service_id: Mapped[str | None] = _of("service")
    service_at_location_id: Mapped[str | None] = _of("service_at_location")
    location_id: Mapped[str | None] = _of("location")
    name: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    department: Mapped[str | None] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)


class Address(Base):
    """A postal address. HSDS requires `address_1`, `state_province` and `postal_code`: empty when unknown."""

    __tablename__ = "address"
    id: Mapped[str] = _id()
    location_id: Mapped[str | None] = _of("location")
    attention: Mapped[str | None] = mapped_column(Text)
    address_1: Mapped[str] = mapped_column(Text, default="")
    address_2: Mapped[str | None] = mapped_column(Text)
    city: Mapped[str] = mapped_column(Text)
    region: Mapped[str | None] = mapped_column(Text)
    state_province: Mapped[str] = mapped_column(Text, default="")
    postal_code: Mapped[str] = mapped_column(Text, default="")
    country: Mapped[str] = mapped_column(String(2))
    address_type: Mapped[str] = mapped_column(String(10), default="physical")


class Phone(Base):
    """A telephone number, in international form when we wrote it."""

    __tablename__ = "phone"
    id: Mapped[str] = _id()
    location_id: Mapped[str | None] = _of("location")
    service_id: Mapped[str | None] = _of("service")
    organization_id: Mapped[str | None] = _of("organization")
    contact_id: Mapped[str | None] = _of("contact")
    service_at_location_id: Mapped[str | None] = _of("service_at_location")
    number: Mapped[str] = mapped_column(Text)
    extension: Mapped[float | None] = mapped_column(Float(53))
    type: Mapped[str | None] = mapped_column(String(20))
    description: Mapped[str | None] = mapped_column(Text)


class Schedule(Base):
    """When it is open. `description` holds OpenStreetMap's opening_hours syntax where it is known.

    HSDS has RFC 5545 rules, which people find hard to write and cannot say "closed on holidays"
    (openreferral/specification#598); its free-text field takes ours without loss. `timetable` reads both.
    """

    __tablename__ = "schedule"
    id: Mapped[str] = _id()
    service_id: Mapped[str | None] = _of("service")
    location_id: Mapped[str | None] = _of("location")
    service_at_location_id: Mapped[str | None] = _of("service_at_location")
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    dtstart: Mapped[date | None] = mapped_column(Date)
    timezone: Mapped[float | None] = mapped_column(Float(53))
    until: Mapped[date | None] = mapped_column(Date)
    count: Mapped[float | None] = mapped_column(Float(53))
    wkst: Mapped[str | None] = mapped_column(Text)
    freq: Mapped[str | None] = mapped_column(Text)
    interval: Mapped[float | None] = mapped_column(Float(53))
    byday: Mapped[str | None] = mapped_column(Text)
    byweekno: Mapped[str | None] = mapped_column(Text)
    bymonthday: Mapped[str | None] = mapped_column(Text)
    byyearday: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    opens_at: Mapped[str | None] = mapped_column(String(20))
    closes_at: Mapped[str | None] = mapped_column(String(20))
    schedule_link: Mapped[str | None] = mapped_column(Text)
    attending_type: Mapped[str | None] = mapped_column(Text)
    notes: Mapped[str | None] = mapped_column(Text)


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


class Accessibility(Base):
    """What a place has for people with a disability."""

    __tablename__ = "accessibility"
    id: Mapped[str] = _id()
    location_id: Mapped[str | None] = _of("location")
    description: Mapped[str | None] = mapped_column(Text)
    details: Mapped[str | None] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)


class CostOption(Base):
    """What it costs, or that it is free."""

    __tablename__ = "cost_option"
    id: Mapped[str] = _id()
    service_id: Mapped[str] = _of("service", needed=True)
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    option: Mapped[str | None] = mapped_column(Text)
    currency: Mapped[str | None] = mapped_column(Text)
    amount: Mapped[float | None] = mapped_column(Float(53))
    amount_description: Mapped[str | None] = mapped_column(Text)


class Funding(Base):
    """Who pays for it."""

    __tablename__ = "funding"
    id: Mapped[str] = _id()
    organization_id: Mapped[str | None] = _of("organization")
    service_id: Mapped[str | None] = _of("service")
    source: Mapped[str | None] = mapped_column(Text)


class RequiredDocument(Base):
    """A paper that has to be shown."""

    __tablename__ = "required_document"
    id: Mapped[str] = _id()
    service_id: Mapped[str | None] = _of("service")
    document: Mapped[str | None] = mapped_column(Text)
    uri: Mapped[str | None] = mapped_column(Text)


class ServiceArea(Base):
    """The area whose people a service is for."""

    __tablename__ = "service_area"
    id: Mapped[str] = _id()
    service_id: Mapped[str | None] = _of("service")
    name: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    extent: Mapped[str | None] = mapped_column(Text)
    extent_type: Mapped[str | None] = mapped_column(Text)
    uri: Mapped[str | None] = mapped_column(Text)


class Taxonomy(Base):
    """A list of terms; ours are in bot.directory.terms."""

    __tablename__ = "taxonomy"
    id: Mapped[str] = _id()
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="")
    uri: Mapped[str | None] = mapped_column(Text)
    version: Mapped[str | None] = mapped_column(Text)


class TaxonomyTerm(Base):
    """One term; `code` is what the rest of Farol calls it ("hiv_test")."""

    __tablename__ = "taxonomy_term"
    id: Mapped[str] = _id()
    code: Mapped[str | None] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="")
    parent_id: Mapped[str | None] = _of("taxonomy_term")
    taxonomy: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    taxonomy_id: Mapped[str | None] = _of("taxonomy")
    term_uri: Mapped[str | None] = mapped_column(Text)


class Attribute(Base):
    """A term that applies to a row of another table: `link_entity` names the table, `link_id` the row."""

    __tablename__ = "attribute"
    # One index answers "all facts of these services", the other "is this service of this kind".
    __table_args__ = (Index("ix_attribute_taxonomy_term_id_link_id", "taxonomy_term_id", "link_id"),)
    id: Mapped[str] = _id()
    link_id: Mapped[str] = mapped_column(String(36), index=True)
    taxonomy_term_id: Mapped[str] = mapped_column(ForeignKey("taxonomy_term.id", ondelete="CASCADE"))
    link_type: Mapped[str | None] = mapped_column(Text)
    link_entity: Mapped[str] = mapped_column(String(40))
    value: Mapped[str | None] = mapped_column(Text)


class Metadata(Base):
    """What was changed in a row, when and by whom. Previous and new values are text."""

    __tablename__ = "metadata"
    id: Mapped[str] = _id()
    resource_id: Mapped[str] = mapped_column(String(36), index=True)
    resource_type: Mapped[str] = mapped_column(Text)
    last_action_date: Mapped[date] = mapped_column(Date)
    last_action_type: Mapped[str] = mapped_column(Text)
    field_name: Mapped[str] = mapped_column(Text)
    previous_value: Mapped[str] = mapped_column(Text)
    replacement_value: Mapped[str] = mapped_column(Text)
    updated_by: Mapped[str] = mapped_column(Text)


class MetaTableDescription(Base):
    """The language and letters of a table that somebody else made."""

    __tablename__ = "meta_table_description"
    id: Mapped[str] = _id()
    name: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    character_set: Mapped[str | None] = mapped_column(Text)


TABLES: dict[str, type[Base]] = {
    table.__tablename__: table
    for table in (
        Taxonomy, TaxonomyTerm, Organization, OrganizationIdentifier, Program, Service, Location, ServiceAtLocation,
        Contact, Address, Phone, Schedule, Language, Accessibility, CostOption, Funding, RequiredDocument,
        ServiceArea, Attribute, Metadata, MetaTableDescription,
    )
}  # fmt: skip
"""Every table by its name, in an order in which rows can be written: what is referred to comes first."""
