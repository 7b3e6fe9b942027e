"""What the keepers of the directory are told: how much is known of its places, and what is to be looked at again."""

from __future__ import annotations

from datetime import date

from bot.directory.coverage import of_countries, stale
from bot.directory.listing import check
from tests.directory.conftest import write

TODAY = date(2026, 11, 22)


def rows(tmp_path, *given):
    write(tmp_path, *given)
    listed, faults = check(tmp_path, today=TODAY)
    assert not faults
    return [row for some in listed.values() for row in some]


def test_places_are_counted_by_country_and_samples_are_none(tmp_path):
    found = of_countries(
        rows(
            tmp_path,
            {"id": "a", "country": "FR", "kinds": "hiv_test;prep", "id_required": "no", "status_required": "no"},
            {"id": "b", "country": "FR", "kinds": "hiv_test", "id_required": "no", "status_required": ""},
            {"id": "c", "country": "GB", "kinds": "legal", "last_verified": "2026-11-01"},
        )
    )
    assert [(one.country, one.places, one.kinds) for one in found] == [
        ("FR", 2, {"hiv_test": 2, "prep": 1}),
        ("GB", 1, {"legal": 1}),
    ]
    assert found[0].papers_known == 1 and found[1].verified == 1


def test_what_nobody_verified_lately_the_longest_ago_first(tmp_path):
    found = stale(
        rows(
            tmp_path,
            {"id": "new", "last_verified": "2026-11-01"},
            {"id": "old", "last_verified": "2026-01-01"},
            {"id": "older", "last_verified": "2025-01-01"},
            {"id": "never", "last_verified": ""},
        ),
        TODAY,
        180,
    )
    assert [one.id for one in found] == ["never", "older", "old"]


def test_the_last_day_still_counts(tmp_path):
    known = rows(tmp_path, {"id": "a", "last_verified": "2026-11-12"})
    assert not stale(known, TODAY, 10) and stale(known, TODAY, 9)
