"""Whether somebody writes as a person does: ends talks between two machines, and caps what one sender costs in a day.

Danger, STOP and the other words that must always work are answered before this is asked.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from bot.safety.phrases import fold

Verdict = Literal["answer", "limit", "silence"]

SAME = 3
"""The same sentence is answered this often in a row: an automatic reply says the same for ever."""
QUICK = 4
"""Long messages in a row, each within SOON of our answer, are answered this often: nobody types like that."""
SOON = 8.0
"""Seconds."""
_SENTENCE = 12
_LONG = 60
"""Characters: short messages (a number, MORE, a town) are repeated by people, and long ones are not typed in no time."""


@dataclass(frozen=True)
class Pace:
    """What is remembered of how somebody writes; kept in the sealed state. `last` is a hash, times are Unix seconds."""

    day: str = ""
    count: int = 0
    last: str = ""
    same: int = 0
    quick: int = 0
    answered_at: float = 0.0


def judge(pace: Pace, text: str, at: float, limit: int, *, pressed: bool = False) -> tuple[Pace, Verdict]:
    """The pace with this message, and what to do with it. `pressed`: a button of ours, which people may press at will.

    limit: messages answered in a day (UTC); the first above it is told so, those after it hear nothing.
    """
    day = datetime.fromtimestamp(at, UTC).date().isoformat()
    count = pace.count + 1 if pace.day == day else 1
    folded = fold(text)
    name = hashlib.sha256(folded.encode()).hexdigest()[:16]
    same = pace.same + 1 if not pressed and len(folded) >= _SENTENCE and name == pace.last else 1
    is_quick = not pressed and len(text) >= _LONG and at - pace.answered_at < SOON
    quick = pace.quick + 1 if is_quick else 0
    seen = replace(pace, day=day, count=count, last=name, same=same, quick=quick)
    if count > limit:
        return seen, "limit" if count == limit + 1 else "silence"
    if same > SAME or quick >= QUICK:
        # As if answered now: a machine that waits for us keeps being quick.
        return replace(seen, answered_at=at), "silence"
    return replace(seen, answered_at=at), "answer"
