"""Forgetting a person: their key and every row. What an old backup holds can then no longer be opened."""

from __future__ import annotations

from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.conversation.models import Conversation, InboxMessage, OutboxMessage, Person, Recipient, Tombstone
from bot.db import new_id
from bot.vault import Vault

FAREWELL = "farewell"
"""Marks the last word to somebody erased, so that what it needed is erased as well."""


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


async def say_farewell(session: AsyncSession, vault: Vault, channel: str, address: str, texts: list[str]) -> None:
    """Queue a last word to somebody just erased, as a new person who has nothing but this; retention removes it."""
    person_id, recipient_id, conversation_id = new_id(), new_id(), new_id()
    wrapped = vault.new_key(person_id)
    session.add(Person(id=person_id, wrapped_key=wrapped))
    await session.flush()
    sealed = vault.seal(wrapped, address, f"{person_id}/recipient/{recipient_id}")
    lookup = vault.lookup(channel, address)
    session.add(Recipient(id=recipient_id, person_id=person_id, channel=channel, lookup=lookup, sealed=sealed))
    await session.flush()
    session.add(Conversation(id=conversation_id, person_id=person_id, recipient_id=recipient_id))
    await session.flush()
    for text in texts:
        row_id = new_id()
        body = vault.seal(wrapped, text, f"{person_id}/outbox/{row_id}")
        session.add(
            OutboxMessage(id=row_id, conversation_id=conversation_id, channel=channel, sealed=body, error_code=FAREWELL)
        )


async def forget_after_farewell(session: AsyncSession, person_id: str) -> None:
    """Erase what the last word needed, unless the person has written again meanwhile."""
    wrote = exists().where(Conversation.person_id == person_id, InboxMessage.conversation_id == Conversation.id)
    await session.execute(delete(Person).where(Person.id == person_id, ~wrote))


async def forget_all_farewells(session: AsyncSession) -> None:
    """The same for everybody whose last word is out: after a restart, and with every retention round."""
    said = (
        select(Conversation.person_id)
        .join(OutboxMessage, OutboxMessage.conversation_id == Conversation.id)
        .where(OutboxMessage.error_code == FAREWELL, OutboxMessage.status.not_in(("queued", "sending")))
    )
    for person_id in (await session.scalars(said)).all():
        await forget_after_farewell(session, person_id)
