"""Throws everything that the API's own description allows, and much that it does not, at a running API (schemathesis).

    .venv/bin/python -m tests.directory.fuzz_api --examples 500

It serves the rows of tests/directory/everything.py from a database of its own on a free port of this machine. Answers
are held against the standard's own schemas when ../shared/hsds is there, and said to be when it is not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.db import Database
from bot.directory.api.description import description
from bot.directory.api.endpoints import SCHEMAS
from bot.directory.api.server import PREFIX, DirectoryApi
from tests.directory.everything import fill

OFFICIAL = Path(__file__).resolve().parents[3] / "shared" / "hsds" / "schema"
CONFIG = """
[[operations]]
include-path = "/service_at_locations"
# "proximity needs a postcode or a point" cannot be said in OpenAPI.
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404"]
"""
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "negative_data_rejection", "positive_data_acceptance", "unsupported_method",
)  # fmt: skip


@contextmanager
def serving(url: str) -> Iterator[str]:
    """A real server on a free port, in a thread of its own; yields the API's address."""
    started, address, stop = threading.Event(), [], asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        database = Database(url)
        app = web.Application()
        app.add_routes(DirectoryApi(database, "http://127.0.0.1").routes())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address.append(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}{PREFIX}")
        started.set()
        await stop.wait()
        await runner.cleanup()
        await database.close()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait()
    try:
        yield address[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def described(address: str, *, nested: bool = True) -> dict[str, Any]:
    """The API's description; the standard's schemas are taken from ../shared, or left out where there is none.

    nested: with those of whole objects, megabytes that take schemathesis half a minute to read.
    """

    def local(node: Any) -> Any:
        if isinstance(node, list):
            return [local(one) for one in node]
        if not isinstance(node, dict):
            return node
        if str(node.get("$ref", "")).startswith(SCHEMAS):
            name = node["$ref"].removeprefix(SCHEMAS)
            return (
                resolved(name) if nested or not re.fullmatch("compiled/.*(?<!_list).json", name) else {"type": "object"}
            )
        return {key: local(value) for key, value in node.items()}

    return local(description(address))


def resolved(name: str) -> dict[str, Any]:
    """One of the standard's schemas with what it refers to."""
    path = OFFICIAL / name
    if not path.is_file():
        return {"type": "object"}

    def whole(node: Any) -> Any:
        if isinstance(node, list):
            return [whole(one) for one in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            return resolved(node["$ref"])
        return {key: whole(value) for key, value in node.items()}

    return whole(json.loads(path.read_text("utf-8")))


def fuzz(
    address: str, folder: Path, examples: int, *, seed: int | None = None, nested: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run schemathesis against a running API; its exit code is 0 when nothing was found.

    nested: the long run, which also follows the links from lists to entries.
    """
    (folder / "openapi.json").write_text(json.dumps(described(address, nested=nested)))
    (folder / "schemathesis.toml").write_text(CONFIG)
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(folder / "schemathesis.toml"), "run",
        str(folder / "openapi.json"), "--url", address, "--checks", ",".join(CHECKS), "--max-examples", str(examples),
        "--phases", "coverage,fuzzing,stateful" if nested else "coverage,fuzzing", "--generation-database", "none", "--no-color",
        *(["--seed", str(seed)] if seed is not None else []),
    ]  # fmt: skip
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def main() -> int:
    """Fuzz a database of everything; print what schemathesis found."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--examples", type=int, default=500, help="requests for each operation")
    options.add_argument("--seed", type=int, help="the same requests again")
    chosen = options.parse_args()
    print("standard's schemas:", OFFICIAL if OFFICIAL.is_dir() else "not there, answers are not held against them")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/farol.db"
        asyncio.run(_fill(url))
        with serving(url) as address:
            done = fuzz(address, Path(folder), chosen.examples, seed=chosen.seed)
    print(done.stdout, done.stderr)
    return done.returncode


async def _fill(url: str) -> None:
    database = Database(url)
    await fill(database)
    await database.close()


if __name__ == "__main__":
    sys.exit(main())
