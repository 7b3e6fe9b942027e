"""The review queue: masked sentences to be labelled, as pages and exports see them. Nothing leads back to anybody."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.conversation import lessons, tallies
from bot.conversation.lessons import Lesson
from bot.conversation.masking import Part, parts
from bot.conversation.models import Person, Recipient
from bot.db import now
from bot.vault import Vault

NONE = "none"
"""The label of a sentence that no intent fits."""

REASONS = ("not_helpful", "asked_back", "low_confidence")

_SHOWN = 50
_INTENT_LENGTH = 40


@dataclass(frozen=True)
class Item:
    """A sentence to be labelled. `day` and no hour, and a random order within it: so that nobody can tell, from when
    something was written, in which conversation it was."""

    id: str
    language: str
    reason: str
    day: date
    text: str
    intent: str | None
    confidence: float | None
    ranking: tuple[str, ...]
    label: str | None = None

    @property
    def parts(self) -> list[Part]:
        """What is shown of it."""
        return parts(self.text)


@dataclass(frozen=True)
class Counts:
    """What waits, by language; and how many labelled sentences were not exported yet."""

    waiting: dict[str, int]
    ready: int


class Queue:
    """Reads and labels within the caller's transaction."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def waiting(self, session: AsyncSession, language: str = "", reason: str = "") -> list[Item]:
        """What is to be labelled, the newest day first; what did not help before what was only not understood well."""
        query = _readable().where(Lesson.label.is_(None))
        if language:
            query = query.where(Lesson.language == language)
        if reason:
            query = query.where(Lesson.reason == reason)
        return await self._items(session, query.order_by(func.date(Lesson.created_at).desc(), Lesson.id).limit(_SHOWN))

    async def labelled(self, session: AsyncSession, *, fitting: bool = True) -> list[Item]:
        """What was labelled and not exported; with `fitting` False what no intent fits, as long as it is kept."""
        query = _readable().where(Lesson.label.is_not(None))
        fits = (Lesson.label != NONE, Lesson.exported_at.is_(None)) if fitting else (Lesson.label == NONE,)
        return await self._items(session, query.where(*fits).order_by(Lesson.language, Lesson.label, Lesson.id))

    async def counts(self, session: AsyncSession) -> Counts:
        """How much there is."""
        waiting = Counter(await session.scalars(_ids(Lesson.language).where(Lesson.label.is_(None))))
        ready = _ids(Lesson.id).where(Lesson.label.is_not(None), Lesson.label != NONE, Lesson.exported_at.is_(None))
        return Counts(dict(waiting), len((await session.scalars(ready)).all()))

    async def label(self, session: AsyncSession, lesson_id: str, label: str) -> bool:
        """Say what a sentence means. False when it is gone, or a colleague was quicker."""
        lesson = await session.get(Lesson, lesson_id, with_for_update=True)
        if lesson is None or lesson.label is not None:
            return False
        lesson.label, lesson.labelled_at = label[:_INTENT_LENGTH], now()
        if label == NONE:
            await tallies.count_no_intent(session, lesson.language)
        return True

    async def drop(self, session: AsyncSession, lesson_id: str) -> bool:
        """Throw a sentence away. False when it is gone already."""
        return bool((await session.execute(delete(Lesson).where(Lesson.id == lesson_id))).rowcount)

    async def exported(self, session: AsyncSession, items: list[Item]) -> None:
        """Note that these went out."""
        found = update(Lesson).where(Lesson.id.in_([item.id for item in items]), Lesson.exported_at.is_(None))
        await session.execute(found.values(exported_at=now()))

    async def _items(self, session: AsyncSession, query: Select) -> list[Item]:
        found = []
        for lesson, wrapped in (await session.execute(query)).all():
            name = lessons.row_name(lesson.person_id, lesson.id)
            kept = json.loads(self._vault.open(wrapped, lesson.sealed, name))
            about = kept["about"]
            ranking = tuple(name for name, _ in about["ranking"])
            found.append(
                Item(
                    lesson.id,
                    lesson.language,
                    lesson.reason,
                    lesson.created_at.date(),
                    kept["text"],
                    about["intent"],
                    about["confidence"],
                    ranking,
                    lesson.label,
                )  # fmt: skip
            )
        return found


def _may_be_read(query: Select) -> Select:
    """Not of somebody who has said STOP on any channel, or does not want it, however the sentence got here."""
    stopped = select(Recipient.id).where(Recipient.person_id == Person.id, Recipient.stopped_at.is_not(None))
    return query.join(Person, Person.id == Lesson.person_id).where(Person.teaches, ~stopped.exists())


def _readable() -> Select:
    return _may_be_read(select(Lesson, Person.wrapped_key))


def _ids(column: object) -> Select:
    return _may_be_read(select(column).select_from(Lesson))
