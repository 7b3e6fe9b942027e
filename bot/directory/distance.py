"""How far two points on earth are from each other, and the box that holds everything within a radius."""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, cos, degrees, pi, radians, sin, sqrt

EARTH_KM = 6371.0088  # mean radius, IUGG


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Kilometres as the crow flies (haversine), at most 0.5 % off; a road is always longer."""
    a, b = radians(latitude), radians(other_latitude)
    half = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(radians(other_longitude - longitude) / 2) ** 2
    return 2 * EARTH_KM * asin(sqrt(min(1.0, half)))


def chord_of(kilometres: float) -> float:
    """The straight line through a globe of radius 1 between two points that far apart on it."""
    return 2 * sin(min(kilometres / EARTH_KM, pi) / 2)


def km_of(chord: float) -> float:
    """The way around the earth for such a straight line: `chord_of` the other way round."""
    return 2 * EARTH_KM * asin(min(1.0, chord / 2))


@dataclass(frozen=True)
class Box:
    """Degrees; `longitudes` has two ranges when the box crosses the date line."""

    south: float
    north: float
    longitudes: tuple[tuple[float, float], ...]


def box_around(latitude: float, longitude: float, radius_km: float) -> Box:
    """The smallest such box holding every point within `radius_km`."""
    reach = degrees(radius_km / EARTH_KM) * (1 + 1e-9) + 1e-9
    south, north = latitude - reach, latitude + reach
    if south <= -90 or north >= 90:  # a pole lies inside: every longitude does too
        return Box(max(south, -90.0), min(north, 90.0), ((-180.0, 180.0),))
    # A circle bulges beyond the meridians its own centre's latitude suggests.
    width = degrees(asin(min(1.0, sin(radians(reach)) / cos(radians(latitude))))) + 1e-9
    west, east = longitude - width, longitude + width
    if west < -180:
        return Box(south, north, ((west + 360, 180.0), (-180.0, east)))
    if east > 180:
        return Box(south, north, ((west, 180.0), (-180.0, east - 360)))
    return Box(south, north, ((west, east),))
