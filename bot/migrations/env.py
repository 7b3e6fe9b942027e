"""Run by Alembic; the connection comes from bot.migrations."""

from alembic import context

import bot.console.models  # noqa: F401
import bot.conversation.card  # noqa: F401
import bot.conversation.lessons  # noqa: F401
import bot.conversation.models  # noqa: F401
import bot.conversation.referral  # noqa: F401
import bot.conversation.understanding  # noqa: F401
import bot.directory.models  # noqa: F401
from bot.db import Base, UtcTime


def _render(kind: str, item: object, autogen: object) -> str | bool:
    """Revisions name database types only, so that they run for ever whatever becomes of our classes."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcTime) else False


def _is_ours(name: str | None, kind: str, parents: object) -> bool:
    """Not what makes up the search's index: models.SPOT_INDEX says it in each database's own words."""
    return not (name or "").startswith(("spot_tree", "ix_spot_point"))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    # SQLite cannot alter a table in place; Alembic then copies it.
    render_as_batch=True,
    render_item=_render,
    include_name=_is_ours,
)
with context.begin_transaction():
    context.run_migrations()
