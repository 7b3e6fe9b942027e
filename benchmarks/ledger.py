"""Decides, from what the providers saw and nothing else, what was lost, said twice or out of order."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import asdict, dataclass, field

_ANSWER = re.compile(r"answer to m(\d+)\b")
SAFE = "technical problem"
"""Of the safe answer, in English: it answers some message, and does not say which."""


@dataclass(frozen=True)
class Verdict:
    """Counts over all people. lost: messages acknowledged and answered by nothing, not even the safe answer."""

    people: int
    acknowledged: int
    answered: int
    safe_answers: int
    lost: int
    doubled: int
    out_of_order: int

    def to_json(self) -> dict[str, int]:
        return asdict(self)


@dataclass
class Ledger:
    """`acknowledged` and `said` by address: numbers of messages taken with a 2xx, texts as the provider got them."""

    acknowledged: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    said: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def complete(self) -> bool:
        """Whether everybody has as many answers as messages."""
        return all(
            len(set(self._answers(who))) + self._safe(who) >= len(set(n)) for who, n in self.acknowledged.items()
        )

    def verdict(self) -> Verdict:
        """What became of everything."""
        lost = doubled = out_of_order = answered = safe = 0
        for who, numbers in self.acknowledged.items():
            answers, safe_here = self._answers(who), self._safe(who)
            once = list(dict.fromkeys(answers))
            answered += len(once)
            safe += safe_here
            lost += max(0, len(set(numbers)) - len(once) - safe_here)
            doubled += len(answers) - len(once)
            out_of_order += sum(a > b for a, b in zip(once, once[1:], strict=False))
        total = sum(len(set(numbers)) for numbers in self.acknowledged.values())
        return Verdict(len(self.acknowledged), total, answered, safe, lost, doubled, out_of_order)

    def _answers(self, who: str) -> list[int]:
        return [int(found[1]) for text in self.said[who] if (found := _ANSWER.search(text))]

    def _safe(self, who: str) -> int:
        return sum(SAFE in text for text in self.said[who])
