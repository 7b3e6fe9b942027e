"""Counting as it happens, without ids: what reports are made of."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.conversation.models import Tally
from bot.db import now


async def count_turn(
    session: AsyncSession, channel: str, language: str, parse: dict | None, crisis: str | None
) -> None:
    """One answered message, by channel, language and topic; a language that is not shipped is counted as asked for."""
    await _count(session, "channel", channel)
    await _count(session, "language", language)
    if crisis:
        await _count(session, "crisis", crisis)
    if parse:
        await _count(session, "intent", str((parse.get("intent") or {}).get("name")))
        await _count(session, "decision", str(parse.get("decision")))
        detected = parse.get("detected")
        if detected and detected != language:
            await _count(session, "language_asked_for", detected)


async def _count(session: AsyncSession, kind: str, key: str) -> None:
    day = now().date().isoformat()
    row = {"day": day, "kind": kind, "key": key[:64]}
    statement = update(Tally).filter_by(**row).values(count=Tally.count + 1)
    if (await session.execute(statement)).rowcount:
        return
    try:
        async with session.begin_nested():
            session.add(Tally(**row, count=1))
    except IntegrityError:
        await session.execute(statement)
