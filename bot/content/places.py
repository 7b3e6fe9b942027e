"""The words about places found: what is known, and honestly what is not."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.units import format_unit

from bot.messages import ChannelTraits, Location

_SHARING = {"no": "place.no_sharing", "yes": "place.sharing"}


class PlaceWords:
    """Blocks (as keyword arguments) for search results and for one place."""

    def __init__(self, voice: Any, words: Any, traits: ChannelTraits) -> None:
        self._say = voice
        self._words = words
        self._traits = traits

    def results(
        self, service: str | None, near: str, country: str | None, found: list[dict], radius_km: float, total: int, first: int = 1,
        remembered: bool = False,
    ) -> list[dict]:  # fmt: skip
        """Three places with what matters most, and buttons for more."""
        near = self._say.place_name(near, country)
        if not found:
            text = self._say.word("place.none", distance=self._distance(radius_km), place=near)
            if first > 1:
                text = self._say.word("place.none_more")
            buttons = (self._say.button("talk_to_human", "intent:talk_to_human"),)
            return [{"text": text, "buttons": buttons}]
        kind = self._words.services.get(service or "", self._words.buttons["find"])
        lines = [self._say.word("place.intro", service=kind, place=near)]
        if self._traits.segments:
            lines += [self._short(place, number) for number, place in enumerate(found, first)]
        else:
            lines += ["\n" + self._long(place, number) for number, place in enumerate(found, first)]
        if remembered and not self._traits.segments:
            lines.append("\n" + self._say.word("place.remembered", place=near))
        more = [self._say.button("details", f"details:{n}", number=n) for n in range(first, first + len(found))]
        if total > first - 1 + len(found):
            more.append(self._say.button("more_results", "intent:more_results"))
        return [{**self._said(lines), "buttons": tuple(more)}]

    def details(self, place: dict | None = None) -> list[dict]:
        """Everything known of one place, with its point on the map where the channel shows one."""
        if place is None:
            return [
                {"text": self._say.word("place.which"), "buttons": (self._say.button("find", "intent:find_service"),)}
            ]
        say = self._say.word
        lines = [self._name(place), *self._contact(place)]
        lines.append(self._hours(place))
        if place.get("languages"):
            lines.append(say("place.languages", languages=self._languages(place["languages"])))
        lines += [say(_papers(place))]
        lines += [say(_SHARING.get(place["shares_with_immigration"], "place.sharing_unknown"))]
        lines.append(self._checked(place))
        exact = place.get("precision") == "exact" and not place.get("sample")
        if exact:
            point = f"{place['latitude']:.5f}/{place['longitude']:.5f}"
            url = f"https://www.openstreetmap.org/#map=17/{point}"
            lines.append(say("place.directions", url=url))
        pin = Location(place["latitude"], place["longitude"], place["name"]) if exact else None
        buttons = (
            self._say.button("more_results", "intent:more_results"),
            self._say.button("show_menu", "intent:show_menu"),
        )
        return [{**self._said(lines), "buttons": buttons, "location": pin}]

    def _said(self, lines: list[str]) -> dict:
        """One text; where length is paid for, line by line, so that what does not fit can be read on."""
        if self._traits.segments:
            return {"text": lines[0], "extras": tuple(lines[1:]), "choices_give_way": True}
        return {"text": "\n".join(lines)}

    def _long(self, place: dict, number: int) -> str:
        say = self._say.word
        lines = [say("place.line", number=number, name=self._name(place))]
        where = ", ".join(part for part in (place.get("address"), place.get("city")) if part)
        distance = say("place.distance", distance=self._distance(place["distance_km"]))
        lines.append(f"{self._say.in_order(where)} ({distance})" if where else distance)
        lines.append(self._hours(place))
        if place.get("phone"):
            lines.append(say("place.phone", phone=place["phone"]))
        elif place.get("website"):
            lines.append(say("place.website", url=place["website"]))
        lines.append(say(_papers(place)))
        return "\n".join(lines)

    def _short(self, place: dict, number: int) -> str:
        say = self._say.word
        parts = [say("place.line", number=number, name=place["name"]), self._distance(place["distance_km"])]
        parts += [place["phone"] or place.get("website") or ""]
        return ", ".join(part for part in parts if part)

    def _name(self, place: dict) -> str:
        return f"{place['name']} ({self._say.word('place.sample')})" if place.get("sample") else place["name"]

    def _contact(self, place: dict) -> list[str]:
        say = self._say.word
        lines = []
        where = ", ".join(part for part in (place.get("address"), place.get("city")) if part)
        if where:
            lines.append(say("place.address", address=where))
        if place.get("phone"):
            lines.append(say("place.phone", phone=place["phone"]))
        if place.get("website"):
            lines.append(say("place.website", url=place["website"]))
        return lines

    def _hours(self, place: dict) -> str:
        say = self._say.word
        if place.get("open_now") is True:
            return say("place.open_now")
        if place.get("open_now") is False and place.get("next_change"):
            when = datetime.fromisoformat(place["next_change"])
            return say("place.opens", when=format_datetime(when, "EEEE HH:mm", locale=self._words.language))
        if place.get("hours"):
            return say("place.hours", hours=place["hours"])
        return say("place.hours_unknown")

    def _checked(self, place: dict) -> str:
        if not place.get("last_verified"):
            return self._say.word("place.never_verified")
        day = date.fromisoformat(place["last_verified"][:10])
        return self._say.word("place.unverified", date=format_date(day, "medium", locale=self._words.language))

    def _languages(self, codes: list[str]) -> str:
        names = Locale.parse(self._words.language).languages
        return ", ".join(names.get(code, code) for code in codes)

    def _distance(self, kilometres: float) -> str:
        if kilometres < 1:
            return format_unit(
                max(50, round(kilometres * 20) * 50), "length-meter", "short", locale=self._words.language
            )
        digits = round(kilometres, 1) if kilometres < 10 else round(kilometres)
        return format_unit(digits, "length-kilometer", "short", locale=self._words.language)


def _papers(place: dict) -> str:
    """No papers are needed only where neither identity nor status is asked for; what is not known is said so."""
    asked = {place["id_required"], place["status_required"]}
    if "yes" in asked:
        return "place.papers_needed"
    return "place.papers_not_needed" if asked == {"no"} else "place.papers_unknown"
