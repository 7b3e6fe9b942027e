"""Distances against known ones, and boxes that lose nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.directory.distance import box_around, distance_km

latitudes, longitudes = st.floats(-90, 90), st.floats(-180, 180)


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        ((48.8566, 2.3522), (51.5074, -0.1278), 343.6),  # Paris, London
        ((0, 0), (0, 1), 111.2),
        ((0, 179.9), (0, -179.9), 22.2),
        ((90, 0), (-90, 0), 20015.1),
        ((38.7, -9.1), (38.7, -9.1), 0),
    ],
)
def test_known_distances(one, other, km):
    assert distance_km(*one, *other) == pytest.approx(km, abs=0.1)


@given(latitudes, longitudes, latitudes, longitudes, st.sampled_from([1, 25, 100, 2000]))
def test_the_box_holds_the_circle(latitude, longitude, other_latitude, other_longitude, radius):
    if distance_km(latitude, longitude, other_latitude, other_longitude) <= radius:
        box = box_around(latitude, longitude, radius)
        assert box.south <= other_latitude <= box.north
        assert any(west <= other_longitude <= east for west, east in box.longitudes)


@given(latitudes, longitudes, latitudes, longitudes)
def test_it_is_as_far_there_as_back(latitude, longitude, other_latitude, other_longitude):
    there = distance_km(latitude, longitude, other_latitude, other_longitude)
    assert there == pytest.approx(distance_km(other_latitude, other_longitude, latitude, longitude), abs=1e-6)
    assert 0 <= there <= 20016
