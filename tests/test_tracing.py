"""Traces go to a collector by OTLP when one is set, and hold nothing about anybody."""

from __future__ import annotations

import pytest
from opentelemetry.trace import SpanKind

from bot.conversation.figures import Figures
from bot.tracing import Tracing
from tests.emulators.otlp_collector import Collector


@pytest.fixture
async def collector():
    async with Collector() as running:
        yield running


async def test_spans_arrive_with_ids_and_types_of_errors_only(collector):
    tracing = Tracing(collector.url)
    figures = Figures(tracer=tracing.tracer)
    with figures.span("webhook", SpanKind.SERVER, channel="sms"):
        figures.mark(request="abc123")
    with pytest.raises(ValueError):
        with figures.span("journey", request="abc123"):
            with figures.span("turn", SpanKind.CLIENT, engine="1"):
                raise ValueError("she wrote: I am in Lampedusa")
    await tracing.stop()
    await tracing.stop()
    assert set(collector.spans) == {"webhook", "journey", "turn"}
    assert collector.about("webhook") == {"farol.channel": "sms", "farol.request": "abc123"}
    assert collector.spans["turn"].parent_span_id == collector.spans["journey"].span_id
    assert collector.spans["turn"].status.message == "ValueError"
    assert b"Lampedusa" not in collector.raw
    assert set(collector.resources[0]) == {"service.name", "service.version"}


async def test_without_an_address_nothing_is_traced():
    tracing = Tracing(None)
    assert tracing.tracer is None
    with Figures(tracer=tracing.tracer).span("journey", request="abc123"):
        pass
    await tracing.stop()


async def test_a_collector_that_is_away_harms_nobody():
    tracing = Tracing("http://127.0.0.1:9")
    with Figures(tracer=tracing.tracer).span("journey", request="abc123"):
        pass
    await tracing.stop()
