"""Who did what, written in the transaction of the deed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.console.models import AuditEntry
from bot.db import now

KEPT = timedelta(days=365)
"""How long the log is kept."""

AGAIN = timedelta(minutes=10)
"""A transcript that stays open is one look; after this it is another."""


def write(session: AsyncSession, operator: str, action: str, about: str = "") -> None:
    """Note a deed of an operator's."""
    session.add(AuditEntry(operator=operator, action=action, about=about[:120]))


async def looked(session: AsyncSession, operator: str, about: str, action: str = "looked") -> bool:
    """Whether it is noted that somebody reads a transcript (or what else `action` says), less than AGAIN ago."""
    recent = select(AuditEntry.position).where(
        AuditEntry.at > now() - AGAIN,
        AuditEntry.operator == operator,
        AuditEntry.action == action,
        AuditEntry.about == about,
    )
    return await session.scalar(recent.limit(1)) is not None


async def entries(session: AsyncSession, before: int | None = None, limit: int = 100) -> list[AuditEntry]:
    """The newest entries, or those before a position."""
    query = select(AuditEntry).order_by(AuditEntry.position.desc()).limit(limit)
    return list((await session.scalars(query.where(AuditEntry.position < before) if before else query)).all())


async def forget(session: AsyncSession, until: datetime | None = None) -> None:
    """Delete what has been kept long enough."""
    await session.execute(delete(AuditEntry).where(AuditEntry.at < (until or now() - KEPT)))
