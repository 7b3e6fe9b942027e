"""Starts the engine beside the assistant and keeps it running; for one small server, where nobody else does."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import structlog

log = structlog.get_logger("farol.engine")

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "FAROL_DEBUG", "OMP_NUM_THREADS")
"""All the environment the engine gets: no token, no key, no database."""

_START_LIMIT = 180.0
_RESTART_DELAYS = (0.5, 2, 5, 15, 30)


class EngineMissing(Exception):
    """The engine cannot be started; the message says what is missing and which command gets it."""


class EngineProcess:
    """An engine of our own on loopback. `url` is its address once `start` has returned."""

    def __init__(self, python: Path, root: Path, models: Path, actions_url: str, port: int = 0) -> None:
        self._python, self._root, self._models = python, root, models
        self._actions_url = actions_url
        self._port = port
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task | None = None
        self.url = ""

    async def start(self) -> None:
        """Start it and wait until it answers. Raises EngineMissing."""
        if not self._python.exists():
            raise EngineMissing(f"{self._python}: the engine's Python is not there; run: make setup")
        await self._launch()
        self._watcher = asyncio.create_task(self._watch(), name="engine-watcher")

    async def stop(self) -> None:
        """Stop watching, then ask the engine to end, and end it after five seconds."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _launch(self) -> None:
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment |= {"PYTHONPATH": str(self._root), "FAROL_ENGINE_CHILD": "1", "PYTHONWARNINGS": "ignore"}
        self._process = await asyncio.create_subprocess_exec(
            str(self._python), "-m", "nlu.service", "--port", str(self._port),
            "--models", str(self._models), "--actions", self._actions_url,
            cwd=self._root, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        errors = asyncio.create_task(self._process.stderr.read())
        try:
            ready = await asyncio.wait_for(self._ready(self._process.stdout), _START_LIMIT)
        except TimeoutError as error:
            self._process.kill()
            raise EngineMissing(f"the engine did not come up within {_START_LIMIT:.0f} s") from error
        if ready is None:
            said = (await errors).decode("utf-8", "replace").strip().splitlines()
            raise EngineMissing("the engine did not start: " + (said[-1] if said else "no reason given"))
        errors.cancel()
        # From here its words go where ours go; Rasa is quiet by then.
        asyncio.create_task(_forward(self._process.stderr))
        self._port = ready["port"]
        self.url = f"http://127.0.0.1:{self._port}"

    @staticmethod
    async def _ready(stream: asyncio.StreamReader) -> dict | None:
        async for line in stream:
            if line.startswith(b'{"ready"'):
                return json.loads(line)
        return None

    async def _watch(self) -> None:
        failures = 0
        while True:
            await self._process.wait()
            log.error("engine ended", code=self._process.returncode)
            await asyncio.sleep(_RESTART_DELAYS[min(failures, len(_RESTART_DELAYS) - 1)])
            try:
                await self._launch()
                failures = 0
                log.info("engine restarted")
            except EngineMissing as error:
                failures += 1
                log.error("engine restart failed", reason=str(error))


async def _forward(stream: asyncio.StreamReader) -> None:
    async for line in stream:
        sys.stderr.write(line.decode("utf-8", "replace"))
