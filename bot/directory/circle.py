"""Spots within a circle, in SQL: by each database's own index, ordered by exact distance without trigonometry.

What is given may be numbers or bind parameters, for a statement that is built once and asked often.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, and_, column, func, or_, select, table, union_all

from bot.directory.distance import box_around, chord_of
from bot.directory.models import Spot
from bot.directory.spots import on_globe

_TREE = table("spot_tree", column("id"), column("south"), column("north"), column("west"), column("east"))


def squared_chord(x: Any, y: Any, z: Any) -> ColumnElement[float]:
    """The squared straight line through a globe of radius 1 from a point on it (spots.on_globe) to each spot.

    It grows with the way around the globe, so it orders exactly; `distance.km_of` of its root is that way.
    """
    return (Spot.x - x) * (Spot.x - x) + (Spot.y - y) * (Spot.y - y) + (Spot.z - z) * (Spot.z - z)


def in_box(dialect: str, south: Any, north: Any, longitudes: Iterable[tuple[Any, Any]]) -> ColumnElement[bool]:
    """Within degrees, by the index of `dialect` (models.SPOT_INDEX). A box across the date line has two longitudes."""
    if dialect == "sqlite":
        parts = (
            select(_TREE.c.id).where(
                _TREE.c.north >= south, _TREE.c.south <= north, _TREE.c.east >= west, _TREE.c.west <= east
            )
            for west, east in longitudes
        )
        return Spot.id.in_(union_all(*parts))  # an OR would leave the tree unused
    point = func.point(Spot.longitude, Spot.latitude)
    return or_(
        *(
            point.op("<@", is_comparison=True)(func.box(func.point(west, south), func.point(east, north)))
            for west, east in longitudes
        )
    )


def within(dialect: str, latitude: float, longitude: float, radius_km: float) -> ColumnElement[bool]:
    """Whether a spot lies within the circle."""
    box = box_around(latitude, longitude, radius_km)
    near = squared_chord(*on_globe(latitude, longitude)) <= chord_of(radius_km) ** 2
    return and_(in_box(dialect, box.south, box.north, box.longitudes), near)
