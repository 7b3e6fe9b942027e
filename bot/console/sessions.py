"""Operators' sessions: a random token in a cookie, its digest in the database, over after half an hour of nothing."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, or_, select, update

from bot.console import audit
from bot.console.accounts import Account
from bot.console.models import Operator, OperatorSession
from bot.db import Database, now

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
"""However busy: a shift, then sign in again."""

_TOUCH = timedelta(seconds=30)
"""How exact `seen_at` is; not every click is a write."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Session:
    """An open session and whose it is. `csrf` goes into every form and must come back."""

    account: Account
    hash: str
    csrf: str


class Sessions:
    """Opens, finds and ends sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, account: Account) -> str:
        """A new session; returns the token for the cookie. Old ones are swept."""
        token = secrets.token_urlsafe(32)
        async with self._database.begin() as session:
            await session.execute(delete(OperatorSession).where(or_(*_over())))
            await audit.forget(session)
            session.add(OperatorSession(hash=_digest(token), operator_id=account.id))
        return token

    async def find(self, token: str, *, active: bool = True) -> Session | None:
        """The session of a token, or None when it is over. `active` is False for what the page asks by itself."""
        if not _TOKEN.fullmatch(token):
            return None
        query = select(OperatorSession, Operator).join(Operator, Operator.id == OperatorSession.operator_id)
        async with self._database.begin(read_only=True) as session:
            row = (await session.execute(query.where(OperatorSession.hash == _digest(token)))).first()
        if row is None or row[0].seen_at <= now() - IDLE or row[0].created_at <= now() - LONGEST:
            return None
        kept, operator = row
        if active and kept.seen_at < now() - _TOUCH:
            async with self._database.begin() as session:
                await session.execute(
                    update(OperatorSession).where(OperatorSession.hash == kept.hash).values(seen_at=now())
                )
        return Session(Account(operator.id, operator.name, operator.role), kept.hash, _csrf(token))

    async def end(self, session_hash: str, name: str) -> None:
        """Sign out."""
        async with self._database.begin() as session:
            await session.execute(delete(OperatorSession).where(OperatorSession.hash == session_hash))
            audit.write(session, name, "signed_out")


def _over() -> tuple:
    return OperatorSession.seen_at <= now() - IDLE, OperatorSession.created_at <= now() - LONGEST


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _csrf(token: str) -> str:
    return hmac.new(token.encode(), b"farol console form", hashlib.sha256).hexdigest()
