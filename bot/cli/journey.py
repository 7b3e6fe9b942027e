"""One conversation with the real assistant and no network: accept, answer, send, one message at a time."""

from __future__ import annotations

import secrets
import tempfile
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot import migrations
from bot.app import Core, core
from bot.cli.local import TRAITS, LocalChannel
from bot.cli.prepare import prepare
from bot.conversation.answering import Answer
from bot.db import Database, new_id
from bot.messages import Inbound, Location, Outbound
from bot.settings import Settings


@dataclass(frozen=True)
class Turn:
    """What one message led to."""

    text: str
    language: str
    intent: str | None
    confidence: float | None
    decision: str | None
    replies: list[Outbound]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "replies": [asdict(reply) for reply in self.replies]}


class Journey:
    """A fresh person on one channel, over a database of their own that is gone afterwards."""

    def __init__(self, running: Core, channel: LocalChannel, answers: list[Answer]) -> None:
        self._core = running
        self._channel = channel
        self._answers = answers
        self._address = new_id()
        self._number = 0

    async def say(self, text: str, *, payload: str | None = None, location: Location | None = None) -> Turn:
        """Send one message through the whole journey and wait for all of its replies."""
        self._number += 1
        provider_id = f"{self._address}-{self._number}"
        name = self._channel.traits.name
        await self._core.inbox.accept(Inbound(name, provider_id, self._address, text, payload, location))
        await self._core.workers.drain()
        await self._core.sender.drain()
        answer = self._answers[-1]
        parse = answer.parse or {}
        intent = parse.get("intent") or {}
        return Turn(
            text=text,
            language=answer.language,
            intent=answer.crisis or intent.get("name"),
            confidence=1.0 if answer.crisis else intent.get("confidence"),
            decision="crisis" if answer.crisis else parse.get("decision"),
            replies=self._channel.received(self._address),
        )


@asynccontextmanager
async def journey(
    settings: Settings, channel: str, language: str | None = None, country: str | None = None
) -> AsyncIterator[Journey]:
    """A journey shaped for `channel`. `language` and `country` are chosen first, by the buttons that choose them."""
    directory = Database(settings.database)
    try:
        await prepare(directory, settings)
    finally:
        await directory.close()
    with tempfile.TemporaryDirectory(prefix="farol-") as folder:
        key = SecretStr(b64encode(secrets.token_bytes(32)).decode())
        settings = settings.model_copy(update={"master_key": key})
        people = Database(f"sqlite+aiosqlite:///{Path(folder) / 'people.db'}")
        await migrations.upgrade(people)
        local, answers = LocalChannel(TRAITS[channel]), []
        try:
            async with core(
                settings, lambda *_: {channel: local}, people=people, observe=answers.append, background=False
            ) as running:
                person = Journey(running, local, answers)
                for payload in (language and f"lang:{language}", country and f"country:{country}"):
                    if payload:
                        await person.say("", payload=payload)
                yield person
        finally:
            await people.close()
