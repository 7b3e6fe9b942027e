"""Client of the engine's POST /turn and /parse. Slow, silent or broken engines all end as EngineDown, in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp

from nlu.contract import ContractError, TurnReply, TurnRequest


class EngineDown(Exception):
    """The engine gave no usable answer: not reachable, too slow, or not what the contract says. Holds no message text."""


class EngineRefused(Exception):
    """The engine says the request itself is wrong (HTTP 400); trying again with the same would not help."""


class EngineClient:
    """Talks to one engine. `url()` is its address now (a restarted one may move), `timeout` (s) for a whole turn."""

    def __init__(self, url: Callable[[], str], timeout: float) -> None:
        self._url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=min(timeout, 2))
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the session."""
        self._session = aiohttp.ClientSession()

    async def stop(self) -> None:
        """Close it; safe to call twice."""
        if self._session is not None:
            await self._session.close()

    async def turn(self, request: TurnRequest, request_id: str = "", seconds: float | None = None) -> TurnReply:
        """One turn, in at most `seconds`. `request_id` names it in the logs of both. Raises EngineDown, EngineRefused."""
        timeout = self._timeout
        if seconds is not None:
            timeout = aiohttp.ClientTimeout(total=seconds, connect=min(seconds, 2))
        headers = {"X-Request-Id": request_id} if request_id else {}
        data = await self._post("/turn", request.to_json(), timeout, headers)
        try:
            return TurnReply.from_json(data)
        except (ContractError, TypeError, ValueError) as error:
            raise EngineDown(f"reply breaks the contract: {error}") from error

    async def parse(self, texts: list[str], language: str = "auto") -> list[dict[str, Any]]:
        """Parses of up to 500 texts, in order; takes as long as it takes. Raises EngineDown or EngineRefused."""
        timeout = aiohttp.ClientTimeout(total=600)
        return (await self._post("/parse", {"texts": texts, "language": language}, timeout))["parses"]

    async def health(self) -> dict[str, Any]:
        """What the engine says of itself. Raises EngineDown."""
        try:
            async with self._session.get(f"{self._url()}/health", timeout=aiohttp.ClientTimeout(total=2)) as response:
                if response.status != 200:
                    raise EngineDown(f"HTTP {response.status}")
                return await response.json()
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError) as error:
            raise EngineDown(type(error).__name__) from error

    async def _post(
        self, path: str, body: dict[str, Any], timeout: aiohttp.ClientTimeout, headers: dict[str, str] | None = None
    ) -> Any:
        try:
            url = self._url() + path
            async with self._session.post(url, json=body, timeout=timeout, headers=headers) as response:
                if response.status not in (200, 400):
                    raise EngineDown(f"HTTP {response.status}")
                data = await response.json()
                if response.status == 400:
                    raise EngineRefused(str(data.get("error")))
                return data
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError) as error:
            raise EngineDown(type(error).__name__) from error
