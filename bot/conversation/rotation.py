"""Wraps all personal keys with the newest master key, a batch at a time, beside everything else that runs.

Texts stay as they are: they are sealed with the person's own key, and only its wrapping changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import select, update

from bot.conversation.models import Person
from bot.db import Database
from bot.vault import Vault, version_of

_BATCH = 500
"""People in one transaction: some tens of milliseconds, so that on SQLite no message waits for long."""


async def rewrap(
    database: Database,
    vault: Vault,
    holders: Iterable[type] = (Person,),
    *,
    batch: int = _BATCH,
    done: Callable[[int], None] = lambda count: None,
) -> int:
    """Wrap every key that an older master has wrapped; returns how many there were, `done` is told after each batch.

    holders: the tables whose rows have a key of their own (`id`, `wrapped_key`).

    Safe to break off and to begin again. Somebody who is erased meanwhile is left out. Raises VaultError for a key
    whose master is not here: nothing of that batch is then written.
    """
    count = 0
    for holder in holders:
        count += await _rewrap(database, vault, holder, batch, lambda more, so_far=count: done(so_far + more))
    return count


async def _rewrap(database: Database, vault: Vault, holder: type, batch: int, done: Callable[[int], None]) -> int:
    count, last = 0, ""
    while True:
        async with database.begin(read_only=True) as session:
            query = select(holder.id, holder.wrapped_key).where(holder.id > last).order_by(holder.id).limit(batch)
            rows = (await session.execute(query)).all()
        if not rows:
            return count
        last = rows[-1].id
        renewed = [(row, vault.rewrapped(row.wrapped_key, row.id)) for row in rows]
        renewed = [(row, wrapped) for row, wrapped in renewed if wrapped is not None]
        if renewed:
            async with database.begin() as session:
                for row, wrapped in renewed:
                    # Only if it is still what we read: another rotation may have been here.
                    found = await session.execute(
                        update(holder)
                        .where(holder.id == row.id, holder.wrapped_key == row.wrapped_key)
                        .values(wrapped_key=wrapped)
                        .execution_options(synchronize_session=False)
                    )
                    count += found.rowcount
        done(count)


async def versions(database: Database, holders: Iterable[type] = (Person,)) -> dict[int, int]:
    """How many keys each version of the master key has wrapped."""
    found: dict[int, int] = {}
    for holder in holders:
        last = ""
        while True:
            async with database.begin(read_only=True) as session:
                query = select(holder.id, holder.wrapped_key).where(holder.id > last).order_by(holder.id).limit(10_000)
                rows = (await session.execute(query)).all()
            if not rows:
                break
            last = rows[-1].id
            for row in rows:
                version = version_of(row.wrapped_key)
                found[version] = found.get(version, 0) + 1
    return found
