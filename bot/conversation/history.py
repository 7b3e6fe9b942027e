"""What was sent to one address: for a browser that comes back, and for the command line."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import select

from bot.content.render import Content
from bot.conversation.models import Conversation, OutboxMessage, Person, Recipient
from bot.conversation.outbox import from_text, language_of
from bot.db import Database
from bot.vault import Vault

_LIMIT = 100
_OUT = ("sending", "sent", "delivered", "read", "uncertain")


class History:
    """Reads sent messages of one channel and address, in order."""

    def __init__(self, database: Database, vault: Vault, content: Content, channel: str) -> None:
        self._database = database
        self._vault = vault
        self._content = content
        self._channel = channel

    async def __call__(self, address: str, after: int) -> list[dict[str, Any]]:
        """Messages with an id above `after`: id, text, buttons, location, ask_location, direction, language."""
        lookup = self._vault.lookup(self._channel, address)
        async with self._database.begin(read_only=True) as session:
            found = (
                await session.execute(
                    select(Conversation, Person)
                    .join(Recipient, Recipient.id == Conversation.recipient_id)
                    .join(Person, Person.id == Conversation.person_id)
                    .where(Recipient.channel == self._channel, Recipient.lookup == lookup)
                )
            ).first()
            if found is None:
                return []
            conversation, person = found
            rows = (
                await session.scalars(
                    select(OutboxMessage)
                    .where(
                        OutboxMessage.conversation_id == conversation.id,
                        OutboxMessage.position > after,
                        OutboxMessage.status.in_(_OUT),
                    )
                    .order_by(OutboxMessage.position)
                    .limit(_LIMIT)
                )
            ).all()
        return [self._entry(row, person) for row in rows]

    def _entry(self, row: OutboxMessage, person: Person) -> dict[str, Any]:
        text = self._vault.open(person.wrapped_key, row.sealed, f"{person.id}/outbox/{row.id}")
        language = language_of(text)
        direction = self._content.direction(language)
        return {"id": row.position, "direction": direction, "language": language, **asdict(from_text(text))}
