"""One message's journey, in reading order: lease, open, screen, ask the engine, render, write, release.

Workers share nothing but the database. A conversation is held by one worker at a time through a lease that expires,
so its messages are answered in order, and one whose worker died moves on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Container
from dataclasses import replace
from datetime import timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.content.render import Content, Rendering
from bot.conversation import erasure, feedback, lessons, referring, tallies
from bot.conversation.answering import Answer, Answering
from bot.conversation.bell import Bell
from bot.conversation.card import locked
from bot.conversation.engine import EngineClient
from bot.conversation.figures import Figures
from bot.conversation.leases import LEASE, Held, LeaseLost, Leases
from bot.conversation.lessons import Lessons
from bot.conversation.models import Conversation, Handoff, InboxMessage, OutboxMessage, Recipient
from bot.conversation.outbox import Origin, to_text
from bot.conversation.record import Seen, record
from bot.conversation.referring import Referring
from bot.conversation.state import State
from bot.conversation.understanding import Understanding
from bot.db import Database, new_id, now
from bot.messages import ChannelTraits
from bot.safety.screen import Screen
from bot.vault import Vault
from nlu.contract import Response

log = structlog.get_logger("farol.worker")

_IDLE = 1.0
"""Seconds between looks at the database when nothing was announced: finds what another process stored."""

_GRACE = 8.0
"""Seconds a worker may take to finish when the assistant stops: more than the longest turn."""

_ATTEMPTS = 3
"""How often a message's journey may fail before the person gets the safe answer."""

_PRESSING = {"help", "human", "trouble"}
"""What, besides urgent answers, may name the help lines of the country a number belongs to."""


