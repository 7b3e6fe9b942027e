"""The storm's short form: a running assistant, some thousand bad requests, nothing broken and nothing written.

`make fuzz` sends a million."""

from __future__ import annotations

from tests.fuzz.mischief import Keys, shots
from tests.fuzz.storm import storm

KEYS = Keys("https://farol.test", "http://127.0.0.1:1", "t", "secret", "c" * 22)


def test_the_same_seed_makes_the_same_requests():
    for somebody in (True, False):
        first = list(shots(3, 200, KEYS, somebody=somebody))
        assert first == list(shots(3, 200, KEYS, somebody=somebody)) != list(shots(4, 200, KEYS, somebody=somebody))
        assert all(shot.somebody is somebody for shot in first)


async def test_a_short_storm_breaks_nothing_and_nobody_writes():
    report = await storm(1500, seed=20261122)
    assert not report.bad(), report.bad()
    assert sum(report.statuses.values()) == 1500
    # It came in: what carried a valid signature, secret or session was taken, what did not was refused.
    assert report.statuses[204] > 40 and report.statuses[202] > 5 and report.statuses[403] > 150
