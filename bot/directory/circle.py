"""Spots within a circle, in SQL: by each database's own index, ordered by exact distance without trigonometry."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, column, func, or_, select, table, union_all

from bot.directory.distance import Box, box_around, chord_of
from bot.directory.models import Spot
from bot.directory.spots import on_globe

_TREE = table("spot_tree", column("id"), column("south"), column("north"), column("west"), column("east"))


def squared_chord(latitude: float, longitude: float) -> ColumnElement[float]:
    """The squared straight line through a globe of radius 1 from a point to each spot.

    It grows with the way around the globe, so it orders exactly and spares trigonometry; `distance.km_of` of its root
    is that way.
    """
    x, y, z = on_globe(latitude, longitude)
    return (Spot.x - x) * (Spot.x - x) + (Spot.y - y) * (Spot.y - y) + (Spot.z - z) * (Spot.z - z)


def within(dialect: str, latitude: float, longitude: float, radius_km: float) -> ColumnElement[bool]:
    """Whether a spot lies within the circle; the index of `dialect` ("sqlite", "postgresql") finds the candidates."""
    box = box_around(latitude, longitude, radius_km)
    return and_(_inside(dialect, box), squared_chord(latitude, longitude) <= chord_of(radius_km) ** 2)


def _inside(dialect: str, box: Box) -> ColumnElement[bool]:
    """Within the box, by each database's own index (models.SPOT_INDEX)."""
    if dialect == "sqlite":
        # A box across the date line is two; an OR between them would leave the tree unused.
        parts = (
            select(_TREE.c.id).where(
                _TREE.c.north >= box.south, _TREE.c.south <= box.north, _TREE.c.east >= west, _TREE.c.west <= east
            )
            for west, east in box.longitudes
        )
        return Spot.id.in_(union_all(*parts))
    point = func.point(Spot.longitude, Spot.latitude)
    return or_(
        *(
            point.op("<@", is_comparison=True)(func.box(func.point(west, box.south), func.point(east, box.north)))
            for west, east in box.longitudes
        )
    )
