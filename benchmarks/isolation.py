"""What others feel while somebody misbehaves: their p99 alone and beside each kind of trouble (promise 10: at most doubled).

    .venv/bin/python -m benchmarks.isolation                      # two minutes a kind
    .venv/bin/python -m benchmarks.isolation --seconds 5 --slow 50  # to see that it works

A whole `farol serve` with a database of its own (tests/fuzz/storm.py starts it); the engine answers from a list. Others
are people who send signed SMS at a steady pace, whatever is answered; what is measured is how long each webhook waits for
its 204, from the moment it was due.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from benchmarks.machine import describe
from tests.fuzz.mischief import FORM, Keys, signature
from tests.fuzz.storm import Target, target

Trouble = Callable[[Target, argparse.Namespace], Awaitable[None]]


async def quiet(farol: Target, chosen: argparse.Namespace) -> None:
    """Nobody misbehaves."""
    await asyncio.Event().wait()


async def slow_connections(farol: Target, chosen: argparse.Namespace) -> None:
    """Connections that send their head a byte a second, and begin again when they are closed."""
    url = URL(farol.address)

    async def drip() -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection(url.host, url.port)
                for byte in b"POST /webhooks/twilio HTTP/1.1\r\nHost: farol.test\r\nX-Slow: " + b"x" * 100:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(1)
                writer.close()
            except OSError:
                await asyncio.sleep(0.1)

    await asyncio.gather(*(drip() for _ in range(chosen.slow)))


async def flood(farol: Target, chosen: argparse.Namespace) -> None:
    """One sender, signed, at ten times the pace of all others together."""
    await _steadily(farol, chosen.pace * 10, lambda: ("+15005559999", "again and again"), [])


async def huge_messages(farol: Target, chosen: argparse.Namespace) -> None:
    """One sender of messages of 800 KB, signed, one after another over four connections."""
    await _steadily(farol, 8, lambda: ("+15005559998", "canary " * 115_000), [])


TROUBLES: dict[str, Trouble] = {
    "alone": quiet, "slow connections": slow_connections, "a tenfold flood": flood, "800 KB messages": huge_messages,
}  # fmt: skip


async def _steadily(farol: Target, pace: float, message: Callable[[], tuple[str, str]], waits: list[float]) -> None:
    """Send `pace` messages a second until cancelled, late or not; their waits (s) go into `waits`, a failure as infinity."""
    sending: set[asyncio.Task] = set()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200)) as http:
        due = time.monotonic()
        try:
            while True:
                task = asyncio.create_task(_send(http, farol.keys, due, *message(), waits))
                sending.add(task)
                task.add_done_callback(sending.discard)
                due += 1 / pace
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        finally:
            for task in sending:
                task.cancel()
            await asyncio.gather(*sending, return_exceptions=True)


async def _send(
    http: aiohttp.ClientSession, keys: Keys, due: float, sender: str, text: str, waits: list[float]
) -> None:
    form = {
        "MessageSid": "SM" + secrets.token_hex(16),
        "From": sender,
        "To": "+14155550100",
        "Body": text,
        "NumMedia": "0",
    }
    body = urlencode(form).encode()
    headers = {"X-Twilio-Signature": signature(keys, body), "Content-Type": FORM}
    try:
        async with http.post(f"{keys.address}/webhooks/twilio", data=body, headers=headers) as answer:
            waits.append(time.monotonic() - due if answer.status == 204 else float("inf"))
    except aiohttp.ClientError:
        waits.append(float("inf"))


async def measure(chosen: argparse.Namespace) -> dict[str, dict[str, float]]:
    """p50 and p99 (ms) of the others, how many they were and how many failed, for each kind of trouble."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="farol-isolation-") as folder:
        async with target(Path(folder)) as farol:
            for kind, trouble in TROUBLES.items():
                print(f"{kind}...", file=sys.stderr, flush=True)
                waits: list[float] = []
                people = iter(range(10**6))
                troubling = asyncio.create_task(trouble(farol, chosen))
                others = asyncio.create_task(
                    _steadily(farol, chosen.pace, lambda: (f"+1500{next(people) % 10**7:07}", "hello"), waits)
                )
                await asyncio.sleep(chosen.seconds)
                for task in (others, troubling):
                    task.cancel()
                await asyncio.gather(others, troubling, return_exceptions=True)
                waits.sort()
                if not waits:
                    raise RuntimeError(f"{kind}: nobody was answered")
                found[kind] = {
                    "messages": len(waits), "failed": sum(wait == float("inf") for wait in waits),
                    "p50_ms": round(waits[len(waits) // 2] * 1000, 1),
                    "p99_ms": round(waits[min(len(waits) - 1, int(len(waits) * 0.99))] * 1000, 1),
                }  # fmt: skip
    return found


def main() -> int:
    """0 when every p99 is at most twice the one alone; 1 otherwise."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--seconds", type=float, default=120, help="for each kind")
    options.add_argument("--pace", type=float, default=5, help="messages a second, of all others together")
    options.add_argument("--slow", type=int, default=500, help="slow connections")
    options.add_argument("--json", type=Path, help="write the figures here")
    chosen = options.parse_args()
    found = asyncio.run(measure(chosen))
    alone = found["alone"]["p99_ms"]
    for about in found.values():
        about["times_alone"] = round(about["p99_ms"] / alone, 2)
    said = json.dumps({"machine": describe(), "seconds": chosen.seconds, "pace": chosen.pace, "kinds": found}, indent=1)
    print(said)
    if chosen.json:
        chosen.json.write_text(said + "\n", encoding="utf-8")
    return 1 if any(about["times_alone"] > 2 or about["failed"] for about in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
