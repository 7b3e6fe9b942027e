"""Operators' accounts: made on the command line, enrolled once by their owner, opened with a password and a code.

Passwords are kept as Argon2id (argon2-cffi's defaults, RFC 9106's low-memory choice); codes are TOTP, RFC 6238.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.console import audit
from bot.console.models import Operator, OperatorSession
from bot.console.roles import ROLES
from bot.conversation.card import Card
from bot.db import Database, new_id, now
from bot.vault import Vault

ENROL = timedelta(hours=24)
"""How long a one-time link works."""

LOCK_AFTER = 5
"""Wrong passwords or codes in a row until an account is locked."""

LOCK = timedelta(minutes=15)
SHORTEST_PASSWORD = 12
_LONGEST_PASSWORD = 256
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")
_STEP = 30
"""Seconds a code lasts (RFC 6238); one step before and after is taken too, for clocks that differ."""


class AccountFault(ValueError):
    """An account cannot be made or changed so; the message says why. `key` names the words for the console."""

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True)
class Account:
    """An operator, as the rest of the console knows them."""

    id: str
    name: str
    role: str


@dataclass(frozen=True)
class Listed:
    """A line of `farol operator list`: `state` is ready, invited, link expired or locked."""

    name: str
    role: str
    state: str
    signed_in: str


@dataclass(frozen=True)
class Invitation:
    """An account that waits for its owner: the name, and the secret of the code as an otpauth:// address."""

    name: str
    secret: str
    address: str


