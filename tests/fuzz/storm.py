"""A storm of bad requests over real HTTP against a running `farol serve`, and what it did to it.

    .venv/bin/python -m tests.fuzz.storm --requests 1000000 --seed 7

starts an assistant with a database of its own in a temporary folder; Twilio and Telegram are emulators on loopback, the
engine answers from a list. Most requests come from nobody: no valid signature, secret or session. They must write
nothing. The rest carry a valid one and hostile words. Ends with 1 when something was not as it must be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp
from yarl import URL

from benchmarks.memory import resident_mb
from tests.emulators.telegram_api import TelegramApi
from tests.emulators.twilio_api import TwilioApi
from tests.fuzz.mischief import Keys, Shot, shots

ROOT = Path(__file__).resolve().parents[2]
PUBLIC, SECRET = "https://farol.test", "storm-secret"
NOBODY = 0.85
"""The share of requests by nobody."""
WARM = 0.02
"""The share after which memory is first looked at: by then caches and connections are there."""
FAULT = re.compile(rb"Traceback|(request|journey|message|patience|retention) failed", re.IGNORECASE)


@dataclass
class Report:
    """What happened. `statuses`: answers by status; 0 stands for a connection that was closed without one."""

    requests: int
    seed: int
    statuses: dict[int, int] = field(default_factory=dict)
    server_errors: list[str] = field(default_factory=list)
    put_off: int = 0
    """503 with Retry-After: the message could not be stored in time, and the provider brings it again. Not a fault, but
    a sign of how busy the machine is."""
    written_by_nobody: dict[str, int] = field(default_factory=dict)
    faults_logged: list[str] = field(default_factory=list)
    crashed: bool = False
    memory_mb: tuple[float, float] = (0.0, 0.0)
    """After the warm-up and at the end."""
    seconds: float = 0.0

    def bad(self) -> list[str]:
        """What must not have happened; growth is judged in the long form only, where it is more than noise."""
        said = [f"5xx: {one}" for one in self.server_errors[:20]]
        said += [f"rows written by nobody in {table}: {count}" for table, count in self.written_by_nobody.items()]
        said += [f"logged: {line}" for line in self.faults_logged[:20]]
        if self.crashed:
            said.append("the assistant is gone")
        if self.requests >= 500_000 and self.memory_mb[1] - self.memory_mb[0] > 50:
            said.append(f"memory grew from {self.memory_mb[0]} to {self.memory_mb[1]} MB")
        return said


@dataclass
class Target:
    """A running assistant: where it listens, where its rows are, what it logs."""

    address: str
    database: Path
    process: asyncio.subprocess.Process
    faults: list[str]
    keys: Keys

    def rows(self) -> dict[str, int]:
        """How many rows each table has that a message or a sign-in could have written."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            kept = [name for name in names if not name.startswith(("sqlite_", "hsds", "gazetteer", "place", "town"))]
            return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in kept}
        finally:
            connection.close()


@asynccontextmanager
async def target(folder: Path) -> AsyncIterator[Target]:
    """Start everything and wait until it answers; RuntimeError with the end of its log when it does not."""
    async with TwilioApi() as twilio, TelegramApi() as telegram:
        engine = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.fake_engine", "--port", str(port := _free_port()),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await engine.stdout.readline()
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ} | {
            "FAROL_DATA_DIR": str(folder), "FAROL_PUBLIC_URL": PUBLIC, "FAROL_DIRECTORY_API": "true",
            "FAROL_ENGINE_URL": f"http://127.0.0.1:{port}", "TWILIO_API_URL": twilio.url, "TWILIO_SMS_RATE": "1000",
            "TWILIO_ACCOUNT_SID": twilio.account_sid, "TWILIO_AUTH_TOKEN": twilio.auth_token,
            "TWILIO_SMS_FROM": "+14155550100", "TWILIO_WHATSAPP_FROM": "+14155550199",
            "TELEGRAM_BOT_TOKEN": telegram.token, "TELEGRAM_API_URL": telegram.url, "TELEGRAM_WEBHOOK_SECRET": SECRET,
        }  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "serve", "--port", str(own := _free_port()), cwd=ROOT, env=environment,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, limit=2**24,
        )  # fmt: skip
        lines, faults = [], []
        reading = asyncio.create_task(_listen(process, lines, faults))
        address = f"http://127.0.0.1:{own}"
        try:
            cookie = await _session(address, process, lines)
            faults.clear()  # a start in the middle of which somebody asks is no fault
            keys = Keys(PUBLIC, address, twilio.auth_token, SECRET, cookie)
            yield Target(address, folder / "farol.db", process, faults, keys)
        finally:
            for one in (process, engine):
                if one.returncode is None:
                    one.terminate()
                await one.wait()
            await asyncio.gather(reading, return_exceptions=True)


