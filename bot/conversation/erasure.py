"""Forgetting a person: their key and every row, and what the providers still show or keep of their messages.

The last word ("everything is deleted") needs an address for some moments. It goes out under a new person who has nothing
else and is forgotten as well, LEAVING later, whether the word could be delivered or not (bot.conversation.clearing).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.conversation.models import (
    Conversation,
    InboxMessage,
    OutboxMessage,
    Person,
    Recipient,
    Removal,
    Tombstone,
)
from bot.db import new_id, now
from bot.vault import Vault

LEAVING = timedelta(seconds=30)
"""How long the last word and the removals at the providers have: all is over well within the minute promised."""


@dataclass(frozen=True)
class Trace:
    """Messages of one conversation that its provider deletes when it is asked to."""

    channel: str
    address: str
    message_ids: tuple[str, ...]


async def forget(
    session: AsyncSession,
    vault: Vault,
    person_id: str,
    reach: Mapping[str, timedelta],
    *,
    channel: str | None = None,
    texts: list[str] | None = None,
) -> None:
    """Erase a person in this transaction; leaves behind only what the last word (`texts`, said on `channel`) and the
    removals at the providers need. `reach`: how old a message each channel can delete."""
    found = await traces(session, vault, person_id, reach)
    addresses = {trace.channel: trace.address for trace in found}
    await erase_person(session, vault, person_id)
    if texts and channel in addresses:
        leaving = await _newcomer(session, vault)
        await _say(session, vault, leaving, channel, addresses[channel], texts)
    elif any(trace.message_ids for trace in found):
        leaving = await _newcomer(session, vault)
    else:
        return
    for trace in found:
        await ask_removal(session, vault, leaving.id, leaving.wrapped_key, trace)


def tombstone(vault: Vault, channel: str, provider_id: str) -> str:
    """By what a message of somebody erased is known again; without the key it says nothing."""
    return vault.lookup(f"tombstone {channel}", provider_id)


async def erase_person(session: AsyncSession, vault: Vault, person_id: str) -> None:
    """Delete the key and, by cascade, addresses, conversations, messages and hand-overs.

    Only digests of their messages' ids stay for some days: a provider may offer one of them again.
    """
    messages = await session.execute(
        select(InboxMessage.channel, InboxMessage.provider_id)
        .join(Conversation, Conversation.id == InboxMessage.conversation_id)
        .where(Conversation.person_id == person_id)
    )
    session.add_all(Tombstone(digest=tombstone(vault, *message)) for message in messages.all())
    await session.execute(delete(Person).where(Person.id == person_id))
    await session.flush()


async def traces(session: AsyncSession, vault: Vault, person_id: str, reach: Mapping[str, timedelta]) -> list[Trace]:
    """Every address of a person, with the messages that can still be deleted there (none on other channels)."""
    rows = await session.execute(
        select(Recipient, Conversation.id, Person.wrapped_key)
        .join(Conversation, Conversation.recipient_id == Recipient.id)
        .join(Person, Person.id == Recipient.person_id)
        .where(Recipient.person_id == person_id)
    )
    found = []
    for recipient, conversation_id, wrapped in rows.all():
        address = vault.open(wrapped, recipient.sealed, f"{person_id}/recipient/{recipient.id}")
        ids: list[str] = []
        if recipient.channel in reach:
            since = now() - reach[recipient.channel]
            received = await session.scalars(
                select(InboxMessage).where(
                    InboxMessage.conversation_id == conversation_id, InboxMessage.received_at > since
                )
            )
            for message in received:
                body = json.loads(vault.open(wrapped, message.sealed, f"{person_id}/inbox/{message.id}"))
                ids.append(body.get("message_id") or "")
            sent = await session.scalars(
                select(OutboxMessage.provider_id).where(
                    OutboxMessage.conversation_id == conversation_id, OutboxMessage.created_at > since
                )
            )
            ids += [provider_id or "" for provider_id in sent]
        found.append(Trace(recipient.channel, address, tuple(filter(None, ids))))
    return found


async def ask_removal(session: AsyncSession, vault: Vault, person_id: str, wrapped: bytes, trace: Trace) -> None:
    """Have the provider's copies deleted soon."""
    if not trace.message_ids:
        return
    row_id = new_id()
    order = json.dumps({"address": trace.address, "message_ids": trace.message_ids})
    sealed = vault.seal(wrapped, order, f"{person_id}/removal/{row_id}")
    session.add(Removal(id=row_id, person_id=person_id, channel=trace.channel, sealed=sealed))


async def forget_all_farewells(session: AsyncSession, before: datetime | None = None) -> int:
    """Erase those who were leaving `before` (default: all); somebody who has written again meanwhile stays.

    Returns how many were erased.
    """
    wrote = exists().where(Conversation.person_id == Person.id, InboxMessage.conversation_id == Conversation.id)
    leaving = Person.leaving_at.is_not(None)
    if before is not None:
        leaving = leaving & (Person.leaving_at < before)
    quietly = {"synchronize_session": False}
    await session.execute(update(Person).where(leaving, wrote).values(leaving_at=None), execution_options=quietly)
    gone = await session.execute(delete(Person).where(leaving, ~wrote), execution_options=quietly)
    return gone.rowcount


async def _newcomer(session: AsyncSession, vault: Vault) -> Person:
    person_id = new_id()
    person = Person(id=person_id, wrapped_key=vault.new_key(person_id), leaving_at=now())
    session.add(person)
    await session.flush()
    return person


async def _say(
    session: AsyncSession, vault: Vault, person: Person, channel: str, address: str, texts: list[str]
) -> None:
    recipient_id, conversation_id = new_id(), new_id()
    sealed = vault.seal(person.wrapped_key, address, f"{person.id}/recipient/{recipient_id}")
    lookup = vault.lookup(channel, address)
    session.add(Recipient(id=recipient_id, person_id=person.id, channel=channel, lookup=lookup, sealed=sealed))
    await session.flush()
    session.add(Conversation(id=conversation_id, person_id=person.id, recipient_id=recipient_id))
    await session.flush()
    for text in texts:
        row_id = new_id()
        body = vault.seal(person.wrapped_key, text, f"{person.id}/outbox/{row_id}")
        session.add(OutboxMessage(id=row_id, conversation_id=conversation_id, channel=channel, sealed=body))
