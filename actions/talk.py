"""Switching language, and erasing after a yes."""

from __future__ import annotations

from actions.base import Result, Told
from bot.content.render import Content


class ChangeLanguage:
    """To a shipped language at once; another is said to be missing; none named is asked for."""

    name = "action_change_language"

    def __init__(self, content: Content) -> None:
        self._content = content

    async def run(self, told: Told) -> Result:
        wanted = told.slots.get("language")
        if isinstance(wanted, list):
            # 'not English, French please': the last one named is the one wanted.
            wanted = wanted[-1]
        result = Result().set("language", None)
        if not wanted:
            return result.say("ask.language")
        if wanted in self._content.languages.shipped:
            return result.say("language.changed", effect=f"language:{wanted}")
        return result.say("language.unknown", language=wanted)


class Erase:
    """After the question in erase_form. The deed itself is an effect the assistant carries out with the answer."""

    name = "action_erase"

    async def run(self, told: Told) -> Result:
        result = Result().set("erase_confirmed", None)
        if told.slots.get("erase_confirmed") is True:
            return result.say("erased", effect="erase")
        if told.slots.get("erase_confirmed") is False:
            return result.say("kept")
        return result
