"""What counts as an answer to a question of a form, and what is the person going on to something else."""

from __future__ import annotations

from typing import Any

from actions.base import Result, Told
from actions.wishes import Wishes
from bot.content.countries import find_country, is_country
from bot.content.load import SERVICES
from bot.content.render import Content
from bot.db import Database
from bot.directory import places

_SURE = 0.7
"""From this confidence a message that also happens to be a place's name ('Nice', 'Reading') is taken by its intent."""

_STAYING = {
    "nlu_fallback",
    "affirm",
    "find_service",
    "choose",
    "more_results",
    "service_details",
    "out_of_scope",
    "change_language",
}
"""Intents a bare name of a town, a country or a service is likely to be mistaken for."""

_WHOLE_COUNTRY: list = []


class ValidateCountry:
    """country_form: a country's name in any language, 'no' for rather not saying, or something else entirely."""

    name = "validate_country_form"

    def __init__(self, content: Content) -> None:
        self._languages = tuple(content.languages.shipped)

    async def run(self, told: Told) -> Result:
        given = told.slots.get("country")
        if isinstance(given, list):
            # Two countries in one answer ('from Mali, now in France'): the text decides, or the question is repeated.
            given = told.text
        if not given or given == "none" or is_country(given):
            return Result()
        code = find_country(given, self._languages)
        if code:
            return Result().set("country", code).set("unread", None)
        result = Result().set("country", None)
        if told.intent not in _STAYING:
            return result.leave_form("country_form")
        return result.set("unread", given[:60])


class AskCountry:
    """The question for the country, or the same again when the answer could not be read."""

    name = "action_ask_country"

    async def run(self, told: Told) -> Result:
        return Result().say("ask.country_again" if told.slots.get("unread") else "ask.country").set("unread", None)


class ValidateFindService:
    """find_service_form: a kind of service, and a place that exists."""

    name = "validate_find_service_form"

    def __init__(self, content: Content, database: Database) -> None:
        self._content = content
        self._database = database

    async def run(self, told: Told) -> Result:
        result = Result()
        asked = told.slots.get("requested_slot")
        if told.intent not in _STAYING and (asked or told.confidence >= _SURE):
            answered = asked == "place" and told.confidence < _SURE and await self._resolve(told.text, told)
            if not answered:
                return (
                    result.set("service", None).set("place", None).set("wishes", None).leave_form("find_service_form")
                )
        wishes = Wishes.of(told.slots.get("wishes")).and_those_of(told, self._content)
        result.set("wishes", wishes.kept())
        self._service(told, result)
        await self._place(told, result, asked)
        return result

    def _service(self, told: Told, result: Result) -> None:
        service = told.slots.get("service")
        if isinstance(service, list):
            # Several kinds in one message ('hiv test and condoms'): the first is looked for first.
            service = service[0]
        if service and service not in SERVICES:
            service = self._titles().get(_plain(service))
        if service != told.slots.get("service"):
            result.set("service", service)

    def _titles(self) -> dict[str, str]:
        return {
            _plain(title): kind
            for language in self._content.languages.shipped
            for kind, title in self._content.words(language).services.items()
        }

    async def _place(self, told: Told, result: Result, asked: str | None) -> None:
        place = told.slots.get("place")
        if isinstance(place, dict):
            return
        if isinstance(place, list):
            place = ", ".join(place)
        resolution = await self._resolve(place, told) if place else None
        if resolution is None and asked is None:
            # What was taken for a place may be none, and one that exists may stand elsewhere in the sentence.
            resolution = await self._mentioned(told) or (None if place else _remembered(told))
        if place is None and resolution is None:
            return
        if isinstance(resolution, dict):
            result.set("place", resolution).set("unread", None).set("options", None)
        elif resolution is _WHOLE_COUNTRY:
            result.set("place", None).set("unread", None).set("options", None)
        elif isinstance(resolution, list):
            result.set("place", None).set("options", resolution).set("unread", None)
        else:
            result.set("place", None).set("unread", str(place)[:60]).set("options", None)

    async def _mentioned(self, told: Told) -> dict[str, Any] | None:
        async with self._database.begin(read_only=True) as session:
            found = await places.find_in(session, told.text, _country(told)) if told.text else None
        return _as_slot(found) if found else None

    async def _resolve(self, text: str, told: Told) -> dict[str, Any] | list[dict[str, Any]] | None:
        """One place, several to choose from, or None."""
        async with self._database.begin(read_only=True) as session:
            resolution = await places.resolve(session, text, _country(told))
        if resolution.country:
            # A whole country is too wide to search near: the question for a town is asked again as it was.
            return _WHOLE_COUNTRY
        if not resolution.candidates:
            return None
        if resolution.ambiguous:
            return [_as_slot(candidate) for candidate in resolution.candidates]
        return _as_slot(resolution.candidates[0])


class AskPlace:
    """The question for the place: at first, again when it is not known, or 'which one' when there are several."""

    name = "action_ask_place"

    async def run(self, told: Told) -> Result:
        if told.slots.get("options"):
            return Result().say("ask.which_place", options=told.slots["options"]).set("options", None)
        if told.slots.get("unread"):
            return Result().say("ask.place_again", place=told.slots["unread"]).set("unread", None)
        return Result().say("ask.place")


class ValidateErase:
    """erase_form: only a yes or a no counts; anything else leaves everything as it is."""

    name = "validate_erase_form"

    async def run(self, told: Told) -> Result:
        if told.slots.get("requested_slot") and told.slots.get("erase_confirmed") is None:
            if told.intent not in ("nlu_fallback", "delete_my_data"):
                return Result().leave_form("erase_form")
        return Result()


def _remembered(told: Told) -> dict[str, Any] | None:
    """The place last searched near."""
    last = told.slots.get("search") or {}
    return {**last["place"], "remembered": True} if last.get("place") and told.slots.get("service") else None


def _as_slot(place: Any) -> dict[str, Any]:
    return {
        "name": place.name,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "country": place.country,
    }


def _country(told: Told) -> str | None:
    country = told.slots.get("country")
    return country if country and is_country(country) else None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
