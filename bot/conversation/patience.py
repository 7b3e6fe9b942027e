"""Tells people whose answer takes long that it is coming: once, in their language, whatever holds it up."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import structlog
from sqlalchemy import Select, func, select

from bot.content.render import Content
from bot.conversation.bell import Bell
from bot.conversation.figures import Figures
from bot.conversation.models import Conversation, InboxMessage, OutboxMessage, Person, Recipient
from bot.conversation.outbox import to_text
from bot.conversation.state import State
from bot.db import Database, new_id, now
from bot.messages import ChannelTraits
from bot.vault import Vault
from nlu.contract import Response

log = structlog.get_logger("farol.patience")

LONG = timedelta(seconds=10)
_EVERY = 1.0
_BATCH = 50
"""People told in one round: telling them must not take what answering them needs."""


class Patience:
    """Looks every second for people who have waited LONG. `written` is rung when there is something to send."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        content: Content,
        traits: dict[str, ChannelTraits],
        written: Bell,
        figures: Figures | None = None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._content = content
        self._traits = traits
        self._written = written
        self._figures = figures or Figures()
        self._task: asyncio.Task | None = None

    async def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name="patience")

    async def stop(self) -> None:
        """Stop at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def tell(self) -> int:
        """One round; returns how many people were told."""
        async with self._database.begin(read_only=True) as session:
            if (await session.execute(_waiting().limit(1))).first() is None:
                return 0
        told = 0
        async with self._database.begin() as session:
            # Locked: the worker that answers just now lets the conversation go only afterwards, or has already.
            query = _waiting().limit(_BATCH).with_for_update(skip_locked=True, of=Conversation)
            for conversation, person, channel, stopped_at, message in (await session.execute(query)).all():
                conversation.told_at = now()
                texts = self._words(conversation, person, channel, message) if stopped_at is None else []
                for text in texts:
                    row_id = new_id()
                    sealed = self._vault.seal(person.wrapped_key, text, f"{person.id}/outbox/{row_id}")
                    row = OutboxMessage(id=row_id, conversation_id=conversation.id, channel=channel, sealed=sealed)
                    row.cause = message.id
                    session.add(row)
                if texts:
                    told += 1
                    self._figures.told()
        if told:
            log.warning("told to wait", people=told)
            self._written.set()
        return told

    def _words(self, conversation: Conversation, person: Person, channel: str, message: InboxMessage) -> list[str]:
        body = json.loads(self._vault.open(person.wrapped_key, message.sealed, f"{person.id}/inbox/{message.id}"))
        if (body.get("payload") or "").startswith("say:") or channel not in self._traits:
            # What our own doors want said, in a group perhaps: nobody there waits for an answer.
            return []
        state = State()
        if conversation.state is not None:
            name = f"{person.id}/state/{conversation.id}"
            state = State.from_text(self._vault.open(person.wrapped_key, conversation.state, name))
        language = state.language or self._content.language_for(body.get("language_hint"))
        rendering = self._content.render(
            [Response("coming")], language=language, country=state.country, region=state.region,
            traits=self._traits[channel], draft_noted=True,
        )  # fmt: skip
        return [to_text(outbound, language) for outbound in rendering.messages]

    async def _run(self) -> None:
        while True:
            try:
                await self.tell()
            except Exception as error:
                log.error("patience failed", error=type(error).__name__, exc_info=True)
            await asyncio.sleep(_EVERY)


def _waiting() -> Select:
    """Conversations whose oldest unanswered message has waited too long, and that message."""
    oldest = (
        select(func.min(InboxMessage.position))
        .where(InboxMessage.conversation_id == Conversation.id, InboxMessage.done_at.is_(None))
        .correlate(Conversation)
        .scalar_subquery()
    )
    return (
        select(Conversation, Person, Recipient.channel, Recipient.stopped_at, InboxMessage)
        .join(Person, Person.id == Conversation.person_id)
        .join(Recipient, Recipient.id == Conversation.recipient_id)
        .join(InboxMessage, InboxMessage.position == oldest)
        .where(
            Conversation.due_at.is_not(None), Conversation.told_at.is_(None), InboxMessage.received_at < now() - LONG
        )
        .order_by(InboxMessage.position)
    )
