"""The directory's tables that are Farol's own: where listings come from, the search's index, and the gazetteer.

Those of the standard are in bot.directory.hsds.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    event,
)
from sqlalchemy.orm import Mapped, mapped_column

import bot.directory.hsds  # noqa: F401 - the tables that these refer to
from bot.db import Base, UtcTime


class Listing(Base):
    """Which dataset brought which service, so that what a later edition no longer has can be told.

    `id` is the row's own name in a list of places, or the service's id; `dataset` is `content` for the staff's own
    files, or the name an import was given.
    """

    __tablename__ = "listing"
    id: Mapped[str] = mapped_column(String(60), primary_key=True)
    dataset: Mapped[str] = mapped_column(Text, index=True)
    service_id: Mapped[str] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"), index=True)


class Spot(Base):
    """What the search runs on: one row for each service at a location that may be shown, worked out by `spots`.

    x, y, z: the point on a globe of radius 1, so that the straight distance through it orders places exactly and
    needs no trigonometry. `kinds`: bit n is terms.SERVICE_KINDS[n]. `papers`: spots.trouble. `languages`: codes, each
    between spaces. `from_day`, `to_day`: of something that comes on certain days only.
    `card`: what cards.gather knows of it, as JSON.
    """

    __tablename__ = "spot"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    service_at_location_id: Mapped[str] = mapped_column(
        ForeignKey("service_at_location.id", ondelete="CASCADE"), unique=True
    )
    service_id: Mapped[str] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"), index=True)
    latitude: Mapped[float] = mapped_column(Float(53))
    longitude: Mapped[float] = mapped_column(Float(53))
    x: Mapped[float] = mapped_column(Float(53))
    y: Mapped[float] = mapped_column(Float(53))
    z: Mapped[float] = mapped_column(Float(53))
    kinds: Mapped[int] = mapped_column(BigInteger)
    papers: Mapped[int] = mapped_column(SmallInteger)
    languages: Mapped[str] = mapped_column(Text)
    sample: Mapped[bool] = mapped_column(Boolean)
    closed_until: Mapped[date | None] = mapped_column(Date)
    from_day: Mapped[date | None] = mapped_column(Date)
    to_day: Mapped[date | None] = mapped_column(Date)
    card: Mapped[str] = mapped_column(Text)


SPOT_INDEX = {
    "sqlite": (
        "CREATE VIRTUAL TABLE spot_tree USING rtree(id, south, north, west, east)",
        "CREATE TRIGGER spot_added AFTER INSERT ON spot BEGIN INSERT INTO spot_tree VALUES"
        " (new.id, new.latitude, new.latitude, new.longitude, new.longitude); END",
        "CREATE TRIGGER spot_moved AFTER UPDATE OF latitude, longitude ON spot BEGIN UPDATE spot_tree SET"
        " south = new.latitude, north = new.latitude, west = new.longitude, east = new.longitude"
        " WHERE id = new.id; END",
        "CREATE TRIGGER spot_gone AFTER DELETE ON spot BEGIN DELETE FROM spot_tree WHERE id = old.id; END",
    ),
    "postgresql": ("CREATE INDEX ix_spot_point ON spot USING gist (point(longitude, latitude))",),
}
"""How each database finds the spots of a box: SQLite's R*Tree, kept in step by triggers; PostgreSQL's GiST."""

for _dialect, _statements in SPOT_INDEX.items():
    for _statement in _statements:
        event.listen(Spot.__table__, "after_create", DDL(_statement).execute_if(dialect=_dialect))


class Place(Base):
    """A town or a country of the gazetteer. Population 0 means unknown."""

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
    """What a place may be called, folded by places.fold; the key is also the index of look-ups."""

    __tablename__ = "place_name"
    __table_args__ = {"sqlite_with_rowid": False}
    # Bytewise on PostgreSQL too, so that "names that begin with" is a range of this index.
    name: Mapped[str] = mapped_column(
        String(80).with_variant(String(80, collation="C"), "postgresql"), primary_key=True
    )
    place_id: Mapped[str] = mapped_column(ForeignKey("place.id", ondelete="CASCADE"), primary_key=True)
    main: Mapped[bool] = mapped_column(Boolean)


class Postcode(Base):
    """Where a postcode lies, and the town's name as the post writes it. Codes without spaces and hyphens."""

    __tablename__ = "postcode"
    code: Mapped[str] = mapped_column(String(10), primary_key=True)
    country: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    latitude: Mapped[float] = mapped_column(Float(53))
    longitude: Mapped[float] = mapped_column(Float(53))


class Gazetteer(Base):
    """Which edition of the towns is loaded, so that building it again does nothing."""

    __tablename__ = "gazetteer"
    edition: Mapped[str] = mapped_column(String(80), primary_key=True)
    built_at: Mapped[datetime] = mapped_column(UtcTime)
    places: Mapped[int]
    names: Mapped[int]
