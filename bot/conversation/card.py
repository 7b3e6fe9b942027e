"""What the console lists of a conversation, without opening its messages; and who of the team answers in it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Integer, LargeBinary, String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from bot.db import Base, UtcTime, new_id, now

VISIT = timedelta(hours=24)
"""A person who writes again after so long begins a new conversation, as reports count them."""


class Card(Base):
    """One for each conversation. `sealed` is a Summary under the person's key.

    `operator` is the id of whoever of the team answers now: the bot is silent meanwhile. Every change of hands counts
    `fence` up, and who writes with an older fence is refused: two never answer the same person unknowingly.
    `counted` is the month this person was last counted in, with a + once their country was counted too.
    """

    __tablename__ = "card"

    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    last_in_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    counted: Mapped[str] = mapped_column(String(8), default="")
    operator: Mapped[str | None] = mapped_column(String(32), index=True)
    fence: Mapped[int] = mapped_column(Integer, default=0)
    claimed_at: Mapped[datetime | None] = mapped_column(UtcTime)


class Note(Base):
    """What operators tell each other about a conversation; sealed with the person's key, gone with the conversation."""

    __tablename__ = "note"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), index=True)
    operator: Mapped[str] = mapped_column(String(40))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


@dataclass(frozen=True)
class Summary:
    """Where a conversation stands: what it was last about, in which language and country."""

    language: str
    country: str | None = None
    topic: str | None = None
    decision: str | None = None
    confidence: float | None = None

    def to_text(self) -> str:
        """As JSON, to be sealed."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Summary:
        """Read back what `to_text` wrote."""
        return cls(**json.loads(text))


def row_name(person_id: str, conversation_id: str) -> str:
    """The place a sealed summary is bound to (bot.vault)."""
    return f"{person_id}/card/{conversation_id}"


async def locked(session: AsyncSession, conversation_id: str) -> Card | None:
    """The card, kept from others until the transaction ends; None before the first answer."""
    return await session.get(Card, conversation_id, with_for_update=True)
