"""Sentences the program did not understand well, masked and kept for a while, so that staff can teach it.

Never in it: somebody who said STOP, who does not want it (Person.teaches), whom one of the team answers, or who shows
danger. A sentence goes with the message it comes from: after the transcript's days at the latest, and with the person.
"""

from __future__ import annotations

import json
import re
from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from bot.conversation import understanding as understandings
from bot.conversation.leases import Held
from bot.conversation.masking import Masker, places_of, without_marks
from bot.conversation.models import InboxMessage, Person
from bot.conversation.understanding import Understanding, Understood
from bot.db import Base, UtcTime, new_id, now
from bot.vault import Vault

_BACK = 12
"""How many messages back the question is looked for whose answer did not help."""

_LETTERS = re.compile(r"[^\W\d_]")
_LEAST = 3
"""Letters that must be left of a sentence: fewer teach nothing."""


class Lesson(Base):
    """A sentence to be labelled. `reason`: asked_back, low_confidence or not_helpful.

    `sealed` (JSON with the person's own key): the masked text and what was made of it. `label` is an intent's name, or
    'none' when no intent fits. Pages know it by `id`, which leads nowhere.
    """

    __tablename__ = "lesson"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    inbox_id: Mapped[str] = mapped_column(ForeignKey("inbox.id", ondelete="CASCADE"), unique=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    language: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now, index=True)
    label: Mapped[str | None] = mapped_column(String(64))
    labelled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    exported_at: Mapped[datetime | None] = mapped_column(UtcTime)


def row_name(person_id: str, lesson_id: str) -> str:
    """The place a sealed lesson is bound to (bot.vault)."""
    return f"{person_id}/lesson/{lesson_id}"


class Lessons:
    """Keeps what is worth learning from, in the transaction of the answer."""

    def __init__(self, vault: Vault, masker: Masker) -> None:
        self._vault = vault
        self._masker = masker

    async def take(
        self, session: AsyncSession, held: Held, message: InboxMessage, about: Understanding, parse: dict | None
    ) -> None:
        """Keep this message if it was not understood well; if it says that an answer did not help, the one before."""
        reason = about.review
        if not reason or held.stopped or held.paused:
            return
        if reason == "not_helpful":
            await self.unhelpful(session, held, message.position)
        elif await self._may(session, held):
            await self._keep(session, held, message, about, reason, places_of(parse))

    async def unhelpful(self, session: AsyncSession, held: Held, before: int, topic: str | None = None) -> None:
        """Keep the question whose answer did not help: the last one before a position, or the last that led to a topic."""
        if held.stopped or held.paused or not await self._may(session, held):
            return
        query = (
            select(InboxMessage, Understood)
            .join(Understood, Understood.inbox_id == InboxMessage.id)
            .where(InboxMessage.conversation_id == held.conversation_id, InboxMessage.position < before)
            .order_by(InboxMessage.position.desc())
            .limit(_BACK)
        )
        for message, understood in (await session.execute(query)).all():
            name = understandings.row_name(held.person_id, message.id)
            about = Understanding.from_text(self._vault.open(held.wrapped_key, understood.sealed, name))
            fits = f"topic:{topic}" in about.keys if topic else about.decision in ("answer", "ask_back")
            if fits and about.intent != "not_helpful":
                # A button led there when it was not a sentence: then there is nothing to learn.
                if about.decision in ("answer", "ask_back"):
                    places = [value for name, value in about.entities if name == "place"]
                    await self._keep(session, held, message, about, "not_helpful", places)
                return

    async def _may(self, session: AsyncSession, held: Held) -> bool:
        return bool(await session.scalar(select(Person.teaches).where(Person.id == held.person_id)))

    async def _keep(
        self, session: AsyncSession, held: Held, message: InboxMessage, about: Understanding, reason: str,
        places: list[str],
    ) -> None:  # fmt: skip
        known = await session.scalar(select(Lesson).where(Lesson.inbox_id == message.id))
        if known is not None:
            if known.label is None:
                known.reason = reason
            return
        body = json.loads(self._vault.open(held.wrapped_key, message.sealed, f"{held.person_id}/inbox/{message.id}"))
        text = "" if body.get("payload") else self._masker.mask(body["text"], places)
        if len(_LETTERS.findall(without_marks(text))) < _LEAST:
            return
        lesson_id = new_id()
        kept = json.dumps({"text": text, "about": json.loads(about.to_text()) | {"entities": []}}, ensure_ascii=False)
        session.add(
            Lesson(
                id=lesson_id,
                inbox_id=message.id,
                person_id=held.person_id,
                language=about.detected or about.language,
                reason=reason,
                sealed=self._vault.seal(held.wrapped_key, kept, row_name(held.person_id, lesson_id)),
                created_at=message.received_at,
            )
        )


async def set_teaching(session: AsyncSession, person_id: str, teaches: bool) -> None:
    """Note whether somebody's sentences may be learnt from; what was kept of somebody who does not want it goes."""
    await session.execute(update(Person).where(Person.id == person_id).values(teaches=teaches))
    if not teaches:
        await forget(session, person_id)


async def forget(session: AsyncSession, person_id: str) -> None:
    """Delete what was kept of somebody."""
    await session.execute(delete(Lesson).where(Lesson.person_id == person_id))
