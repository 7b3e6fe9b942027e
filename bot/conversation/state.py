"""What is remembered of a conversation between two messages; sealed in the database, never in clear."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bot.conversation.pace import Pace
from bot.conversation.referral import Place
from bot.messages import Button


@dataclass(frozen=True)
class State:
    """`events` are the engine's own, returned to it unchanged. `chosen` is a language picked by the person,
    `language` the one last answered in. `choices` are the buttons last offered, so that "2" means the second. `rest` is
    what did not fit into the last SMS and is sent when the person asks to read on. `topic` is the answer last given.
    `unrated` are answers that can still be rated, `just_answered` the one that was said last (bot.conversation.feedback).
    `erase_asked`: the next message says whether everything is deleted, without the engine. `shown` is the place whose
    details were last given, for which a code can be asked. `to_ask` names the follow-up whose question goes with the next
    answer, and `asked` its choices, which can still be named by their titles when others have been offered since.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    language: str | None = None
    chosen: str | None = None
    country: str | None = None
    region: str | None = None
    choices: tuple[Button, ...] = ()
    greeted: bool = False
    draft_noted: bool = False
    rest: str = ""
    topic: str | None = None
    erase_asked: bool = False
    unrated: tuple[str, ...] = ()
    just_answered: str = ""
    pace: Pace = Pace()
    shown: Place | None = None
    to_ask: str | None = None
    asked: tuple[Button, ...] = ()

    @property
    def asks_to_erase(self) -> bool:
        """Whether the last thing asked was 'Shall I delete everything?', which nothing may come between."""
        return any(choice.payload == "intent:affirm" for choice in self.choices)

    def to_text(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> State:
        data = json.loads(text)
        return cls(
            **{
                **data,
                "pace": Pace(**data.get("pace", {})),
                "unrated": tuple(data.get("unrated") or ()),
                "choices": tuple(Button(**choice) for choice in data["choices"]),
                "asked": tuple(Button(**choice) for choice in data.get("asked", ())),
                "shown": Place(**data["shown"]) if data.get("shown") else None,
            }
        )

    def forget_dialogue(self) -> State:
        """The same without the engine's events: used when the engine cannot read them any more."""
        return replace(self, events=[])
