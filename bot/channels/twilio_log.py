"""Twilio's log of messages, both ways: what came while nobody was here, and what became of what we sent.

https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from twilio.rest import Client

PAGE = 200  # messages asked for at a time
LIMIT = 10_000  # in all; a day of a busy number


@dataclass(frozen=True)
class Logged:
    """One message of the log. `sent_at` is when Twilio received or accepted it; `body` is empty where it is redacted."""

    sid: str
    inbound: bool
    sender: str
    body: str
    status: str
    error_code: str | None
    media: int
    sent_at: datetime


async def read_log(client: Client, since: datetime, **filters: str) -> list[Logged]:
    """Messages since a moment, oldest first. `filters`: to, from_. Raises what the library raises.

    The log is filtered by whole days (GMT) and comes newest first, a page at a time.
    """
    found: dict[str, Logged] = {}
    day = since.date().isoformat()
    records = await client.messages.stream_async(date_sent_after=day, page_size=PAGE, limit=LIMIT, **filters)
    async for record in records:
        logged = _logged(record)
        if logged and logged.sent_at >= since:
            # A message that arrives while pages are read pushes another onto the next page, where it is read again.
            found[logged.sid] = logged
    # Reversed first: messages of the same second keep the order in which the log has them.
    return sorted(reversed(found.values()), key=lambda logged: logged.sent_at)


def _logged(record: Any) -> Logged | None:
    moment = record.date_created or record.date_sent
    if not (record.sid and moment):
        return None
    return Logged(
        record.sid,
        str(record.direction) == "inbound",
        record.from_ or "",
        record.body or "",
        str(record.status),
        str(record.error_code) if record.error_code else None,
        int(record.num_media or 0),
        moment,
    )
