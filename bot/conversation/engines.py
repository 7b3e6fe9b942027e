"""Several engines as one: a turn goes to one that is well, and to another when that one fails. Turns are pure, so that
asking twice changes nothing.

Every engine has a circuit breaker: after some failures it rests, its health is asked for, and a single turn tries it
before it takes its share again. Without any engine a turn fails at once, and the person gets the safe answer.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import structlog
from opentelemetry.trace import SpanKind

from bot.conversation.engine import EngineClient, EngineDown, EngineRefused
from bot.conversation.figures import Figures
from nlu.contract import TurnReply, TurnRequest

log = structlog.get_logger("farol.engines")

_FAILURES = 3
"""In a row, before an engine rests."""
_REST = (1.0, 30.0)
"""Seconds of the first and the longest rest; each is twice the one before."""
_PROBE = 1.0
"""Seconds between looks at engines that rest."""
_SHARE = 0.5
"""Of the time left that one engine gets when another could still be asked."""


class Breaker:
    """Whether an engine is asked. closed: yes; open: no; trying: by one turn at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._rest = _REST[0]
        self._until = 0.0
        self.state = "closed"

    def admits(self) -> bool:
        """Whether a turn may go there now; a 'trying' engine takes the one that asks."""
        if self.state == "trying":
            self.state = "busy trying"
            return True
        return self.state == "closed"

    def wants_probe(self) -> bool:
        """Whether its rest is over and its health may be asked for."""
        return self.state == "open" and self._clock() >= self._until

    def healthy(self) -> None:
        """It says that it is well: let a turn prove it."""
        if self.state == "open":
            self.state = "trying"

    def succeeded(self) -> None:
        """A turn was answered."""
        self.state, self._failures, self._rest = "closed", 0, _REST[0]

    def failed(self, *, at_once: bool = False) -> None:
        """A turn was not answered; `at_once` when nobody is there at all."""
        self._failures += 1
        if self.state == "closed" and self._failures < _FAILURES and not at_once:
            return
        self._until = self._clock() + self._rest * random.uniform(0.8, 1.2)
        self._rest = min(self._rest * 2, _REST[1])
        self.state = "open"


class _Engine:
    def __init__(self, number: int, client: EngineClient) -> None:
        self.name = f"engine {number}"
        self.client = client
        self.breaker = Breaker()
        self.turns = 0
        """On their way there now."""


class EnginePool:
    """Engines by their addresses; `timeout` (s) is for a whole turn, however many engines it takes."""

    def __init__(self, urls: list[Callable[[], str]], timeout: float, figures: Figures | None = None) -> None:
        self._engines = [_Engine(n, EngineClient(url, timeout)) for n, url in enumerate(urls, start=1)]
        self._timeout = timeout
        self._figures = figures or Figures()
        self._task: asyncio.Task | None = None

    async def start(self) -> None:
        """Open the sessions and begin to watch."""
        for engine in self._engines:
            await engine.client.start()
            self._tell(engine)
        self._task = asyncio.create_task(self._watch(), name="engines")

    async def stop(self) -> None:
        """Close everything; safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for engine in self._engines:
            await engine.client.stop()

    async def turn(self, request: TurnRequest, request_id: str = "") -> TurnReply:
        """One turn. Raises EngineDown when no engine has answered in time, EngineRefused when one refuses it."""
        deadline = time.monotonic() + self._timeout
        left = list(self._engines)
        error = EngineDown("no engine is well")
        while left:
            engine = self._choose(left)
            remaining = deadline - time.monotonic()
            if engine is None or remaining <= 0:
                break
            left.remove(engine)
            others = any(one.breaker.state in ("closed", "trying") for one in left)
            try:
                return await self._ask(engine, request, request_id, remaining * _SHARE if others else remaining)
            except EngineDown as failure:
                error = failure
        raise error

    async def parse(self, texts: list[str], language: str = "auto") -> list[dict[str, Any]]:
        """Parses of up to 500 texts, by the first engine that answers. Raises EngineDown or EngineRefused."""
        error = EngineDown("no engine")
        for engine in self._engines:
            try:
                return await engine.client.parse(texts, language)
            except EngineDown as failure:
                error = failure
        raise error

    async def health(self) -> dict[str, Any]:
        """What the first engine that answers says of itself. Raises EngineDown."""
        error = EngineDown("no engine")
        for engine in sorted(self._engines, key=lambda one: one.breaker.state != "closed"):
            try:
                return await engine.client.health()
            except EngineDown as failure:
                error = failure
        raise error

    def well(self) -> int:
        """How many engines are asked at present."""
        return sum(engine.breaker.state == "closed" for engine in self._engines)

    def _choose(self, engines: list[_Engine]) -> _Engine | None:
        """The least busy of those that are well; among equals by lot, or all turns would go to the first."""
        for engine in sorted(engines, key=lambda one: (one.turns, random.random())):
            if engine.breaker.admits():
                return engine
        return None

    async def _ask(self, engine: _Engine, request: TurnRequest, request_id: str, seconds: float) -> TurnReply:
        engine.turns += 1
        begun = time.monotonic()
        settled = False
        try:
            with self._figures.span("turn", SpanKind.CLIENT, engine=engine.name, request=request_id):
                reply = await engine.client.turn(request, request_id, seconds)
            settled = True
            engine.breaker.succeeded()
            self._figures.turn(time.monotonic() - begun)
            return reply
        except EngineRefused:
            settled = True
            # It is well; it is the request that is not.
            engine.breaker.succeeded()
            raise
        except EngineDown as error:
            settled = True
            engine.breaker.failed(at_once=isinstance(error.__cause__, aiohttp.ClientConnectorError))
            self._figures.engine_failed(engine.name)
            log.warning("engine failed", engine=engine.name, reason=str(error), state=engine.breaker.state)
            raise
        finally:
            if not settled and engine.breaker.state == "busy trying":
                # Cancelled in the middle: it has proved nothing.
                engine.breaker.state = "trying"
            engine.turns -= 1
            self._tell(engine)

    async def _watch(self) -> None:
        while True:
            await asyncio.gather(*(self._probe(engine) for engine in self._engines))
            await asyncio.sleep(_PROBE)

    async def _probe(self, engine: _Engine) -> None:
        if not engine.breaker.wants_probe():
            return
        try:
            await engine.client.health()
        except EngineDown:
            engine.breaker.failed()
        else:
            engine.breaker.healthy()
            log.info("engine is back", engine=engine.name)
        self._tell(engine)

    def _tell(self, engine: _Engine) -> None:
        self._figures.engine_up.labels(engine.name).set(engine.breaker.state != "open")
