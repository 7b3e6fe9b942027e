"""Delivers what the workers wrote, in order within a conversation, and decides once what a failure means."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog
from opentelemetry.trace import SpanKind
from sqlalchemy import exists, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.base import Channel
from bot.conversation import pacing, receipts
from bot.conversation.bell import Bell
from bot.conversation.figures import Figures
from bot.conversation.letters import TAKEN, Letter, Letters
from bot.conversation.models import Handoff, OutboxMessage
from bot.conversation.pacing import Rate
from bot.db import Database, now
from bot.messages import Consequence, SendError
from bot.vault import Vault

log = structlog.get_logger("farol.sender")

_IDLE = 1.0
_GRACE = 5.0
_WIDTH = 8
"""Messages of a channel on their way at once; with more of them a crash leaves more of them uncertain."""
_SEND_LIMIT = TAKEN.total_seconds() - 10
"""Seconds a channel has for one message; what is on its way then is uncertain."""
_LOOK_LATER = timedelta(seconds=10)
"""Until a provider's log is asked about an uncertain message: it may be a little behind."""
_CROWD = 10.0
"""Seconds within which two people refused for being too fast mean that the whole channel is."""


class Sender:
    """Sends queued messages through their channels. `written` is rung when there may be new ones.

    Every channel has a lane of its own, so that one that hangs holds up nobody else's messages.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        channels: dict[str, Channel],
        written: Bell,
        rates: dict[str, Rate] | None = None,
        figures: Figures | None = None,
    ) -> None:
        self._database = database
        self._channels = channels
        self._written = written
        self._figures = figures or Figures()
        self._rates = rates or {}
        self.letters = Letters(database, vault, {name: c.traits for name, c in channels.items()}, self._rates)
        self._lanes: list[asyncio.Task] = []
        self._flying: set[asyncio.Task] = set()
        self._refused: dict[str, tuple[str, float]] = {}
        self._stopping = False

    async def start(self) -> None:
        """Begin to send."""
        await pacing.prepare(self._database, {name: self.letters.rate(name) for name in self._channels})
        self._lanes = [asyncio.create_task(self._lane(name), name=f"sender-{name}") for name in self._channels]

    async def stop(self) -> None:
        """Take nothing more, finish what is on its way for at most five seconds, then leave the rest uncertain."""
        self._stopping = True
        self._written.hear()
        tasks = [*self._lanes, *self._flying]
        if tasks:
            await asyncio.wait(tasks, timeout=_GRACE)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def drain(self) -> None:
        """Send everything that is due now, and return; for the command line."""
        await pacing.prepare(self._database, {name: self.letters.rate(name) for name in self._channels})
        busy = True
        while busy:
            busy = False
            for name in self._channels:
                letters, _ = await self.letters.take(name, _WIDTH)
                busy = busy or bool(letters)
                await asyncio.gather(*(self._deliver(letter) for letter in letters))

    async def _lane(self, channel: str) -> None:
        news = self._written.own_event()
        mine: set[asyncio.Task] = set()

        def landed(task: asyncio.Task) -> None:
            mine.discard(task)
            self._flying.discard(task)
            # The next message of the same person may go now.
            news.set()

        while not self._stopping:
            news.clear()
            wait = _IDLE
            try:
                if room := _WIDTH - len(mine):
                    letters, again_at = await self.letters.take(channel, room)
                    for letter in letters:
                        task = asyncio.create_task(self._deliver(letter))
                        mine.add(task)
                        self._flying.add(task)
                        task.add_done_callback(landed)
                    if again_at is not None:
                        wait = min(_IDLE, max((again_at - now()).total_seconds(), 0.005))
            except Exception as error:
                log.error("lane stumbled", channel=channel, error=type(error).__name__, exc_info=True)
            try:
                await asyncio.wait_for(news.wait(), wait)
            except TimeoutError:
                pass

    async def _deliver(self, letter: Letter) -> None:
        row = letter.row
        if not letter.window_open:
            await self._outside(letter)
            return
        failure: SendError | None = None
        try:
            span = self._figures.span("send", SpanKind.CLIENT, channel=row.channel, request=row.cause)
            async with asyncio.timeout(_SEND_LIMIT):
                with span:
                    provider_id = await self._channels[row.channel].send(letter.address, letter.message)
        except SendError as error:
            failure = error
        except TimeoutError:
            failure = SendError("took too long", Consequence.RETRY, code="timeout", uncertain=True)
        except Exception as error:
            log.error("channel broke", channel=row.channel, error=type(error).__name__, exc_info=True)
            failure = SendError(type(error).__name__, Consequence.GIVE_UP, code="internal")
        if failure is not None:
            await self._keep_trying(lambda session: self._failed(session, letter, failure))
            return
        self._figures.sent(row.channel, row.created_at)
        await self._keep_trying(lambda session: self._sent(session, letter, provider_id))

    async def _keep_trying(self, write: Callable) -> None:
        """Write what became of a message; a database that is away for a moment must not make it uncertain."""
        while True:
            try:
                async with self._database.begin() as session:
                    await write(session)
                return
            except (SQLAlchemyError, OSError) as error:
                log.error("outcome not written, trying again", error=type(error).__name__)
                await asyncio.sleep(_IDLE)

    async def _sent(self, session: AsyncSession, letter: Letter, provider_id: str) -> None:
        await session.execute(
            update(OutboxMessage)
            # 'uncertain': this took so long that it was given up already; now it is known.
            .where(OutboxMessage.id == letter.row.id, OutboxMessage.status.in_(("sending", "uncertain")))
            .values(status="sent", provider_id=provider_id, taken_until=None)
        )

    async def _failed(self, session: AsyncSession, letter: Letter, error: SendError) -> None:
        row = letter.row
        retry = row.attempts < receipts.attempts_allowed(error.consequence)
        self._figures.failed(row.channel, error.code, error.consequence.value)
        log.warning(
            "send failed",
            channel=row.channel,
            code=error.code,
            consequence=error.consequence.value,
            retry=retry,
            request=row.cause,
        )
        values: dict = {"taken_until": None, "error_code": error.code}
        if error.uncertain and hasattr(self._channels[row.channel], "find_sent"):
            # There is a log to look in before anything is said twice (bot.conversation.enquiry).
            values |= {"status": "uncertain", "next_at": now() + _LOOK_LATER, "taken_until": row.taken_until}
        elif error.uncertain and not retry:
            values["status"] = "uncertain"
        elif retry:
            delay = receipts.pause(row.attempts)
            if error.retry_after is not None:
                delay = timedelta(seconds=error.retry_after)
                await self._slow_down(session, letter, error.retry_after)
            values |= {"status": "queued", "next_at": now() + delay}
        elif error.consequence is Consequence.OUTSIDE_WINDOW:
            values |= {"status": "queued", "next_at": now(), "error_code": receipts.OUTSIDE_WINDOW}
        else:
            values["status"] = "failed"
        await session.execute(update(OutboxMessage).where(OutboxMessage.id == row.id).values(**values))
        if error.consequence is Consequence.STOP_WRITING:
            await receipts.stop_writing(session, row.conversation_id)

    async def _slow_down(self, session: AsyncSession, letter: Letter, seconds: float) -> None:
        """A provider says for how long, and not whether it means one chat or all: two chats in a row mean all."""
        channel, moment = letter.row.channel, asyncio.get_running_loop().time()
        who, when = self._refused.get(channel, ("", 0.0))
        self._refused[channel] = (letter.recipient_id, moment)
        await pacing.pause_person(session, letter.recipient_id, seconds)
        if who and who != letter.recipient_id and moment - when < _CROWD:
            log.warning("channel pauses", channel=channel, seconds=seconds)
            await pacing.pause_channel(session, channel, seconds)

    async def _outside(self, letter: Letter) -> None:
        """Only a template may be sent now: one that asks the person to write, once; then all that waits follows."""
        row = letter.row
        async with self._database.begin(read_only=True) as session:
            held = (OutboxMessage.conversation_id == row.conversation_id, OutboxMessage.status == "held")
            invited = await session.scalar(select(exists().where(*held)))
        values = {"status": "held", "error_code": None} if invited else await self._invite(letter)

        async def write(session: AsyncSession) -> None:
            changed = update(OutboxMessage).where(OutboxMessage.id == row.id).values(taken_until=None, **values)
            await session.execute(changed)
            if values["status"] == "failed":
                reason, language = "outside_window", letter.language
                session.add(Handoff(conversation_id=row.conversation_id, reason=reason, language=language))

        await self._keep_trying(write)

    async def _invite(self, letter: Letter) -> dict:
        row = letter.row
        invite = getattr(self._channels[row.channel], "invite", None)
        try:
            if invite is not None and await invite(letter.address, letter.language):
                return {"status": "held", "error_code": None}
            log.warning("outside the window, and no template", channel=row.channel, language=letter.language)
        except SendError as error:
            log.warning("template not sent", channel=row.channel, code=error.code)
            # Unlike an answer, an invitation that may have gone out is not looked for: it is better not repeated.
            if error.uncertain:
                return {"status": "held", "error_code": error.code}
            if row.attempts < receipts.attempts_allowed(error.consequence):
                again = {"status": "queued", "next_at": now() + receipts.pause(row.attempts)}
                return {**again, "error_code": receipts.OUTSIDE_WINDOW}
        return {"status": "failed", "error_code": receipts.OUTSIDE_WINDOW}
