"""Figures for whoever watches the machine (Prometheus): counts and states, nothing about anybody.

Served on a port of its own, on loopback unless told otherwise, and only when one is set.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, ProcessCollector, generate_latest


class Metrics:
    """GET /metrics on `host`:`port`; port 0 opens nothing."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._registry = CollectorRegistry()
        self._runner: web.AppRunner | None = None
        ProcessCollector(registry=self._registry)

    def tell(self, name: str, what: str, read: Callable[[], float]) -> None:
        """Offer a figure that is read when somebody asks. `name` follows Prometheus: farol_content_faults."""
        Gauge(name, what, registry=self._registry).set_function(read)

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
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