class Accounts:
    """All operators. Every wrong guess takes as long as a right one."""

    def __init__(self, database: Database, vault: Vault, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        self._vault = vault
        self._hasher = hasher or PasswordHasher()
        self._nobody = ""
        # Each hash takes 64 MiB: a burst of guesses must not take the machine's memory.
        self._turns = asyncio.Semaphore(2)

    # --- on the command line -----------------------------------------------------------------------------------

    async def add(self, name: str, role: str) -> str:
        """Make an account; returns the token of its one-time link. Raises AccountFault."""
        name = name.strip().lower()
        if not _NAME.fullmatch(name):
            raise AccountFault(f"{name!r}: 2 to 40 of a-z 0-9 . _ -, beginning with a letter or digit")
        if role not in ROLES:
            raise AccountFault(f"role {role!r}: not one of {', '.join(ROLES)}")
        operator_id, token = new_id(), secrets.token_urlsafe(32)
        async with self._database.begin() as session:
            if await session.scalar(select(Operator.id).where(Operator.name == name)):
                raise AccountFault(f"{name}: there is such an operator; `farol operator reset {name}` makes a new link")
            operator = Operator(id=operator_id, name=name, role=role, wrapped_key=self._vault.new_key(operator_id))
            operator.failures = operator.last_code = 0
            self._invite(operator, token)
            session.add(operator)
            audit.write(session, "farol", "operator_added", f"{name} ({role})")
        return token

    async def reset(self, name: str) -> str:
        """Take password, code and sessions away and make a new link; raises AccountFault for an unknown name."""
        token = secrets.token_urlsafe(32)
        async with self._database.begin() as session:
            operator = await self._named(session, name)
            operator.password, operator.failures, operator.locked_until = None, 0, None
            self._invite(operator, token)
            await session.execute(delete(OperatorSession).where(OperatorSession.operator_id == operator.id))
            audit.write(session, "farol", "operator_reset", operator.name)
        return token

    async def remove(self, name: str) -> None:
        """Delete an account with its sessions. Raises AccountFault."""
        async with self._database.begin() as session:
            operator = await self._named(session, name)
            # Whom they were answering, the program answers again.
            await session.execute(
                update(Card).where(Card.operator == operator.id).values(operator=None, fence=Card.fence + 1)
            )
            await session.execute(delete(Operator).where(Operator.id == operator.id))
            audit.write(session, "farol", "operator_removed", operator.name)

    async def all(self) -> list[Listed]:
        """Every account, by name."""
        async with self._database.begin(read_only=True) as session:
            found = (await session.scalars(select(Operator).order_by(Operator.name))).all()
        return [
            Listed(one.name, one.role, _state(one), one.signed_in_at.date().isoformat() if one.signed_in_at else "")
            for one in found
        ]

    async def count(self) -> int:
        """How many accounts there are."""
        async with self._database.begin(read_only=True) as session:
            return await session.scalar(select(func.count()).select_from(Operator))

    @staticmethod
    async def _named(session: AsyncSession, name: str) -> Operator:
        operator = await session.scalar(select(Operator).where(Operator.name == name.strip().lower()))
        if operator is None:
            raise AccountFault(f"{name}: there is no such operator; `farol operator list` names them")
        return operator

    def _invite(self, operator: Operator, token: str) -> None:
        operator.sealed = self._vault.seal(operator.wrapped_key, pyotp.random_base32(), f"{operator.id}/totp")
        operator.enrol_hash, operator.enrol_until = _digest(token), now() + ENROL
        operator.last_code = 0

    # --- enrolment ---------------------------------------------------------------------------------------------

    async def invitation(self, token: str) -> Invitation | None:
        """The account a one-time link belongs to, or None when it is used, old or made up."""
        async with self._database.begin(read_only=True) as session:
            operator = await self._invited(session, token)
        if operator is None:
            return None
        secret = self._secret(operator)
        return Invitation(
            operator.name, secret, pyotp.TOTP(secret).provisioning_uri(name=operator.name, issuer_name="Farol")
        )

    async def enrol(self, token: str, password: str, code: str) -> Account:
        """Set the password, prove the code, and use the link up. Raises AccountFault."""
        if not SHORTEST_PASSWORD <= len(password) <= _LONGEST_PASSWORD:
            raise AccountFault(f"a password has at least {SHORTEST_PASSWORD} characters", "enrol.short")
        encoded = await self._slowly(self._hasher.hash, password)
        async with self._database.begin() as session:
            operator = await self._invited(session, token)
            if operator is None:
                raise AccountFault("the link is used up or old", "enrol.gone")
            if operator.name in password.lower():
                raise AccountFault("the password holds the name", "enrol.name_in_password")
            step = self._step(operator, code)
            if step is None:
                raise AccountFault("the code is not right", "enrol.code")
            operator.password, operator.last_code = encoded, step
            operator.enrol_hash = operator.enrol_until = None
            audit.write(session, operator.name, "enrolled")
            return Account(operator.id, operator.name, operator.role)

    async def _invited(self, session: AsyncSession, token: str) -> Operator | None:
        operator = await session.scalar(select(Operator).where(Operator.enrol_hash == _digest(token)))
        return operator if operator and operator.enrol_until and operator.enrol_until > now() else None

    # --- signing in --------------------------------------------------------------------------------------------

    async def check(self, name: str, password: str, code: str) -> Account | None:
        """The account, if all three are right and it is not locked; counts the failure otherwise."""
        async with self._database.begin(read_only=True) as session:
            found = await session.scalar(select(Operator).where(Operator.name == name.strip().lower()[:40]))
        if not self._nobody:
            self._nobody = await self._slowly(self._hasher.hash, secrets.token_urlsafe(24))
        right = await self._slowly(self._fits, (found and found.password) or self._nobody, password[:_LONGEST_PASSWORD])
        if found is None:
            return None
        async with self._database.begin() as session:
            operator = await session.get(Operator, found.id, with_for_update=True)
            if operator is None or (operator.locked_until and operator.locked_until > now()):
                return None
            # The password may have been reset while it was being compared.
            right = right and operator.password is not None and operator.password == found.password
            step = self._step(operator, code)
            if not right or step is None:
                operator.failures += 1
                audit.write(session, operator.name, "sign_in_failed")
                if operator.failures >= LOCK_AFTER:
                    operator.failures, operator.locked_until = 0, now() + LOCK
                    audit.write(session, operator.name, "locked")
                return None
            operator.failures, operator.locked_until, operator.last_code = 0, None, step
            operator.signed_in_at = now()
            audit.write(session, operator.name, "signed_in")
            return Account(operator.id, operator.name, operator.role)

    def _step(self, operator: Operator, code: str) -> int | None:
        """The time step a code belongs to, if it is right and later than the last one used."""
        totp, code = pyotp.TOTP(self._secret(operator)), re.sub(r"\s", "", code)
        present = int(now().timestamp()) // _STEP
        right = [
            step
            for step in (present - 1, present, present + 1)
            if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode("utf-8", "replace"))
        ]
        return next((step for step in right if step > operator.last_code), None)

    def _secret(self, operator: Operator) -> str:
        return self._vault.open(operator.wrapped_key, operator.sealed, f"{operator.id}/totp")

    def _fits(self, encoded: str, password: str) -> bool:
        try:
            return self._hasher.verify(encoded, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _slowly(self, work: object, *arguments: str) -> object:
        async with self._turns:
            return await asyncio.to_thread(work, *arguments)

    async def unlock(self, name: str) -> None:
        """Lift a lock before its time. Raises AccountFault."""
        async with self._database.begin() as session:
            operator = await self._named(session, name)
            await session.execute(
                update(Operator).where(Operator.id == operator.id).values(failures=0, locked_until=None)
            )
            audit.write(session, "farol", "operator_unlocked", operator.name)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _state(operator: Operator) -> str:
    if operator.locked_until and operator.locked_until > now():
        return "locked"
    if operator.password:
        return "ready"
    return "invited" if operator.enrol_until and operator.enrol_until > now() else "link expired"
