"""Nothing identifying at rest: numbers, names and texts of many people, looked for in everything that is written.

FAROL_CANARIES=10000 runs it as promised; the ordinary run takes fewer.
"""

from __future__ import annotations

import hashlib
import os
import secrets

from sqlalchemy import select

from bot.conversation.models import Recipient, Tally
from bot.messages import Inbound
from nlu.contract import Response
from tests.conversation.fakes import reply
from tests.trust.conftest import bytes_on_disk

MANY = int(os.environ.get("FAROL_CANARIES", "25"))


def canaries() -> list[tuple[str, str, str]]:
    """(number, name, text) that nobody else has."""
    return [
        (f"+3369{number:08d}", f"Nomcanari{secrets.token_hex(4)}", f"secret canari {secrets.token_hex(6)} à {number}")
        for number in range(10_000_000, 10_000_000 + MANY)
    ]


async def test_no_number_name_or_text_is_anywhere_in_clear(assistant, tmp_path, logged):
    people = canaries()
    # The engine's own events repeat what was said; they are kept, too.
    assistant.engine.answer = lambda request: reply(
        Response("ask.place_again", {"place": request.text}), events=[{"event": "user", "text": request.text}]
    )
    for position, (number, name, text) in enumerate(people):
        said = f"{text}, je m'appelle {name}, {number}"
        await assistant.inbox.accept(Inbound("web", f"m{position}", number, said))
    await assistant.workers.drain()
    await assistant.sender.drain()
    assert len({address for address, _ in assistant.channel.sent}) == MANY
    async with assistant.database.begin() as session:
        tallies = [(row.kind, row.key) for row in await session.scalars(select(Tally))]
        lookups = set(await session.scalars(select(Recipient.lookup)))
    held = bytes_on_disk(tmp_path)
    assert b"SQLite format 3" in held and (tmp_path / "farol.db-wal").exists()
    written = "\n".join(logged) + repr(tallies)
    for number, name, text in people:
        for canary in (number[1:], name, text):
            assert canary.encode() not in held and canary.encode("utf-16-le") not in held
            assert canary not in written
        # Nor as a hash that somebody could make of every number there is.
        digests = {hashlib.new(kind, number.encode()).hexdigest() for kind in ("md5", "sha1", "sha256")}
        assert not digests & lookups
    assert len(lookups) == MANY


async def test_the_database_alone_does_not_tell_whether_a_number_is_in_it(assistant):
    """Whoever has the file and tries every number needs the look-up key, which is not in it."""
    from bot.vault import Vault

    await assistant.receive("hello", sender="+15005550006")
    async with assistant.database.begin() as session:
        lookup = (await session.scalars(select(Recipient.lookup))).one()
    assert lookup == assistant.vault.lookup("web", "+15005550006")
    assert lookup != Vault(secrets.token_bytes(32)).lookup("web", "+15005550006")


async def test_the_engine_is_told_no_address(assistant):
    await assistant.receive("hello", sender="+15005550006")
    assert "15005550006" not in repr(assistant.engine.requests[0].to_json())
