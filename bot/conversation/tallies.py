"""Counting as it happens, without ids: what reports are made of.

People are counted under the first day of the month, all else under the day. A table of a report is the sum of one kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.conversation.models import Handoff, Tally
from bot.db import now

WAITS = ("5m", "15m", "1h", "4h", "24h", "more")
"""How long somebody waited for a person of the team: up to so much."""

_STEPS = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 60, 240, 1440))


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


def this_month() -> str:
    """The month in UTC, as 2026-11."""
    return now().date().isoformat()[:7]


async def count_person(session: AsyncSession, channel: str, language: str) -> None:
    """Somebody who writes for the first time in this month."""
    await _count(session, "people_channel", channel, of_month=True)
    await _count(session, "people_language", language, of_month=True)


async def count_country(session: AsyncSession, country: str) -> None:
    """The country of somebody who was counted in this month."""
    await _count(session, "people_country", country, of_month=True)


async def count_conversation(session: AsyncSession, language: str) -> None:
    """The first message after a day's silence, or ever."""
    await _count(session, "conversations", language)


async def count_unanswered(session: AsyncSession, language: str) -> None:
    """A message that was not understood well enough to answer."""
    await _count(session, "unanswered", language)


async def count_topic(session: AsyncSession, topic: str, language: str, country: str | None) -> None:
    """An answer that was given, also by language and by country (XX: none was named)."""
    await _count(session, "topic", topic)
    await _count(session, "topic_language", f"{topic} {language}")
    await _count(session, "topic_country", f"{topic} {country or 'XX'}")


async def count_search(session: AsyncSession, service: str, found: bool) -> None:
    """A search for places, and whether there were any."""
    await _count(session, "services_found" if found else "services_missing", service)


async def count_hand_off(session: AsyncSession, conversation_id: str, reason: str, language: str) -> None:
    """Somebody now waits for a person of the team; not counted again while they wait already."""
    waiting = exists().where(Handoff.conversation_id == conversation_id, Handoff.closed_at.is_(None))
    if not await session.scalar(select(waiting)):
        await _count(session, "handed_over", reason)
        await _count(session, "handed_over_language", language)


async def count_wait(session: AsyncSession, since: datetime, until: datetime) -> None:
    """How long somebody waited until one of the team took over."""
    step = next((name for name, limit in zip(WAITS, _STEPS, strict=False) if until - since <= limit), WAITS[-1])
    await _count(session, "waited", step)


async def count_referral(session: AsyncSession, step: str, country: str, service: str) -> None:
    """A step of a referral (made, asked, reached_person, ...), by kind of service and country; XX: in no country."""
    await _count(session, f"referral_{step}", f"{service} {country or 'XX'}")


async def count_rating(session: AsyncSession, topic: str, language: str, version: str, up: bool) -> None:
    """Somebody said whether an answer helped, as it is said in a language by a version of the content."""
    await _count(session, "helpful" if up else "unhelpful", f"{topic}/{language}/{version}")


async def count_unknown_facts(session: AsyncSession, country: str, facts: Iterable[str]) -> None:
    """An answer was given without what it should say about a country; '*' for a country nobody has written about."""
    for fact in facts:
        await _count(session, "fact_missing", f"{country}/{fact}")


async def count_no_intent(session: AsyncSession, language: str) -> None:
    """Staff found a sentence that no intent fits."""
    await _count(session, "intent_missing", language)


async def _count(session: AsyncSession, kind: str, key: str, *, of_month: bool = False) -> None:
    day = f"{this_month()}-01" if of_month else now().date().isoformat()
    row = {"day": day, "kind": kind, "key": key[:64]}
    statement = update(Tally).filter_by(**row).values(count=Tally.count + 1)
    if (await session.execute(statement)).rowcount:
        return
    try:
        async with session.begin_nested():
            session.add(Tally(**row, count=1))
    except IntegrityError:
        await session.execute(statement)
