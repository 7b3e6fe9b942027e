"""The list of conversations by urgency, and one conversation as a transcript. Reads only; opens as little as it needs."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from enum import IntEnum

from sqlalchemy import Row, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.console.aliases import Aliases
from bot.console.models import Operator
from bot.conversation import card as cards
from bot.conversation import understanding as understandings
from bot.conversation.card import Card, Note, Summary
from bot.conversation.models import Conversation, Handoff, InboxMessage, OutboxMessage, Person, Recipient
from bot.conversation.outbox import Origin, from_text, language_of, origin_of
from bot.conversation.understanding import LOW, Understanding, Understood
from bot.db import Database, now
from bot.vault import Vault

LIVE = timedelta(hours=24)
"""Who wrote within this time is on the list; who waits is, however long."""

_SHOWN = 500
_MESSAGES = 400
_FRESH = 5.0
"""Seconds a read list serves everybody who looks, unless something has changed before."""

WINDOW_CODES = ("63016", "63024")
"""Twilio: free text outside WhatsApp's 24 hours."""


class Level(IntEnum):
    """How urgent a conversation is; the first comes first."""

    CRISIS = 0
    WAITING = 1
    TEAM = 2
    FAILED = 3
    UNSURE = 4
    QUIET = 5


@dataclass(frozen=True)
class Entry:
    """A line of the list. `since` is when somebody began to wait; `blocked` when the last failure was the window's."""

    id: str
    alias: str
    channel: str
    summary: Summary
    level: Level
    last_in_at: datetime
    since: datetime | None = None
    crisis: str | None = None
    operator: str | None = None
    operator_id: str | None = None
    stopped: bool = False
    blocked: bool = False


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to; empty fields narrow nothing."""

    language: str = ""
    channel: str = ""
    topic: str = ""
    country: str = ""
    level: str = ""
    alias: str = ""
    day: date | None = None

    @property
    def any(self) -> bool:
        """Whether it narrows at all."""
        return any((self.language, self.channel, self.topic, self.country, self.level, self.alias, self.day))

    def fits(self, entry: Entry, zone: tzinfo) -> bool:
        """Whether an entry stays on the list."""
        wanted = (
            (self.language, entry.summary.language),
            (self.channel, entry.channel),
            (self.topic, entry.crisis or entry.summary.topic),
            (self.country, entry.summary.country),
            (self.level, entry.level.name.lower()),
        )
        return (
            all(not want or want == has for want, has in wanted)
            and self.alias.casefold() in entry.alias.casefold()
            and (self.day is None or entry.last_in_at.astimezone(zone).date() == self.day)
        )


@dataclass(frozen=True)
class Line:
    """A message of a transcript. `who` is person, program or team; `media` and `location` stand for what has no text."""

    who: str
    at: datetime
    text: str
    language: str | None = None
    buttons: tuple[str, ...] = ()
    media: str | None = None
    location: bool = False
    understood: Understanding | None = None
    origin: Origin = field(default_factory=Origin)
    status: str | None = None
    error: str | None = None
    position: int = 0

    @property
    def blocked(self) -> bool:
        """Whether WhatsApp's window kept it from being delivered."""
        return self.error in WINDOW_CODES


@dataclass(frozen=True)
class NoteLine:
    """A note of an operator's."""

    operator: str
    at: datetime
    text: str


@dataclass(frozen=True)
class Opened:
    """A conversation that somebody looks at. `window_until` is None on channels without one."""

    entry: Entry
    fence: int
    lines: tuple[Line, ...]
    notes: tuple[NoteLine, ...]
    window_until: datetime | None

    @property
    def language(self) -> str:
        """The language the person is answered in."""
        return self.entry.summary.language


