"""What every export needs to know first: one moment for the whole file, and how much there is to give out."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.directory.exchange.scope import Scope
from bot.directory.hsds import Service


@dataclass(frozen=True)
class Amount:
    """How many services there are to give out, and how many are held back."""

    services: int
    held_back: int


async def snapshot(session: AsyncSession) -> None:
    """Let the whole transaction see one moment; call it first. SQLite's readers do so by themselves."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


async def amount(session: AsyncSession, scope: Scope) -> Amount:
    """How many services the scope gives out, and how many of its dataset it holds back."""
    given = await session.scalar(select(func.count()).select_from(Service).where(scope.services())) or 0
    every = Scope(dataset=scope.dataset).services()
    return Amount(given, (await session.scalar(select(func.count()).select_from(Service).where(every)) or 0) - given)
