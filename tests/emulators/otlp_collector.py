"""An OpenTelemetry collector as the assistant sees it: OTLP over HTTP, protobuf.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import asyncio

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """A collector on loopback that keeps what it gets, raw and read."""

    def __init__(self) -> None:
        self._news = asyncio.Condition()
        self.raw = b""
        self.spans: dict[str, object] = {}
        self.resources: list[dict[str, str]] = []

    async def __aenter__(self) -> Collector:
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append({one.key: one.value.string_value for one in resource.resource.attributes})
            for scope in resource.scope_spans:
                self.spans |= {span.name: span for span in scope.spans}
        async with self._news:
            self._news.notify_all()
        return web.Response(body=b"", content_type="application/x-protobuf")

    async def seen(self, *names: str) -> None:
        """Wait until spans of all these names have come."""
        async with self._news:
            await self._news.wait_for(lambda: set(names) <= set(self.spans))

    def about(self, name: str) -> dict[str, str]:
        """The attributes of the last span of that name."""
        return {one.key: one.value.string_value for one in self.spans[name].attributes}