class Watch:
    """What the console shows of conversations."""

    def __init__(self, database: Database, vault: Vault, aliases: Aliases, transcript_days: int) -> None:
        self._database, self._vault, self._aliases = database, vault, aliases
        self._kept = timedelta(days=transcript_days)
        self._summaries: dict[str, tuple[bytes, Summary]] = {}
        self._live: tuple[str, float, list[Entry]] = ("", 0.0, [])

    async def entries(self, filters: Filters, zone: tzinfo) -> list[Entry]:
        """The conversations of now, or those of a search, the most urgent first."""
        if filters.alias or filters.day:
            async with self._database.begin(read_only=True) as session:
                found = await self._read(session, now() - self._kept)
        else:
            # Marked before reading: who is told of a change never gets a list of before it.
            mark = await self.mark()
            known, read_at, found = self._live
            if mark != known or time.monotonic() - read_at > _FRESH:
                async with self._database.begin(read_only=True) as session:
                    found = await self._read(session, now() - LIVE)
                self._live = (mark, time.monotonic(), found)
        return [entry for entry in found if filters.fits(entry, zone)]

    def stale(self) -> None:
        """Read anew for the next who looks: something was changed here."""
        self._live = ("", 0.0, [])

    async def open(self, session: AsyncSession, conversation_id: str) -> Opened | None:
        """One conversation with its messages, or None when there is none (any more)."""
        row = (await session.execute(_cards().where(Card.conversation_id == conversation_id))).first()
        if row is None:
            return None
        entry = (await self._entries(session, [row]))[0]
        _, person_id, wrapped, *_ = row
        lines = [
            *await self._received(session, conversation_id, person_id, wrapped),
            *await self._said(session, conversation_id, person_id, wrapped),
        ]
        notes = await session.scalars(
            select(Note).where(Note.conversation_id == conversation_id).order_by(Note.created_at)
        )
        return Opened(
            entry,
            row[0].fence,
            tuple(sorted(lines, key=lambda line: (line.at, line.who != "person", line.position))),
            tuple(
                NoteLine(n.operator, n.created_at, self._vault.open(wrapped, n.sealed, f"{person_id}/note/{n.id}"))
                for n in notes
            ),
            row[0].last_in_at + timedelta(hours=24) if entry.channel == "whatsapp" else None,
        )

    async def mark(self, conversation_id: str | None = None) -> str:
        """Changes whenever something on the list, or in one conversation, does."""
        async with self._database.begin(read_only=True) as session:
            if conversation_id:
                parts = [
                    select(func.max(InboxMessage.position), func.count(InboxMessage.done_at)).where(
                        InboxMessage.conversation_id == conversation_id
                    ),
                    select(OutboxMessage.status, func.count(), func.max(OutboxMessage.position))
                    .where(OutboxMessage.conversation_id == conversation_id)
                    .group_by(OutboxMessage.status),
                    select(Card.fence, Card.operator).where(Card.conversation_id == conversation_id),
                    select(func.count()).select_from(Note).where(Note.conversation_id == conversation_id),
                    select(func.count(), func.count(Handoff.closed_at)).where(
                        Handoff.conversation_id == conversation_id
                    ),
                ]
            else:
                parts = [
                    select(func.max(Card.last_in_at), func.count(), func.sum(Card.fence)),
                    select(func.count(), func.count(Handoff.closed_at), func.count(Handoff.taken_at)),
                    select(func.count(), func.max(OutboxMessage.position)).where(OutboxMessage.status == "failed"),
                ]
            return repr([[tuple(row) for row in (await session.execute(part)).all()] for part in parts])

    # --- reading -----------------------------------------------------------------------------------------------

    async def _read(self, session: AsyncSession, since: datetime) -> list[Entry]:
        waiting = select(Handoff.conversation_id).where(Handoff.closed_at.is_(None))
        query = _cards().where(
            or_(Card.last_in_at > since, Card.operator.is_not(None), Card.conversation_id.in_(waiting))
        )
        rows = (await session.execute(query.order_by(Card.last_in_at.desc()).limit(_SHOWN))).all()
        entries = await self._entries(session, rows)
        return sorted(entries, key=_order)

    async def _entries(self, session: AsyncSession, rows: list[Row]) -> list[Entry]:
        ids = [row[0].conversation_id for row in rows]
        waiting: dict[str, list[Handoff]] = {}
        for handoff in await session.scalars(select(Handoff).where(Handoff.closed_at.is_(None))):
            waiting.setdefault(handoff.conversation_id, []).append(handoff)
        last = (
            select(OutboxMessage.conversation_id, func.max(OutboxMessage.position).label("position"))
            .where(OutboxMessage.conversation_id.in_(ids), OutboxMessage.status.not_in(("queued", "sending")))
            .group_by(OutboxMessage.conversation_id)
            .subquery()
        )
        failed = dict(
            (
                await session.execute(
                    select(OutboxMessage.conversation_id, OutboxMessage.error_code)
                    .join(last, last.c.position == OutboxMessage.position)
                    .where(OutboxMessage.status == "failed")
                )
            )
            .tuples()
            .all()
        )
        return [self._entry(row, waiting.get(row[0].conversation_id, []), failed) for row in rows]

    def _entry(self, row: Row, waiting: list[Handoff], failed: dict[str, str | None]) -> Entry:
        card, person_id, wrapped, channel, stopped_at, operator = row
        summary = self._summary(card, person_id, wrapped)
        crisis = next((handoff.reason for handoff in waiting if handoff.urgent), None)
        if card.operator:
            level = Level.TEAM
        elif crisis:
            level = Level.CRISIS
        elif waiting:
            level = Level.WAITING
        elif card.conversation_id in failed:
            level = Level.FAILED
        elif summary.decision == "ask_back" or (summary.decision == "answer" and (summary.confidence or 1) < LOW):
            level = Level.UNSURE
        else:
            level = Level.QUIET
        return Entry(
            card.conversation_id,
            self._aliases.of(card.conversation_id),
            channel,
            summary,
            level,
            card.last_in_at,
            min((handoff.created_at for handoff in waiting), default=None),
            crisis,
            operator,
            card.operator,
            stopped_at is not None,
            failed.get(card.conversation_id) in WINDOW_CODES,
        )

    def _summary(self, card: Card, person_id: str, wrapped: bytes) -> Summary:
        if card.sealed is None:
            return Summary("")
        known = self._summaries.get(card.conversation_id)
        if known and known[0] == card.sealed:
            return known[1]
        name = cards.row_name(person_id, card.conversation_id)
        summary = Summary.from_text(self._vault.open(wrapped, card.sealed, name))
        if len(self._summaries) > 4 * _SHOWN:
            self._summaries.clear()
        self._summaries[card.conversation_id] = (card.sealed, summary)
        return summary

    async def _received(
        self, session: AsyncSession, conversation_id: str, person_id: str, wrapped: bytes
    ) -> list[Line]:
        query = (
            select(InboxMessage, Understood)
            .outerjoin(Understood, Understood.inbox_id == InboxMessage.id)
            .where(InboxMessage.conversation_id == conversation_id)
            .order_by(InboxMessage.position.desc())
            .limit(_MESSAGES)
        )
        lines = []
        for message, understood in (await session.execute(query)).all():
            body = json.loads(self._vault.open(wrapped, message.sealed, f"{person_id}/inbox/{message.id}"))
            about = None
            if understood:
                name = understandings.row_name(person_id, message.id)
                about = Understanding.from_text(self._vault.open(wrapped, understood.sealed, name))
            lines.append(
                Line(
                    "person",
                    message.received_at,
                    body["text"],
                    (about.detected or about.language) if about else None,
                    media=body.get("media"),
                    location=bool(body.get("location")),
                    understood=about,
                    status=None if message.done_at else "waiting",
                    position=message.position,
                )
            )
        return lines

    async def _said(self, session: AsyncSession, conversation_id: str, person_id: str, wrapped: bytes) -> list[Line]:
        query = (
            select(OutboxMessage)
            .where(OutboxMessage.conversation_id == conversation_id)
            .order_by(OutboxMessage.position.desc())
            .limit(_MESSAGES)
        )
        lines = []
        for message in await session.scalars(query):
            text = self._vault.open(wrapped, message.sealed, f"{person_id}/outbox/{message.id}")
            outbound, origin = from_text(text), origin_of(text)
            lines.append(
                Line(
                    "team" if origin.operator else "program",
                    message.created_at,
                    outbound.text,
                    language_of(text),
                    tuple(button.title for button in outbound.buttons),
                    location=outbound.location is not None,
                    origin=origin,
                    status=message.status,
                    error=message.error_code,
                    position=message.position,
                )
            )
        return lines


def _cards() -> Select:
    return (
        select(Card, Person.id, Person.wrapped_key, Recipient.channel, Recipient.stopped_at, Operator.name)
        .join(Conversation, Conversation.id == Card.conversation_id)
        .join(Person, Person.id == Conversation.person_id)
        .join(Recipient, Recipient.id == Conversation.recipient_id)
        .outerjoin(Operator, Operator.id == Card.operator)
    )


def _order(entry: Entry) -> tuple:
    """Who waits longest goes first among those who wait; of the others, who wrote last."""
    if entry.level <= Level.WAITING and entry.since:
        return entry.level, entry.since.timestamp()
    return entry.level, -entry.last_in_at.timestamp()
