"""Figures for whoever watches the machine (Prometheus): counts and states, nothing about anybody.

Served on a port of its own, on loopback unless told otherwise, and only when one is set.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, ProcessCollector, generate_latest

log = structlog.get_logger("farol.metrics")


class Metrics:
    """GET /metrics on `host`:`port`; port 0 opens nothing."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.registry = CollectorRegistry()
        self._before: list[Callable[[], Awaitable[None]]] = []
        self._runner: web.AppRunner | None = None
        ProcessCollector(registry=self.registry)

    def tell(self, name: str, what: str, read: Callable[[], float]) -> None:
        """Offer a figure that is read when somebody asks. `name` follows Prometheus: farol_content_faults."""
        Gauge(name, what, registry=self.registry).set_function(read)

    def before(self, read: Callable[[], Awaitable[None]]) -> None:
        """Have this done each time before the figures are shown; one that fails is logged and keeps its last figures."""
        self._before.append(read)

    async def start(self) -> None:
        """Open the door. Raises OSError when the port is taken."""
        if not self._port:
            return
        app = web.Application()
        app.add_routes([web.get("/metrics", self.show)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def stop(self) -> None:
        """Close it."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def show(self, request: web.Request) -> web.Response:
        """All figures in Prometheus' text format."""
        for read in self._before:
            try:
                await read()
            except Exception as error:
                log.warning("figures not read", error=type(error).__name__)
        return web.Response(body=generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
