"""Open-loop load: really signed Twilio webhooks and Telegram updates at a given rate, whatever the answer takes.

Figures are of the whole way over real HTTP: webhook in, inbox, engine (the fake one: what is measured is everything
else), outbox, provider. Messages are sent when they are due and not when the one before was answered; one that is late
because the generator itself was late counts as late.

    python -m benchmarks.load --rates 5 20 50 --seconds 60
    python -m benchmarks.load --rates 5 --seconds 5 --database sqlite         # a look
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import aiohttp

from benchmarks.storm import Storm, Weather
from tests.emulators.telegram_api import message
from tests.emulators.twilio_api import sms
from tools.postgres import postgres

OUT = Path(__file__).parent / "load.json"
_PATIENCE = 120.0
"""Seconds after the last message until what is not answered counts as not answered."""


class Load:
    """One rate on one running assistant. Every message is from somebody new: nobody waits for their own earlier one."""

    def __init__(self, storm: Storm, first: int) -> None:
        self._storm = storm
        self._first = first
        self._asked: dict[str, float] = {}
        self._answered: dict[str, float] = {}
        self._acknowledged: list[float] = []
        self._refused = 0

    async def run(self, rate: float, seconds: float) -> dict:
        """Latencies in seconds: acknowledgement of a webhook, and from a message to the provider having its answer."""
        watch = asyncio.create_task(self._watch())
        begun = time.perf_counter()
        tasks = []
        for number in range(int(rate * seconds)):
            due = begun + number / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(self._send(self._first + number, due)))
        await asyncio.gather(*tasks)
        offered = time.perf_counter() - begun
        try:
            async with asyncio.timeout(_PATIENCE):
                while len(self._answered) < len(self._asked):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass
        watch.cancel()
        taken = (max(self._answered.values()) - begun) if self._answered else offered
        waits = sorted(self._answered[who] - self._asked[who] for who in self._answered)
        return {
            "rate": rate,
            "messages": len(tasks),
            "refused": self._refused,
            "unanswered": len(self._asked) - len(self._answered),
            "answered_per_second": round(len(self._answered) / taken, 1),
            **_quantiles("acknowledged", sorted(self._acknowledged)),
            **_quantiles("answered", waits),
            "memory_mb": _memory(self._storm.assistant.pid),
        }

    async def _send(self, number: int, due: float) -> None:
        who = f"+1{number:010}"
        self._asked[who] = due
        if number % 2:
            await self._storm.telegram.push(message(number, f"m{number}", language="en"))
            return
        form = sms(who, f"m{number}", sid="SM" + secrets.token_hex(16))
        try:
            status = await self._storm.twilio.post(f"{self._storm.address}/webhooks/twilio", form)
        except aiohttp.ClientError:
            status = 0
        if status != 204:
            self._refused += 1
            del self._asked[who]
            return
        self._acknowledged.append(time.perf_counter() - due)

    async def _watch(self) -> None:
        """Note when each answer reaches its provider; looks a hundred times a second, which is the error of a figure."""
        seen_sms = len(self._storm.twilio.sent)
        seen_chats = len(self._storm.telegram.ledger)
        while True:
            moment = time.perf_counter()
            for sent in self._storm.twilio.sent[seen_sms:]:
                seen_sms += 1
                self._note(sent["To"], sent["Body"], moment)
            for method, call in self._storm.telegram.ledger[seen_chats:]:
                seen_chats += 1
                if method == "sendMessage":
                    self._note(f"+1{call['chat_id']:010}", call["text"], moment)
            await asyncio.sleep(0.01)

    def _note(self, who: str, text: str, moment: float) -> None:
        if "answer to" in text and who in self._asked:
            self._answered.setdefault(who, moment)


def _quantiles(name: str, values: list[float]) -> dict[str, float | None]:
    if len(values) < 2:
        return {f"{name}_p50_s": None, f"{name}_p95_s": None, f"{name}_p99_s": None}
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {f"{name}_p{q}_s": round(cuts[q - 1], 3) for q in (50, 95, 99)}


def _memory(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024**2


async def measure(rates: list[float], seconds: float, url: str | None) -> list[dict]:
    """Every rate in turn on one assistant that keeps running."""
    found = []
    async with Storm(Weather(kills=0), url) as storm:
        first = 2_000_000_000
        for rate in rates:
            result = await Load(storm, first).run(rate, seconds)
            first += 1_000_000
            found.append({"database": "PostgreSQL" if url else "SQLite", **result})
            print(json.dumps(found[-1]), flush=True)
    return found


def main() -> int:
    """Measure, print and write."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--rates", type=float, nargs="+", default=[5, 20, 50])
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    options.add_argument("--out", type=Path, default=OUT)
    chosen = options.parse_args()
    results = []
    if chosen.database != "postgresql":
        results += asyncio.run(measure(chosen.rates, chosen.seconds, None))
    if chosen.database != "sqlite":
        with ExitStack() as stack:
            # Durable commits, as in real use: that is what an acknowledgement promises.
            server = stack.enter_context(postgres())
            results += asyncio.run(measure(chosen.rates, chosen.seconds, server.create("load")))
    chosen.out.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
