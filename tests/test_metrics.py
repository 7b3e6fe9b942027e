"""Figures for Prometheus: read when asked, on a port of their own, only when one is set."""

from __future__ import annotations

import socket

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.metrics import Metrics


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


async def test_a_figure_is_read_when_somebody_asks():
    port, faults = _free_port(), []
    metrics = Metrics("127.0.0.1", port)
    metrics.tell("farol_content_faults", "Faults", lambda: len(faults))
    await metrics.start()
    try:
        async with aiohttp.ClientSession() as session:
            seen = []
            for _ in range(2):
                async with session.get(f"http://127.0.0.1:{port}/metrics") as said:
                    assert said.status == 200 and said.content_type == "text/plain"
                    families = {one.name: one for one in text_string_to_metric_families(await said.text())}
                seen.append(families["farol_content_faults"].samples[0].value)
                faults.append("one")
        assert seen == [0, 1]
    finally:
        await metrics.stop()


async def test_without_a_port_nothing_is_opened():
    metrics = Metrics("127.0.0.1", 0)
    await metrics.start()
    await metrics.stop()


async def test_a_taken_port_is_an_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        metrics = Metrics("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(OSError):
            await metrics.start()
        await metrics.stop()
