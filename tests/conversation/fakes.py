"""Stand-ins shipped as code: an engine that answers from a list, a channel that keeps what it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bot.conversation.engine import EngineDown
from bot.messages import ChannelTraits, Outbound, SendError
from nlu.contract import Response, TurnReply, TurnRequest

TRAITS = ChannelTraits("web", 4096, button_limit=24, title_limit=40, can_ask_location=True)


def reply(*keys: str | Response, language: str = "en", **fields: object) -> TurnReply:
    """A reply of the engine with these response keys."""
    said = [key if isinstance(key, Response) else Response(key) for key in keys]
    parse = {"intent": {"name": "greet", "confidence": 0.9}, "decision": "answer"}
    return TurnReply(**{
        "language": language, "language_confidence": 0.9, "detected": language, "parse": parse, "decision": "answer",
        "events": [{"event": "action", "name": "action_listen"}], "responses": said, **fields,
    })  # fmt: skip


class FakeEngine:
    """Answers with `answer(request)`; remembers every request. `down` makes it fail as a dead engine does."""

    def __init__(self, answer: Callable[[TurnRequest], TurnReply] | None = None) -> None:
        self.answer = answer or (lambda request: reply("goodbye"))
        self.requests: list[TurnRequest] = []
        self.down = False

    async def turn(self, request: TurnRequest, request_id: str = "") -> TurnReply:
        self.requests.append(request)
        if self.down:
            raise EngineDown("ConnectionRefusedError")
        return self.answer(request)


class FakeChannel:
    """Keeps (address, message); raises the errors put into `errors`, one a call, None for success."""

    def __init__(self, traits: ChannelTraits = TRAITS) -> None:
        self.traits = traits
        self.sent: list[tuple[str, Outbound]] = []
        self.errors: list[SendError | None] = []
        self._news = asyncio.Condition()

    async def until(self, count: int) -> list[tuple[str, Outbound]]:
        """What was sent, once there is that much; TimeoutError after a minute."""
        async with asyncio.timeout(60), self._news:
            await self._news.wait_for(lambda: len(self.sent) >= count)
        return self.sent

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def send(self, address: str, message: Outbound) -> str:
        error = self.errors.pop(0) if self.errors else None
        if error:
            raise error
        self.sent.append((address, message))
        async with self._news:
            self._news.notify_all()
        return f"id-{len(self.sent)}"
