"""The words about referral codes: offered, given, taken back, asked about, and what each answer leads to."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

from babel.dates import format_date

from bot.messages import Button, ChannelTraits

KEPT_DAYS = 45
"""Days that a person's own side of a referral is kept: longer than anybody waits to be asked, with time to answer."""


def place_tag(place_id: str) -> str:
    """A place in a button's payload, which has little room: 12 hexadecimal digits."""
    return hashlib.sha256(place_id.encode()).hexdigest()[:12]


class ReferralWords:
    """Blocks (as keyword arguments) for every key `referral.*`. `voice` is a `bot.content.voice.Voice`."""

    def __init__(self, voice: Any, words: Any, traits: ChannelTraits) -> None:
        self._say = voice
        self._words = words
        self._traits = traits

    def say(self, key: str, args: dict[str, Any]) -> dict[str, Any]:
        """The block of one response; one that is not here is said as it stands in content/."""
        method = getattr(self, "_" + key.removeprefix("referral."), None)
        return method(**args) if method else {"text": self._say.word(key)}

    def _ask(self, place: str, days: int, tag: str) -> dict[str, Any]:
        """The one question before a code is given: may we ask later? No is as good an answer as yes."""
        buttons = (
            self._say.button("referral_yes", f"refer-yes:{tag}"),
            self._say.button("referral_no", f"refer-no:{tag}"),
        )
        return {"text": self._say.word("referral.ask", place=place, days=days), "buttons": buttons}

    def _code(self, code: str, place: str, tag: str, ask_on: str | None) -> dict[str, Any]:
        """The code first: on a locked phone nothing else shows."""
        say = self._say.word
        extras = [say("referral.show", place=place)]
        if ask_on:
            day = format_date(date.fromisoformat(ask_on), "d MMMM", locale=self._words.language)
            extras.append(say("referral.will_ask", date=day))
        if self._say.promises.confirm_url:
            extras.append(say("referral.staff", url=self._say.promises.confirm_url))
        extras.append(say("referral.hint", word=self._words.words["referral.word"], kept=KEPT_DAYS))
        buttons = (self._back(tag), self._say.button("show_menu", "intent:show_menu"))
        return {"text": say("referral.code", code=code), "extras": tuple(extras), "buttons": buttons}

    def _yours(self, codes: list[dict[str, str]]) -> dict[str, Any]:
        lines = [self._say.in_order(one["code"]) for one in codes]
        one_only = len(codes) == 1
        buttons = tuple(
            self._back(one["tag"]) if one_only else Button(f"✕ {one['code']}", f"refer-back:{one['tag']}")
            for one in codes
        )
        text = "\n".join([self._say.word("referral.yours"), *lines])
        if not one_only:
            text += "\n" + self._say.word("referral.which_back")
        return {"text": text, "buttons": (*buttons, self._say.button("show_menu", "intent:show_menu"))}

    def _enough(self) -> dict[str, Any]:
        return {"text": self._say.word("referral.enough", word=self._words.words["referral.word"])}

    def _follow_up(self, code: str, id: str) -> dict[str, Any]:
        """Nothing in it says what the code was for."""
        titles = ("reached", "away", "other", "waiting")
        buttons = tuple(self._say.button(f"referral_{title}", f"went:{id}:{title}") for title in titles)
        return {"text": self._say.word("referral.follow_up", code=code), "buttons": buttons}

    def _reached(self, kind: str | None = None) -> dict[str, Any]:
        buttons = (self._say.button("show_menu", "intent:show_menu"), self._human())
        return {"text": self._say.word("referral.reached"), "buttons": buttons}

    def _away(self, kind: str | None = None) -> dict[str, Any]:
        """Where to complain in that country, another place, and a person."""
        refused = self._say.refused()
        buttons = [self._other(kind), self._human()]
        buttons += [button for button in refused.buttons if button.payload not in {one.payload for one in buttons}]
        return {
            "text": self._say.word("referral.away"),
            "extras": (refused.text, *refused.extras),
            "buttons": tuple(buttons),
            "draft": refused.draft,
        }

    def _waiting(self, kind: str | None = None) -> dict[str, Any]:
        return {"text": self._say.word("referral.waiting"), "buttons": (self._other(kind), self._human())}

    def _other(self, kind: str | None) -> Button:
        return self._say.button("referral_other", f"find:{kind}" if kind else "intent:find_service")

    def _human(self) -> Button:
        return self._say.button("talk_to_human", "intent:talk_to_human")

    def _back(self, tag: str) -> Button:
        return self._say.button("referral_back", f"refer-back:{tag}")