async def storm(requests: int, seed: int, *, width: int = 32, progress=lambda done, report: None) -> Report:
    """Send them all; `progress` is told now and then."""
    report, begun, counted = Report(requests, seed), time.monotonic(), Counter()
    with tempfile.TemporaryDirectory(prefix="farol-storm-") as folder:
        async with target(Path(folder)) as farol:
            by_nobody = int(requests * NOBODY)
            bounds = [
                (int(by_nobody * WARM), False),
                (by_nobody - int(by_nobody * WARM), False),
                (requests - by_nobody, True),
            ]
            before, at_first, done = farol.rows(), 0.0, 0
            for part, (count, somebody) in enumerate(bounds):
                salvo = shots(seed + part, count, farol.keys, somebody=somebody)
                async for shot, status, put_off in _fire(farol, salvo, 8 if somebody else width):
                    counted[status] += 1
                    done += 1
                    report.put_off += put_off
                    if status >= 500 and not put_off:
                        report.server_errors.append(f"{status} {shot.method} {shot.path[:80]}")
                    if done % 1000 == 0:
                        progress(done, report)
                if part == 0:
                    at_first = resident_mb(farol.process.pid)
                if part == 1:
                    after = farol.rows()
                    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
                    report.written_by_nobody = grown
            report.memory_mb = (at_first, resident_mb(farol.process.pid))
            report.crashed = not await _lives(farol.address)
            report.faults_logged = list(farol.faults)
    report.statuses, report.seconds = dict(sorted(counted.items())), round(time.monotonic() - begun, 1)
    return report


async def _fire(farol: Target, salvo: Iterable[Shot], width: int) -> AsyncIterator[tuple[Shot, int, bool]]:
    """Send shots over `width` connections; yields each with its status and whether it was put off."""
    shots_left, answers = iter(salvo), asyncio.Queue(maxsize=width * 4)

    async def gun(http: aiohttp.ClientSession) -> None:
        for shot in shots_left:
            if shot.raw is None:
                await answers.put((shot, *await _ask(http, farol.address, shot)))
            else:
                await answers.put((shot, await _raw(farol.address, shot.raw), False))

    connector = aiohttp.TCPConnector(limit=width)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:
        guns = [asyncio.create_task(gun(http)) for _ in range(width)]
        over = asyncio.gather(*guns)
        try:
            while not (over.done() and answers.empty()):
                getting = asyncio.create_task(answers.get())
                await asyncio.wait({getting, over}, return_when=asyncio.FIRST_COMPLETED)
                if getting.done():
                    yield getting.result()
                else:
                    getting.cancel()
                    if over.exception():
                        raise over.exception()
                    while not answers.empty():
                        yield answers.get_nowait()
        finally:
            over.cancel()
            await asyncio.gather(over, return_exceptions=True)


async def _ask(http: aiohttp.ClientSession, address: str, shot: Shot) -> tuple[int, bool]:
    url = URL(address + shot.path, encoded=True)
    headers = [(name, value) for name, value in shot.headers if value]
    try:
        async with http.request(
            shot.method, url, headers=headers, data=shot.body or None, allow_redirects=False
        ) as answer:
            if answer.content_type != "text/event-stream":
                await answer.read()
            put_off = answer.status == 503 and shot.somebody and "Retry-After" in answer.headers
            return answer.status, put_off
    except (aiohttp.ClientError, ConnectionError, ValueError):
        # Closed in the middle of a body that is too large, or a header that even our own client will not send.
        return 0, False


async def _raw(address: str, sent: bytes) -> int:
    url = URL(address)
    try:
        reader, writer = await asyncio.open_connection(url.host, url.port)
    except OSError:
        return 0
    try:
        writer.write(sent)
        if writer.can_write_eof():
            writer.write_eof()
        async with asyncio.timeout(15):
            said = await reader.readline()
        found = re.match(rb"HTTP/1\.\d (\d{3})", said)
        return int(found[1]) if found else 0
    except (OSError, TimeoutError, ValueError):
        return 0
    finally:
        writer.close()


async def _session(address: str, process: asyncio.subprocess.Process, lines: list[bytes]) -> str:
    async with aiohttp.ClientSession() as http, asyncio.timeout(240):
        while True:
            if process.returncode is not None:
                raise RuntimeError("the assistant did not start:\n" + b"".join(lines[-20:]).decode("utf-8", "replace"))
            try:
                async with http.get(f"{address}/chat/words") as words:
                    return words.cookies["farol_chat"].value
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)


async def _lives(address: str) -> bool:
    try:
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{address}/health", timeout=aiohttp.ClientTimeout(10)) as said,
        ):
            return said.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _listen(process: asyncio.subprocess.Process, lines: list[bytes], faults: list[str]) -> None:
    """Keep the end of the log, and what in it tells of a fault; all of it goes to the file FAROL_STORM_LOG, when set."""
    whole = open(os.environ.get("FAROL_STORM_LOG", os.devnull), "wb")
    async for line in process.stderr:
        whole.write(line)
        lines[:] = [*lines[-50:], line]
        if FAULT.search(line) and len(faults) < 1000:
            faults.append(line.decode("utf-8", "replace").strip()[:300])


def _free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--requests", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--json", type=Path, help="write the figures here")
    chosen = options.parse_args()
    begun = time.monotonic()

    def progress(done: int, report: Report) -> None:
        if done % 10_000 == 0:
            pace = done / (time.monotonic() - begun)
            errors = len(report.server_errors)
            print(f"{done:>9,} of {chosen.requests:,}, {pace:.0f}/s, {errors} 5xx", file=sys.stderr, flush=True)

    report = asyncio.run(storm(chosen.requests, chosen.seed, progress=progress))
    figures = asdict(report) | {"server_errors": len(report.server_errors), "faults_logged": len(report.faults_logged)}
    print(json.dumps(figures, indent=1))
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    for what in report.bad():
        print(f"NOT AS IT MUST BE: {what}", file=sys.stderr)
    return 1 if report.bad() else 0


if __name__ == "__main__":
    sys.exit(main())
