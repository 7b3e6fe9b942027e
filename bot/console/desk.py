"""Stepping in: an operator takes a conversation over, writes, notes, and hands it back to the program."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.console import audit
from bot.console.accounts import Account
from bot.console.aliases import Aliases
from bot.console.models import Operator
from bot.content import sms
from bot.content.direction import right_to_left
from bot.content.render import Content
from bot.conversation import card as cards
from bot.conversation import tallies
from bot.conversation.card import Card, Note, Summary, locked
from bot.conversation.models import Conversation, Handoff, OutboxMessage, Person, Recipient
from bot.conversation.outbox import Origin, to_text
from bot.db import Database, new_id, now
from bot.messages import ChannelTraits, Outbound
from bot.vault import Vault
from nlu.contract import Response

WINDOW = timedelta(hours=24)
"""WhatsApp: free text only so long after the person's last message (Twilio answers 63016 later)."""

ABANDONED = timedelta(hours=2)
"""An operator silent for so long has gone: the program answers again."""

NOTE_LIMIT = 2000


class Refused(Exception):
    """Something an operator may not do now; `key` names the words that say why, `values` fill them."""

    def __init__(self, key: str, **values: str) -> None:
        super().__init__(key)
        self.key, self.values = key, values


@dataclass(frozen=True)
class Cost:
    """What a text would be on a channel: characters, SMS segments (0 elsewhere), their price, and whether it fits."""

    characters: int
    segments: int
    price: float | None
    fits: bool


@dataclass(frozen=True)
class _Seat:
    """A conversation as an operator writes in it, its card kept from others."""

    card: Card
    person_id: str
    wrapped: bytes
    channel: str
    stopped: bool
    summary: Summary


