"""Operators, their sessions, what they looked at, and files they have uploaded that are not in use yet."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from bot.db import Base, UtcTime, new_id, now

_NUMBER = BigInteger().with_variant(Integer, "sqlite")


class Operator(Base):
    """Somebody of the team who may sign in.

    `name` is lower case. `password` is Argon2id's own encoding; None until the account was enrolled. `sealed` is the
    TOTP secret under `wrapped_key`, `last_code` the time step of the code last used, so that none is taken twice.
    `enrol_hash` is the digest of the one-time link's token.
    """

    __tablename__ = "operator"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    password: Mapped[str | None] = mapped_column(String(256))
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    last_code: Mapped[int] = mapped_column(_NUMBER, default=0)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    locked_until: Mapped[datetime | None] = mapped_column(UtcTime)
    enrol_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    enrol_until: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    signed_in_at: Mapped[datetime | None] = mapped_column(UtcTime)


class OperatorSession(Base):
    """An open session. `hash` is the digest of the cookie's token: whoever reads the database cannot sign in with it."""

    __tablename__ = "operator_session"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    operator_id: Mapped[str] = mapped_column(ForeignKey("operator.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    seen_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class AuditEntry(Base):
    """What an operator did, and when. `about` is an alias, an account's name or a file's: never an id or an address."""

    __tablename__ = "audit"
    __table_args__ = ({"sqlite_autoincrement": True},)

    position: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcTime, default=now, index=True)
    operator: Mapped[str] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(32))
    about: Mapped[str] = mapped_column(String(120), default="")


class Upload(Base):
    """A file kept aside until whoever uploaded it, or a colleague, has seen what it would change. Never about people.

    `kind` is content or directory; `dataset` what the places of a list are called. `digest` is of what the file was
    compared with: when that is another by now, it has to be looked at again.
    """

    __tablename__ = "upload"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(120))
    dataset: Mapped[str] = mapped_column(String(60), default="")
    body: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[str] = mapped_column(String(64), default="")
    operator: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now, index=True)
