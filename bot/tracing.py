"""Traces for whoever runs OpenTelemetry: webhook, journey, turn and send of each message. Off unless an address is set.

Spans hold the channel, the engine's number and the random id of a message, never what was written, nor by whom.
Only what Figures marks is traced: libraries' own instrumentation would record addresses and texts in URLs and queries.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

_TIMEOUT = 5
"""Seconds for one batch; a collector that is away must not keep the assistant from ending."""


class Tracing:
    """Sends spans to an OTLP collector over HTTP in the background. `url` (http://host:4318) None: nothing is traced.

    https://opentelemetry.io/docs/specs/otlp/#otlphttp-request
    """

    def __init__(self, url: str | None) -> None:
        self._provider: TracerProvider | None = None
        if url is None:
            return
        # No host name, no process command line: the defaults would tell both.
        resource = Resource({"service.name": "farol-assistant", "service.version": version("farol")})
        self._provider = TracerProvider(resource=resource)
        exporter = OTLPSpanExporter(endpoint=f"{url.rstrip('/')}/v1/traces", timeout=_TIMEOUT)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))

    @property
    def tracer(self) -> Tracer | None:
        """What makes spans, or None."""
        return self._provider.get_tracer("farol") if self._provider else None

    async def stop(self) -> None:
        """Send what is left; safe to call twice."""
        if self._provider is not None:
            await asyncio.to_thread(self._provider.shutdown)
