"""The register of codes given out: issued, confirmed once by each side, taken back, and forgotten after some months.

What is said of a code is counted in the same transaction; the code's row only keeps it from being counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from bot.conversation import tallies
from bot.conversation.referral import SAID, VALID_MONTHS, Place, Referral, digest_of
from bot.db import Database
from bot.vault import Vault

BY_SERVICE, BY_TEAM = "service", "team"
_SIDES = {BY_SERVICE: Referral.service_said, BY_TEAM: Referral.team_said}


@dataclass(frozen=True)
class Entry:
    """What is known of a code: nothing about anybody. `said` is what this side has said of it already."""

    service_id: str
    kind: str
    country: str
    month: str
    said: str | None


class Register:
    """Looks codes up and confirms them, for the page for services and for the console."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def find(self, code: str, side: str) -> Entry | None:
        """The entry of a code that can be confirmed; None for one that is not ours, was taken back or is too old."""
        async with self._database.begin(read_only=True) as session:
            row = await session.get(Referral, digest_of(self._vault, code))
        return _entry(row, side) if row is not None and row.month > _last_closed() else None

    async def confirm(self, code: str, side: str, said: str) -> Entry | None:
        """Note once for each side what became of a code, and count it. Returns the entry with what had been said of it
        before, so None in `said` means that this was the first time; None as `find` does. ValueError: not one of SAID.
        """
        if said not in SAID:
            raise ValueError(f"a code is confirmed with one of {', '.join(SAID)}")
        digest, column = digest_of(self._vault, code), _SIDES[side]
        async with self._database.begin() as session:
            row = await session.get(Referral, digest, with_for_update=True)
            if row is None or row.month <= _last_closed():
                return None
            before = _entry(row, side)
            if before.said is None:
                setattr(row, column.key, said)
                await tallies.count_referral(session, f"{said}_{side}", row.country, row.kind)
        return before


async def issue(session: AsyncSession, vault: Vault, code: str, place: Place) -> None:
    """Enter a new code. IntegrityError, once in a very long while, for one that is there already."""
    month = tallies.this_month()
    session.add(
        Referral(
            digest=digest_of(vault, code),
            service_id=place.id,
            kind=place.kind,
            country=place.country,
            month=month,
        )
    )
    await session.flush()
    await tallies.count_referral(session, "made", place.country, place.kind)


async def take_back(session: AsyncSession, vault: Vault, code: str, place: Place) -> None:
    """Make a code worthless; counted once."""
    gone = await session.execute(delete(Referral).where(Referral.digest == digest_of(vault, code)))
    if gone.rowcount:
        await tallies.count_referral(session, "taken_back", place.country, place.kind)


async def forget_old(session: AsyncSession) -> int:
    """Delete the codes that are too old to be confirmed; returns how many."""
    return (await session.execute(delete(Referral).where(Referral.month <= _last_closed()))).rowcount


def _entry(row: Referral, side: str) -> Entry:
    return Entry(row.service_id, row.kind, row.country, row.month, getattr(row, _SIDES[side].key))


def _last_closed() -> str:
    """The newest month whose codes are too old."""
    year, month = map(int, tallies.this_month().split("-"))
    count = year * 12 + month - 1 - VALID_MONTHS
    return f"{count // 12:04}-{count % 12 + 1:02}"
