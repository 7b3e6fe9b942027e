"""Referrals: a code a person shows at a service, and the one question they may have agreed to be asked about it.

Two tables with no column in common but the code itself, sealed on the person's side and a digest on the other: erasing a
person leaves only the side without them. docs/privacy.md says what the whole database may still tell.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from bot.content.referrals import KEPT_DAYS
from bot.db import Base, UtcTime, new_id, now
from bot.vault import Vault

VALID_MONTHS = 6
"""Months a code can be confirmed in, the one it was issued in included; after that its row is deleted."""

KEPT = timedelta(days=KEPT_DAYS)
"""How long a person's own side of a referral is kept, as they are told."""

REACHED, AWAY, OTHER, WAITING = "reached", "away", "other", "waiting"
OUTCOMES = (REACHED, AWAY, OTHER, WAITING)
"""What a person can say became of it: was helped, was turned away, needs another place, still waits."""

SAID = (REACHED, AWAY)
"""What a service or one of the team can say: the person came, or could not be helped."""


class Referral(Base):
    """A code that was given out, by its keyed digest: for which service, of what kind, in which country and month.

    `service_said` and `team_said` are what was said of it, each once: on the page for services, and in the console.
    """

    __tablename__ = "referral"
    # SQLite then keeps the rows by their digests, and not in the order in which people came.
    __table_args__ = {"sqlite_with_rowid": False}

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    service_id: Mapped[str] = mapped_column(String(36))
    kind: Mapped[str] = mapped_column(String(32))
    country: Mapped[str] = mapped_column(String(2))
    month: Mapped[str] = mapped_column(String(7), index=True)
    service_said: Mapped[str | None] = mapped_column(String(8))
    team_said: Mapped[str | None] = mapped_column(String(8))


class FollowUp(Base):
    """A person's own side: `sealed` is a Pledge under their key. `due_at` is when they may be asked, None when they did
    not agree to it or have been; `asked_at` is when they were. Gone once they have answered."""

    __tablename__ = "follow_up"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    due_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)
    asked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now, index=True)


@dataclass(frozen=True)
class Place:
    """A service as it was shown: `id` in the directory, `name` as the person read it, the `kind` that was looked for,
    its `country` (ISO 3166; empty when it lies in none)."""

    id: str
    name: str
    kind: str
    country: str = ""


@dataclass(frozen=True)
class Pledge:
    """What a person was given: the code, for which place, and the language they were to be asked in."""

    code: str
    place: Place
    language: str

    def to_text(self) -> str:
        """As JSON, to be sealed."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> Pledge:
        """Read back what `to_text` wrote."""
        data = json.loads(text)
        return cls(data["code"], Place(**data["place"]), data["language"])


def digest_of(vault: Vault, code: str) -> str:
    """What a code is found by; without the key file it cannot be tested."""
    return vault.lookup("referral", code)


def row_name(person_id: str, row_id: str) -> str:
    """The place a sealed pledge is bound to (bot.vault)."""
    return f"{person_id}/follow_up/{row_id}"
