"""People, their conversations, and the messages on their way in and out.

Nothing here names anybody: ids are random, addresses and texts are sealed with the person's own key (bot.vault).
Never add a column for immigration status, nationality or name.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column

from bot.db import Base, UtcTime, new_id, now

_POSITION = BigInteger().with_variant(Integer, "sqlite")


class Person(Base):
    """Somebody who wrote. `wrapped_key` opens everything of theirs; without it nothing can be read."""

    __tablename__ = "person"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    # Whether sentences of theirs may be shown, masked, to those who teach the program (bot.conversation.lessons).
    teaches: Mapped[bool] = mapped_column(default=True, server_default=true())
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    last_seen_at: Mapped[datetime] = mapped_column(UtcTime, default=now, index=True)
    # Somebody was erased then, and this is only what the last word to them needs; gone within a minute.
    leaving_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)


class Recipient(Base):
    """Where a person is written to. `lookup` finds it, `sealed` holds it; `stopped_at` means: never write again.

    `send_after`: nothing more goes out before, because the provider allows so much a second, or said to wait.
    """

    __tablename__ = "recipient"
    __table_args__ = (UniqueConstraint("channel", "lookup"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    channel: Mapped[str] = mapped_column(String(16))
    lookup: Mapped[str] = mapped_column(String(64))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcTime)
    send_after: Mapped[datetime | None] = mapped_column(UtcTime)


class Conversation(Base):
    """One person on one channel.

    `due_at` is set while a message waits. A worker holds the conversation until `lease_until`; every lease counts
    `fence` up, and a worker whose fence is no longer the row's may not write.
    `state` (sealed JSON): the engine's events, language, country, and the choices last offered.
    `told_at`: when somebody who waits was told that the answer is coming; None again once it has come.
    """

    __tablename__ = "conversation"
    __table_args__ = (Index("ix_conversation_due", "due_at", "lease_until"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    recipient_id: Mapped[str] = mapped_column(ForeignKey("recipient.id", ondelete="CASCADE"), unique=True)
    state: Mapped[bytes | None] = mapped_column(LargeBinary)
    due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    fence: Mapped[int] = mapped_column(Integer, default=0)
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    told_at: Mapped[datetime | None] = mapped_column(UtcTime)


class InboxMessage(Base):
    """A message of a person. Stored before it is acknowledged; `done_at` is set in the transaction of its replies.

    `sent_at` is the provider's word on when it was written, where it says so; `received_at` is when it came here.
    """

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("channel", "provider_id"),
        Index("ix_inbox_waiting", "conversation_id", "done_at", "position"),
        # Or SQLite would give a deleted message's position to the next one.
        {"sqlite_autoincrement": True},
    )

    position: Mapped[int] = mapped_column(_POSITION, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(32), unique=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(String(16))
    provider_id: Mapped[str] = mapped_column(String(128))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(UtcTime, default=now, index=True)
    sent_at: Mapped[datetime | None] = mapped_column(UtcTime)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    done_at: Mapped[datetime | None] = mapped_column(UtcTime)


class OutboxMessage(Base):
    """A message to a person. `status`: queued, sending, sent, delivered, read, failed, uncertain, held.

    `taken_until`: while it is 'sending', until when its sender answers for it; after that nobody knows whether it left.
    `held` waits until the person writes again (WhatsApp's 24 hours were over). `cause` is the id of the message it
    answers, which names it in the logs of every process.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_queued", "status", "next_at", "position"),
        Index("ix_outbox_conversation", "conversation_id", "position"),
        Index("ix_outbox_provider", "channel", "provider_id"),
        {"sqlite_autoincrement": True},
    )

    position: Mapped[int] = mapped_column(_POSITION, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(32), unique=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[str] = mapped_column(String(16), default="queued")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    provider_id: Mapped[str | None] = mapped_column(String(128))
    error_code: Mapped[str | None] = mapped_column(String(32))
    # Sent although the person has said STOP, because it answers what they have just written: that word, or danger.
    despite_stop: Mapped[bool] = mapped_column(default=False, server_default=false())
    taken_until: Mapped[datetime | None] = mapped_column(UtcTime)
    cause: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now, index=True)


class Handoff(Base):
    """Somebody waits for a person of the team. `reason` is an intent's name; `urgent` comes first in the console.

    `taken_at` is when somebody of the team took it over, `alerted_at` when the team was told of it outside the console.
    """

    __tablename__ = "handoff"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), index=True)
    reason: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(8))
    urgent: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    taken_at: Mapped[datetime | None] = mapped_column(UtcTime)
    alerted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcTime)


class Removal(Base):
    """What a provider still shows or keeps of a conversation, to be deleted there: on quick exit, and after erasing.

    `sealed` (JSON with the person's own key): the address and the provider's ids of the messages, a day or two of them.
    """

    __tablename__ = "removal"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    channel: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class Tally(Base):
    """What is counted for reports, as it happens and without ids: how often `key` of `kind` on a day (UTC)."""

    __tablename__ = "tally"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int] = mapped_column(Integer, default=0)


class Pace(Base):
    """How fast a channel may send, shared by all assistants: the next message may leave at `next_at`."""

    __tablename__ = "pace"

    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    next_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class Tombstone(Base):
    """A message of somebody erased, by a keyed digest of the provider's id that says nothing about anybody.

    Providers keep messages for a while: without this, one that is offered again would bring the person back.
    """

    __tablename__ = "tombstone"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now, index=True)