class Desk:
    """What operators do. `written` is called when there is something to send."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        content: Content,
        traits: dict[str, ChannelTraits],
        aliases: Aliases,
        written: Callable[[], None],
        price: float | None = None,
    ) -> None:
        self._database, self._vault, self._content = database, vault, content
        self._traits, self._aliases, self._written = traits, aliases, written
        self._price = price

    async def take(self, conversation_id: str, account: Account, fence: int) -> None:
        """Take over. `fence` is the one of the page that was looked at: Refused when somebody else was quicker."""
        async with self._database.begin() as session:
            seat = await self._seat(session, conversation_id)
            if seat.card.operator == account.id:
                return
            if seat.card.fence != fence:
                raise await self._too_late(session, seat.card)
            joined = seat.card.operator is None
            seat.card.operator, seat.card.claimed_at = account.id, now()
            seat.card.fence += 1
            waiting = select(Handoff).where(
                Handoff.conversation_id == conversation_id, Handoff.closed_at.is_(None), Handoff.taken_at.is_(None)
            )
            waits = (await session.scalars(waiting)).all()
            if waits:
                await tallies.count_wait(session, min(one.created_at for one in waits), now())
            for one in waits:
                one.taken_at = now()
            audit.write(session, account.name, "took_over", self._aliases.of(conversation_id))
            if joined:
                self._announce(session, seat, "human.joined")
        self._written()

    async def say(self, conversation_id: str, account: Account, fence: int, text: str, once: str) -> None:
        """Write to the person. The same `once` twice is one message (a button pressed twice). Raises Refused."""
        text = text.replace("\r\n", "\n").strip()
        if not text:
            raise Refused("say.empty")
        row_id = hashlib.sha256(f"{conversation_id} {once}".encode()).hexdigest()[:32]
        async with self._database.begin() as session:
            seat = await self._mine(session, conversation_id, account, fence)
            if await session.scalar(select(OutboxMessage.id).where(OutboxMessage.id == row_id)):
                return
            if seat.stopped:
                raise Refused("say.stopped")
            if seat.channel == "whatsapp" and now() > seat.card.last_in_at + WINDOW:
                raise Refused("say.window")
            if seat.channel not in self._traits:
                raise Refused("say.channel_off")
            if not self.cost(seat.channel, text).fits:
                raise Refused("say.long", limit=str(self._traits[seat.channel].text_limit))
            self._queue(session, seat, self._shaped(seat, text), Origin(operator=account.name), row_id)
            seat.card.claimed_at = now()
            audit.write(session, account.name, "wrote", self._aliases.of(conversation_id))
        self._written()

    async def note(self, conversation_id: str, account: Account, text: str) -> None:
        """Keep a note for colleagues. Raises Refused."""
        text = text.strip()[:NOTE_LIMIT]
        if not text:
            raise Refused("say.empty")
        async with self._database.begin() as session:
            seat = await self._seat(session, conversation_id)
            note_id = new_id()
            sealed = self._vault.seal(seat.wrapped, text, f"{seat.person_id}/note/{note_id}")
            session.add(Note(id=note_id, conversation_id=conversation_id, operator=account.name, sealed=sealed))
            audit.write(session, account.name, "noted", self._aliases.of(conversation_id))

    async def hand_back(self, conversation_id: str, account: Account, fence: int) -> None:
        """Let the program answer again, and say so. What the person was waiting for is done with."""
        async with self._database.begin() as session:
            seat = await self._mine(session, conversation_id, account, fence)
            await self._leave(session, seat)
            audit.write(session, account.name, "handed_back", self._aliases.of(conversation_id))
        self._written()

    async def close(self, conversation_id: str, account: Account, fence: int) -> None:
        """Take somebody off the queue who needs no answer any more. Raises Refused."""
        async with self._database.begin() as session:
            seat = await self._seat(session, conversation_id)
            if seat.card.fence != fence or seat.card.operator is not None:
                raise await self._too_late(session, seat.card)
            await _closed(session, conversation_id)
            seat.card.fence += 1
            audit.write(session, account.name, "closed", self._aliases.of(conversation_id))

    async def leave_abandoned(self) -> int:
        """Hand back what operators have left lying; returns how many."""
        old = select(Card.conversation_id).where(Card.operator.is_not(None), Card.claimed_at < now() - ABANDONED)
        async with self._database.begin(read_only=True) as session:
            found = (await session.scalars(old)).all()
        for conversation_id in found:
            async with self._database.begin() as session:
                seat = await self._seat(session, conversation_id)
                if seat.card.operator and seat.card.claimed_at < now() - ABANDONED:
                    await self._leave(session, seat)
        if found:
            self._written()
        return len(found)

    def cost(self, channel: str, text: str) -> Cost:
        """What sending a text would be."""
        traits = self._traits.get(channel)
        if traits is None:
            return Cost(len(text), 0, None, False)
        if not traits.segments:
            return Cost(len(text), 0, None, len(text) <= traits.text_limit)
        cheap = sms.economical(text)
        count = sms.segments(cheap) if cheap else 0
        price = None if self._price is None else count * self._price
        return Cost(len(cheap), count, price, len(cheap) <= traits.text_limit)

    def canned(self, language: str) -> list[tuple[str, str, str]]:
        """Replies to choose from, in the person's language, as (kind, title, text): short ones, then all answers."""
        words = self._content.words(language)
        short = [("reply", text.split("\n")[0], text) for key, text in words.words.items() if key.startswith("reply.")]
        return short + [("topic", topic.title, topic.sms) for topic in words.topics.values()]

    # --- within a transaction ------------------------------------------------------------------------------------

    async def _seat(self, session: AsyncSession, conversation_id: str) -> _Seat:
        card = await locked(session, conversation_id)
        row = (
            card
            and (
                await session.execute(
                    select(Person.id, Person.wrapped_key, Recipient.channel, Recipient.stopped_at)
                    .join(Conversation, Conversation.person_id == Person.id)
                    .join(Recipient, Recipient.id == Conversation.recipient_id)
                    .where(Conversation.id == conversation_id)
                )
            ).first()
        )
        if not row:
            raise Refused("say.gone")
        person_id, wrapped, channel, stopped_at = row
        summary = Summary(self._content.languages.default)
        if card.sealed:
            name = cards.row_name(person_id, conversation_id)
            summary = Summary.from_text(self._vault.open(wrapped, card.sealed, name))
        return _Seat(card, person_id, wrapped, channel, stopped_at is not None, summary)

    async def _mine(self, session: AsyncSession, conversation_id: str, account: Account, fence: int) -> _Seat:
        seat = await self._seat(session, conversation_id)
        if seat.card.operator != account.id or seat.card.fence != fence:
            raise await self._too_late(session, seat.card)
        return seat

    @staticmethod
    async def _too_late(session: AsyncSession, card: Card) -> Refused:
        name = await session.scalar(select(Operator.name).where(Operator.id == card.operator))
        return Refused("take.other", name=name) if name else Refused("take.changed")

    async def _leave(self, session: AsyncSession, seat: _Seat) -> None:
        seat.card.operator, seat.card.claimed_at = None, None
        seat.card.fence += 1
        await _closed(session, seat.card.conversation_id)
        self._announce(session, seat, "human.left")

    def _announce(self, session: AsyncSession, seat: _Seat, key: str) -> None:
        """Tell the person who answers now, unless they asked not to be written to, or cannot be."""
        late = seat.channel == "whatsapp" and now() > seat.card.last_in_at + WINDOW
        if seat.stopped or late or seat.channel not in self._traits:
            return
        rendering = self._content.render(
            [Response(key)],
            language=seat.summary.language,
            country=seat.summary.country,
            traits=self._traits[seat.channel],
        )
        for outbound in rendering.messages:
            self._queue(session, seat, outbound, Origin((key,), self._content.version), new_id())

    def _shaped(self, seat: _Seat, text: str) -> Outbound:
        if self._traits[seat.channel].segments:
            return Outbound(sms.economical(text))
        runs_left = self._content.direction(seat.summary.language) == "rtl"
        return Outbound(right_to_left(text) if runs_left else text)

    def _queue(self, session: AsyncSession, seat: _Seat, outbound: Outbound, origin: Origin, row_id: str) -> None:
        text = to_text(outbound, seat.summary.language, origin)
        session.add(
            OutboxMessage(
                id=row_id,
                conversation_id=seat.card.conversation_id,
                channel=seat.channel,
                sealed=self._vault.seal(seat.wrapped, text, f"{seat.person_id}/outbox/{row_id}"),
            )
        )


async def _closed(session: AsyncSession, conversation_id: str, at: datetime | None = None) -> None:
    await session.execute(
        update(Handoff)
        .where(Handoff.conversation_id == conversation_id, Handoff.closed_at.is_(None))
        .values(closed_at=at or now())
    )
