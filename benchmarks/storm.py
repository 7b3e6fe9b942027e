"""Real processes in bad weather: assistant and engine are killed at random moments, providers fail, webhooks repeat.

The providers are the strict emulators of tests/emulators, here in this process, which is never killed; what they saw is
what the ledger judges by.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import socket
import sys
import tempfile
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.ledger import Ledger, Verdict
from bot import migrations
from bot.db import Database, now
from bot.directory.gazetteer import edition_of
from bot.directory.models import Gazetteer
from tests.emulators.telegram_api import Fault as TelegramFault
from tests.emulators.telegram_api import TelegramApi, message
from tests.emulators.twilio_api import Fault as TwilioFault
from tests.emulators.twilio_api import TwilioApi, sms

ROOT = Path(__file__).resolve().parent.parent
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
_READY = 120.0
_SETTLE = 300.0
"""Seconds until everything must be answered after the storm."""


@dataclass(frozen=True)
class Weather:
    """kills: of the assistant. engine_kills: of the (fake) engine. faults: share of provider calls that fail."""

    messages: int = 60
    people: int = 12
    kills: int = 3
    engine_kills: int = 0
    faults: float = 0.0
    duplicates: int = 2
    seconds_between: tuple[float, float] = (1.0, 3.0)


class Process:
    """A child that is started, killed without warning, and started again."""

    def __init__(self, command: list[str], environment: dict[str, str], sign: bytes, log: Path) -> None:
        self._command, self._environment, self._sign, self._log = command, environment, sign, log
        self._child: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task | None = None

    @property
    def pid(self) -> int:
        return self._child.pid

    async def start(self) -> None:
        """Start it and wait for its sign of life. Raises RuntimeError with the end of its log."""
        with self._log.open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                *self._command, cwd=ROOT, env=self._environment, stdout=asyncio.subprocess.PIPE, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        try:
            async with asyncio.timeout(_READY):
                async for line in self._child.stdout:
                    if self._sign in line:
                        break
                else:
                    raise RuntimeError(f"it ended while starting:\n{self._log.read_text()[-2000:]}")
        except TimeoutError:
            raise RuntimeError(f"no sign of life in {_READY:.0f} s:\n{self._log.read_text()[-2000:]}") from None
        # Read on, or a full pipe would stop it.
        self._reader = asyncio.create_task(self._child.stdout.read())

    async def end(self, number: int = signal.SIGKILL) -> int:
        """End it and everything it started; returns its exit code."""
        if self._child is None or self._child.returncode is not None:
            return 0
        if number == signal.SIGKILL:
            os.killpg(self._child.pid, number)
        else:
            self._child.send_signal(number)
        code = await self._child.wait()
        await asyncio.gather(self._reader, return_exceptions=True)
        return code


class Storm:
    """One run. `database_url` None: SQLite. `events` are further mishaps (name -> what to do), one after the other."""

    def __init__(self, weather: Weather, database_url: str | None = None, seed: int | None = None) -> None:
        self.weather = weather
        self._database_url = database_url
        self._random = random.Random(seed)
        self._stack = AsyncExitStack()
        self.ledger = Ledger()
        self.accepted_faults = 0
        self.done = 0

    async def __aenter__(self) -> Storm:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="farol-storm-")))
        self.twilio = await self._stack.enter_async_context(TwilioApi(redaction=False))
        self.telegram = await self._stack.enter_async_context(TelegramApi())
        self.session = await self._stack.enter_async_context(aiohttp.ClientSession())
        self.twilio.tells_status = True
        engine_port, self.port = _free_port(), _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self.engine = Process(
            [sys.executable, "-m", "benchmarks.fake_engine", "--port", str(engine_port)],
            {**kept, "PYTHONPATH": str(ROOT)}, b'{"ready"', self.folder / "engine.log",
        )  # fmt: skip
        settings = {
            "FAROL_DATA_DIR": str(self.folder / "var"),
            "FAROL_MASTER_KEY": b64encode(secrets.token_bytes(32)).decode(),
            "FAROL_ENGINE_URL": f"http://127.0.0.1:{engine_port}",
            "FAROL_PORT": str(self.port),
            "FAROL_PUBLIC_URL": self.address,
            # A storm is a flood from a few senders: what is tried here is what happens behind that door.
            "FAROL_FLOOD_LIMITS": "false",
            "TWILIO_ACCOUNT_SID": self.twilio.account_sid,
            "TWILIO_AUTH_TOKEN": self.twilio.auth_token,
            "TWILIO_SMS_FROM": "+14155550100",
            "TWILIO_SMS_RATE": "500",
            "TWILIO_API_URL": self.twilio.url,
            "TELEGRAM_BOT_TOKEN": self.telegram.token,
            "TELEGRAM_API_URL": self.telegram.url,
        }
        if self._database_url:
            settings["FAROL_DATABASE_URL"] = self._database_url
        self.environment = {**kept, **settings, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "bot", "serve"]
        self.assistant = Process(command, self.environment, b"Farol is at", self.folder / "assistant.log")
        for process in (self.engine, self.assistant):
            self._stack.push_async_callback(process.end)
        await self._prepare()
        await self.engine.start()
        await self.assistant.start()
        if self.weather.faults:
            self.twilio.weather, self.telegram.weather = self._twilio_weather, self._telegram_weather
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def _prepare(self) -> None:
        """Tables, and the mark that the towns of the world are loaded: nobody searches for a town here, and loading
        them takes longer than the storm."""
        database = Database(self._database_url or f"sqlite+aiosqlite:///{self.folder / 'var' / 'farol.db'}")
        try:
            await migrations.upgrade(database)
            async with database.begin() as session:
                session.add(Gazetteer(edition=edition_of(), built_at=now(), places=0, names=0))
        finally:
            await database.close()

    async def run(self, *mishaps: Callable[[Storm], Awaitable[None]]) -> Verdict:
        """Everybody writes while everything breaks; then it clears up, and the ledger judges."""
        breaking = asyncio.create_task(self._break(mishaps))
        people = [f"+1500555{number:04}" for number in range(self.weather.people)]
        each = self.weather.messages // self.weather.people
        await asyncio.gather(*(self._write(person, each) for person in people))
        await breaking
        self.twilio.weather, self.telegram.weather = TwilioFault, lambda method: TelegramFault()
        try:
            async with asyncio.timeout(_SETTLE):
                while not self._read().complete():
                    await asyncio.sleep(0.2)
        except TimeoutError:
            pass  # the verdict says what is missing
        # What was said twice may come a little later than what was said once.
        await asyncio.sleep(3)
        return self._read().verdict()

    async def kill_assistant(self) -> None:
        """SIGKILL, wherever it is, and start it again."""
        await self.assistant.end()
        await self.assistant.start()

    async def kill_engine(self) -> None:
        """The same with the engine, which is away for a moment."""
        await self.engine.end()
        await asyncio.sleep(self._random.uniform(0.1, 1))
        await self.engine.start()

    async def _break(self, mishaps: tuple[Callable[[Storm], Awaitable[None]], ...]) -> None:
        plan = [self.kill_assistant] * self.weather.kills + [self.kill_engine] * self.weather.engine_kills
        plan += [lambda one=one: one(self) for one in mishaps]
        self._random.shuffle(plan)
        for number, mishap in enumerate(plan, start=1):
            await asyncio.sleep(self._random.uniform(*self.weather.seconds_between))
            await mishap()
            self.done = number

    async def _write(self, person: str, count: int) -> None:
        """One person's messages, each after the one before was acknowledged; odd people are on Telegram."""
        on_telegram = int(person[-1]) % 2 == 1
        for number in range(count):
            if on_telegram:
                await self.telegram.push(message(int(person[1:]), f"m{number}", language="en"))
                self.ledger.acknowledged[person].append(number)
            else:
                form = sms(person, f"m{number}", sid="SM" + secrets.token_hex(16))
                await self._deliver(form)
                self.ledger.acknowledged[person].append(number)
                for _ in range(self._random.randint(0, self.weather.duplicates)):
                    await self._post(form)
            await asyncio.sleep(self._random.uniform(0, 0.3))

    async def _deliver(self, form: list[tuple[str, str]]) -> None:
        while not await self._post(form):
            await asyncio.sleep(0.2)

    async def _post(self, form: list[tuple[str, str]]) -> bool:
        try:
            async with asyncio.timeout(15):
                return 200 <= await self.twilio.post(f"{self.address}/webhooks/twilio", form) < 300
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _read(self) -> Ledger:
        self.ledger.said.clear()
        for sent in self.twilio.sent:
            self.ledger.said[sent["To"]].append(sent["Body"])
        for call in self.telegram.calls("sendMessage"):
            self.ledger.said[f"+{call['chat_id']}"].append(call["text"])
        return self.ledger

    def _twilio_weather(self) -> TwilioFault:
        kind = self._random.choice(("429", "503", "reset", "answer lost")) if self._strikes() else "fair"
        return {
            "429": TwilioFault(429, 20429),
            "503": TwilioFault(503),
            "reset": TwilioFault(dropped=True),
            "answer lost": TwilioFault(dropped=True, accepted=True),
        }.get(kind, TwilioFault())

    def _telegram_weather(self, method: str) -> TelegramFault:
        if method != "sendMessage" or not self._strikes():
            return TelegramFault()
        kind = self._random.choice(("429", "503", "reset", "answer lost"))
        if kind == "answer lost":
            # Telegram has no log to look in: each of these may be said twice, and no more than these.
            self.accepted_faults += 1
        return {
            "429": TelegramFault(429, retry_after=1),
            "503": TelegramFault(503),
            "reset": TelegramFault(dropped=True),
            "answer lost": TelegramFault(dropped=True, accepted=True),
        }[kind]

    def _strikes(self) -> bool:
        return self._random.random() < self.weather.faults


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
