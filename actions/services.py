"""Finding places: the first three, more of them, and what is known of one."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import asdict
from typing import Any

from actions.base import Result, Told
from actions.days import AskedDay
from actions.wishes import Wishes, when
from bot.content.render import Content
from bot.db import Database, now
from bot.directory import search
from bot.directory.cards import Found
from bot.directory.hours import local_time, times_on

_SHOWN = 3


class FindService:
    """Run once find_service_form knows what and where."""

    name = "action_find_service"

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, told: Told) -> Result:
        service, place = told.slots.get("service"), told.slots.get("place")
        result = Result().set("service", None).set("place", None).set("wishes", None)
        if not service or not isinstance(place, dict):
            # The form was left; what the person went on to is answered by its own rule.
            return result
        return await _show(self._database, result, service, place, 0, Wishes.of(told.slots.get("wishes")))


class MoreResults:
    """The next places of the last search, or the first again when something new is wished for."""

    name = "action_more_results"

    def __init__(self, database: Database, content: Content) -> None:
        self._database = database
        self._content = content

    async def run(self, told: Told) -> Result:
        last = told.slots.get("search")
        if not last:
            return Result().say("place")
        if _numbered(told.text, last["shown"]):
            # 'more about 2' is not 'more places'.
            return await ServiceDetails(self._database, self._content).run(told)
        before = Wishes.of(last.get("wishes"))
        wishes = before.and_those_of(told, self._content)
        offset = last["offset"] + _SHOWN if wishes == before else 0
        return await _show(self._database, Result(), last["service"], last["place"], offset, wishes)


class ServiceDetails:
    """One place of those shown: by its number, its name, or because it is the only one; and whether it is open then."""

    name = "action_service_details"

    def __init__(self, database: Database, content: Content) -> None:
        self._database = database
        self._content = content

    async def run(self, told: Told) -> Result:
        last = told.slots.get("search")
        if not last or not last["shown"]:
            return Result().say("place")
        chosen = _chosen(told.text, last["shown"])
        if chosen is None:
            options = [{"number": shown["number"], "name": shown["name"]} for shown in last["shown"]]
            return Result().say("ask.which_shown", options=options)
        async with self._database.begin(read_only=True) as session:
            found = await search.details(session, chosen["id"], now=now())
        if found is None:
            return Result().say("place", place=None)
        asked = when(told, self._content)
        day = _on_day(found, asked) if asked and not asked.now else None
        return Result().say("place", place=_as_args(found), service=last["service"], **({"day": day} if day else {}))


def _on_day(found: Found, asked: AskedDay) -> dict[str, Any]:
    """The day asked about, where the place is, and the times it is open then; None when nobody can know."""
    here = local_time(now(), found.latitude, found.longitude)
    day = asked.after(here.date())
    times = times_on(found.hours, day, found.latitude, found.longitude, found.country)
    if found.closed_until and day <= found.closed_until:
        times = ()
    return {
        "date": day.isoformat(),
        "times": None if times is None else [[start.isoformat(), end.isoformat()] for start, end in times],
    }


async def _show(
    database: Database, result: Result, service: str, place: dict[str, Any], offset: int, wishes: Wishes
) -> Result:
    async with database.begin(read_only=True) as session:
        found = await search.search(
            session, service, place["latitude"], place["longitude"], limit=_SHOWN, offset=offset, now=now(),
            language=wishes.language, papers=False if wishes.no_papers else None, only_open=wishes.open_now,
        )  # fmt: skip
    first = offset + 1
    shown = [{"number": n, "id": f.id, "name": f.name} for n, f in enumerate(found.found, first)]
    where = {key: value for key, value in place.items() if key != "remembered"}
    if shown or offset == 0:
        kept = {"service": service, "place": where, "offset": offset, "shown": shown, "wishes": wishes.kept()}
        result.set("search", kept)
    return result.say(
        "places",
        service=service,
        near=place["name"],
        country=place["country"],
        found=[_as_args(f) for f in found.found],
        radius_km=found.radius_km,
        total=found.total,
        first=first,
        remembered=bool(place.get("remembered")),
        widened=found.widened,
        nearest_km=found.nearest_km,
        wishes=wishes.kept(),
    )


def _chosen(text: str, shown: list[dict[str, Any]]) -> dict[str, Any] | None:
    by_name = next((item for item in shown if item["name"].casefold() in text.casefold()), None)
    return _numbered(text, shown) or by_name or (shown[0] if len(shown) == 1 else None)


def _numbered(text: str, shown: list[dict[str, Any]]) -> dict[str, Any] | None:
    numbers = [int("".join(str(unicodedata.digit(digit)) for digit in run)) for run in re.findall(r"\d{1,3}", text)]
    return next((item for item in shown if item["number"] in numbers), None)


def _as_args(found: Any) -> dict[str, Any]:
    """A found place as JSON: moments as ISO 8601."""
    return {
        key: value.isoformat() if hasattr(value, "isoformat") else list(value) if isinstance(value, tuple) else value
        for key, value in asdict(found).items()
    }
