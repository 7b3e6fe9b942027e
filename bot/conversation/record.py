"""What is written down with every answer besides the answer: what was understood, where the conversation stands, counts.

All of it in the transaction that stores the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from bot.conversation import card as cards
from bot.conversation import tallies
from bot.conversation import understanding as understandings
from bot.conversation.card import VISIT, Card, Summary
from bot.conversation.leases import Held
from bot.conversation.models import InboxMessage
from bot.conversation.state import State
from bot.conversation.understanding import Understanding, Understood
from bot.vault import Vault
from nlu.contract import Response


@dataclass(frozen=True)
class Seen:
    """A message as it was understood, the state after it, what was said, and what should have been: `unknown` facts."""

    understanding: Understanding
    state: State
    responses: list[Response]
    unknown: tuple[str, ...] = ()


async def record(
    session: AsyncSession, vault: Vault, held: Held, message: InboxMessage, card: Card | None, seen: Seen
) -> None:
    """Write what was understood of `message`, bring the conversation's card up to date, and count."""
    about, state = seen.understanding, seen.state
    name = understandings.row_name(held.person_id, message.id)
    sealed = vault.seal(held.wrapped_key, about.to_text(), name)
    review = None if held.stopped or held.paused else about.review
    session.add(Understood(inbox_id=message.id, sealed=sealed, review=review))
    returned = card is None or message.received_at - card.last_in_at > VISIT
    if card is None:
        card = Card(conversation_id=held.conversation_id, counted="", fence=0, last_in_at=message.received_at)
        session.add(card)
    card.last_in_at = message.received_at
    summary = Summary(about.language, state.country, about.crisis or state.topic, about.decision, about.confidence)
    name = cards.row_name(held.person_id, held.conversation_id)
    card.sealed = vault.seal(held.wrapped_key, summary.to_text(), name)
    card.counted = await _count(session, held, card.counted, returned, seen)


async def _count(session: AsyncSession, held: Held, counted: str, returned: bool, seen: Seen) -> str:
    """Count the person once a month, their country once it is known, and what was asked; returns the new mark."""
    language, country = seen.understanding.language, seen.state.country
    month = tallies.this_month()
    if not counted.startswith(month):
        await tallies.count_person(session, held.channel, language)
        counted = month
    if country and counted == month:
        await tallies.count_country(session, country)
        counted = f"{month}+"
    if returned:
        await tallies.count_conversation(session, language)
    if seen.understanding.decision == "ask_back":
        await tallies.count_unanswered(session, language)
    if country:
        await tallies.count_unknown_facts(session, country, seen.unknown)
    for response in seen.responses:
        if response.key == "topic":
            await tallies.count_topic(session, str(response.args.get("topic")), language, country)
        elif response.key == "places" and response.args.get("first") == 1:
            await tallies.count_search(session, str(response.args.get("service")), bool(response.args.get("found")))
    return counted