class Workers:
    """A few workers over one database. `answered` is set whenever messages are ready to be sent."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        screen: Screen,
        engine: EngineClient,
        content: Content,
        traits: dict[str, ChannelTraits],
        arrived: Bell,
        count: int = 4,
        observe: Callable[[Answer], None] = lambda answer: None,
        figures: Figures | None = None,
        told: Container[tuple[str, str]] = (),
        daily_limit: int | None = 100,
        referring: Referring | None = None,
        lessons: Lessons | None = None,
    ) -> None:
        self._lessons = lessons
        self._told = told
        self._database = database
        self._vault = vault
        self._leases = Leases(database, vault)
        self._content = content
        self._traits = traits
        self._reach = {name: one.removes_within for name, one in traits.items() if one.removes_within}
        self._arrived = arrived
        self._count = count
        self._observe = observe
        self._tasks: list[asyncio.Task] = []
        self._figures = figures or Figures()
        referring = referring or Referring(database, vault, content)
        self._answering = Answering(screen, engine, content, referring, self._figures, daily_limit)
        self._stopping = False
        self.answered = Bell()

    async def start(self) -> None:
        """Begin to work."""
        self._tasks = [asyncio.create_task(self._work(), name=f"worker-{i}") for i in range(self._count)]

    async def stop(self) -> None:
        """Finish the message in hand, for at most eight seconds; what was not finished stays due and is done again."""
        self._stopping = True
        self._arrived.hear()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_GRACE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def drain(self) -> None:
        """Answer everything that is due now, and return; for the command line and for tests."""
        while (held := await self._leases.take()) is not None:
            await self._serve(held)

    async def _work(self) -> None:
        while not self._stopping:
            try:
                held = await self._leases.take()
                if held is None:
                    self._arrived.clear()
                    # Something may have arrived between the look and the clear; look once more before sleeping.
                    held = await self._leases.take()
                if held is not None:
                    await self._serve(held)
                    continue
            except LeaseLost:
                log.warning("lease lost")
                continue
            except Exception as error:
                # The journey must go on for everybody else; the message stays due and is tried again.
                log.error("journey failed", error=type(error).__name__, exc_info=True)
                await asyncio.sleep(_IDLE)
                continue
            try:
                await asyncio.wait_for(self._arrived.wait(), _IDLE)
            except TimeoutError:
                pass

    # --- one conversation -----------------------------------------------------------------------------------

    async def _serve(self, held: Held) -> None:
        """Answer the conversation's waiting messages, oldest first, then let it go."""
        try:
            await self._serve_all(held)
        except asyncio.CancelledError:
            # Another assistant, or we after the restart, need not wait for the lease to end.
            await asyncio.shield(self._leases.hand_back(held))
            raise

    async def _serve_all(self, held: Held) -> None:
        while not self._stopping:
            async with self._database.begin(read_only=True) as session:
                message = await session.scalar(
                    select(InboxMessage)
                    .where(InboxMessage.conversation_id == held.conversation_id, InboxMessage.done_at.is_(None))
                    .order_by(InboxMessage.position)
                    .limit(1)
                )
            if message is None:
                if await self._leases.release(held):
                    return
                continue
            journey = self._figures.span("journey", request=message.id, channel=message.channel)
            with structlog.contextvars.bound_contextvars(request=message.id), journey:
                try:
                    after = await self._one(held, message)
                except LeaseLost:
                    raise
                except Exception as error:
                    after = await self._stumbled(held, message, error)
            if after is None:
                return
            held = after
        await self._leases.hand_back(held)

    async def _one(self, held: Held, message: InboxMessage) -> Held | None:
        """Answer one message; None when the conversation is no longer ours (its person was erased)."""
        body = self._open(held, message)
        answer = replace(await self._answering.of(held, body, message.id), calling=body.get("calling"))
        if answer.crisis and (message.channel, message.provider_id) in self._told:
            # The lifeline has said it already; the team must still hear of it, and its numbered choices must count.
            remembered = replace(answer.state, choices=self._render(held, answer).choices)
            said = replace(answer.responses[0], key="nothing", args={})
            answer = replace(answer, responses=[said], state=remembered)
        after = await self._write(held, message, answer)
        self._done(message, answer)
        return after

    def _done(self, message: InboxMessage, answer: Answer) -> None:
        self._figures.answered(message.channel, message.received_at)
        self._observe(answer)
        self.answered.set()

    def _open(self, held: Held, message: InboxMessage) -> dict:
        name = f"{held.person_id}/inbox/{message.id}"
        body = json.loads(self._vault.open(held.wrapped_key, message.sealed, name))
        return {**body, "at": message.received_at.timestamp()}

    async def _stumbled(self, held: Held, message: InboxMessage, error: Exception) -> Held | None:
        """Try again a moment later; a message that cannot be answered gets the safe answer, and stands in nobody's way.

        When it is the database that failed, this fails too, nothing is counted, and the message stays due.
        """
        log.error("message failed", error=type(error).__name__, exc_info=True)
        self._figures.stumbled()
        async with self._database.begin() as session:
            await self._leases.hold(session, held)
            counted = update(InboxMessage).where(InboxMessage.id == message.id)
            await session.execute(counted.values(attempts=InboxMessage.attempts + 1))
        if message.attempts + 1 < _ATTEMPTS:
            await self._leases.hand_back(held, timedelta(seconds=message.attempts + 1))
            return None
        state = held.state.forget_dialogue()
        language = state.language or self._content.language_for(None)
        answer = Answer([Response("trouble", effect="hand_off")], state, language)
        after = await self._write(held, message, answer)
        self._done(message, answer)
        return after

    # --- writing: one transaction -------------------------------------------------------------------------------

    async def _write(self, held: Held, message: InboxMessage, answer: Answer) -> Held | None:
        rendering = self._render(held, answer)
        origin = Origin(tuple(map(_key, answer.responses)), self._content.version)
        # Numbers keep their meaning while somebody reads on.
        same = not rendering.messages or [response.key for response in answer.responses] in (["rest"], ["sources"])
        state = replace(
            answer.state,
            choices=answer.state.choices if same else rendering.choices,
            rest=rendering.rest if rendering.messages else answer.state.rest,
            draft_noted=answer.state.draft_noted or rendering.draft_noted,
            topic=next((r.args["topic"] for r in answer.responses if r.key == "topic"), answer.state.topic),
            shown=referring.last_shown(answer.responses, answer.language) or answer.state.shown,
        )
        state = feedback.remember(state, answer.responses, self._content.version, answer.rated)
        effects = {response.effect for response in answer.responses if response.effect}
        async with self._database.begin() as session:
            await self._leases.hold(session, held)
            if "erase" in effects:
                texts = [to_text(outbound, answer.language, origin) for outbound in rendering.messages]
                await self._erase(session, held, texts)
                return None
            card = await locked(session, held.conversation_id)
            if not card or card.operator is None or answer.despite_pause or answer.despite_stop:
                # Else one of the team came in while this was being thought of.
                for outbound in rendering.messages:
                    text = to_text(outbound, answer.language, origin)
                    # "I will not write to you again" is the one thing still said to somebody who has just asked for it.
                    self._queue(session, held, message.id, text, answer.despite_stop or "opt_out" in effects)
            await session.execute(update(InboxMessage).where(InboxMessage.id == message.id).values(done_at=now()))
            sealed = self._vault.seal(
                held.wrapped_key, state.to_text(), f"{held.person_id}/state/{held.conversation_id}"
            )
            await session.execute(
                update(Conversation)
                .where(Conversation.id == held.conversation_id)
                .values(state=sealed, lease_until=now() + LEASE)
            )
            stopped = await self._apply(session, held, effects, answer)
            if answer.deed:
                await referring.carry_out(session, self._vault, held, answer.deed)
            await tallies.count_turn(session, held.channel, answer.language, answer.parse, answer.crisis)
            seen = self._seen(answer, state)
            await record(session, self._vault, held, message, card, seen)
            # Who has just said STOP is not learnt from any more.
            await self._learn(session, replace(held, stopped=stopped), message, answer, seen.understanding)
        return replace(held, state=state, stopped=stopped)

    def _seen(self, answer: Answer, state: State) -> Seen:
        keys = list(map(_key, answer.responses))
        unknown = self._content.unknown_facts(answer.responses, state.country, state.region)
        about = Understanding.of(answer.language, answer.parse, answer.crisis, keys)
        return Seen(about, state, answer.responses, unknown)

    async def _learn(
        self, session: AsyncSession, held: Held, message: InboxMessage, answer: Answer, about: Understanding
    ) -> None:
        rated = answer.rated
        if rated:
            await tallies.count_rating(session, rated.topic, answer.language, rated.version, rated.up)
        if self._lessons is None:
            return
        if rated and not rated.up and answer.parse is None:
            await self._lessons.unhelpful(session, held, message.position, rated.topic)
        else:
            await self._lessons.take(session, held, message, about, answer.parse)

    def _render(self, held: Held, answer: Answer) -> Rendering:
        pressing = self._content.urgent(answer.responses) or any(r.key in _PRESSING for r in answer.responses)
        return self._content.render(
            answer.responses,
            language=answer.language,
            country=answer.state.country,
            region=answer.state.region,
            traits=self._traits[held.channel],
            draft_noted=answer.state.draft_noted,
            guess=answer.calling if pressing else None,
        )

    def _queue(self, session: AsyncSession, held: Held, cause: str, text: str, despite_stop: bool) -> None:
        row_id = new_id()
        session.add(
            OutboxMessage(
                id=row_id,
                conversation_id=held.conversation_id,
                channel=held.channel,
                cause=cause,
                sealed=self._vault.seal(held.wrapped_key, text, f"{held.person_id}/outbox/{row_id}"),
                despite_stop=despite_stop,
            )
        )

    async def _apply(self, session: AsyncSession, held: Held, effects: set[str], answer: Answer) -> bool:
        stopped = held.stopped
        if "opt_out" in effects or "opt_in" in effects:
            stopped = "opt_out" in effects
            await session.execute(
                update(Recipient).where(Recipient.id == held.recipient_id).values(stopped_at=now() if stopped else None)
            )
        if effects & {"opt_out", "quick_exit"}:
            await referring.forget(session, held.conversation_id)
        if "opt_out" in effects:
            await lessons.forget(session, held.person_id)
        if effects & {"learn", "do_not_learn"}:
            await lessons.set_teaching(session, held.person_id, "learn" in effects)
        if "quick_exit" in effects:
            for trace in await erasure.traces(session, self._vault, held.person_id, self._reach):
                await erasure.ask_removal(session, self._vault, held.person_id, held.wrapped_key, trace)
        if effects & {"hand_off", "hand_off_urgent"}:
            intent = ((answer.parse or {}).get("intent") or {}).get("name")
            reason = answer.crisis or intent or "trouble"
            await tallies.count_hand_off(session, held.conversation_id, reason, answer.language)
            session.add(
                Handoff(
                    conversation_id=held.conversation_id,
                    reason=reason,
                    language=answer.language,
                    urgent="hand_off_urgent" in effects,
                )
            )
        return stopped

    async def _erase(self, session: AsyncSession, held: Held, texts: list[str]) -> None:
        """Erase the person; the last word goes out under a new, empty person that is forgotten within a minute."""
        await erasure.forget(session, self._vault, held.person_id, self._reach, channel=held.channel, texts=texts)
        self.answered.set()


def _key(response: Response) -> str:
    """A response as one word: `topic:prep_what` for an answer, else its key."""
    return f"topic:{response.args.get('topic')}" if response.key == "topic" else response.key
