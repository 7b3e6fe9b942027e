"""Who may do what in the console."""

from __future__ import annotations

from enum import Enum


class May(Enum):
    """One thing a role may do; every page and action of the console names the one it needs."""

    WATCH = "watch"
    """Read conversations."""
    ANSWER = "answer"
    """Take over, write, note, hand back."""
    READ = "read"
    """Browse content and reports."""
    LEARN = "learn"
    """Read sentences without anybody's name or number, and say what they mean."""
    EDIT = "edit"
    """Take labelled sentences away, change content and the directory."""
    AUDIT = "audit"
    """See who did what."""


ROLES: dict[str, frozenset[May]] = {
    "viewer": frozenset({May.WATCH, May.READ}),
    "operator": frozenset({May.WATCH, May.ANSWER, May.READ, May.LEARN}),
    # Whoever tends the texts needs no transcripts.
    "editor": frozenset({May.READ, May.LEARN, May.EDIT}),
    "admin": frozenset(May),
}
