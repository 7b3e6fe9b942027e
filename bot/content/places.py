"""The words about places found: what is known, and honestly what is not."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.units import format_unit

from bot.content.referrals import place_tag
from bot.messages import Button, ChannelTraits, Location

_NEAR_KM = 25.0
"""The circle looked in first; bot.directory.search widens it."""
_LINES = {
    "violence": ("violence", "emergency"), "shelter": ("violence", "emergency"), "mental_health": ("suicide",),
    "emergency": ("emergency",), "pep": ("hiv", "emergency"), "legal": (), "interpreter": (), "dentist": (),
    "social": (), "child": (), "general": (), "contraception": (), "abortion": (), "pregnancy": (), "drugs": (),
}  # fmt: skip
"""Kind of service -> the country's help lines that stand in for a place; testing and prevention's for every other."""
_SHARING = {"no": "place.no_sharing", "yes": "place.sharing"}


class PlaceWords:
    """Blocks (as keyword arguments) for search results and for one place."""

    def __init__(self, voice: Any, words: Any, traits: ChannelTraits) -> None:
        self._say = voice
        self._words = words
        self._traits = traits

    def results(
        self, service: str | None, near: str, country: str | None, found: list[dict], radius_km: float, total: int, first: int = 1,
        remembered: bool = False, widened: bool = False, nearest_km: float | None = None, wishes: dict | None = None,
    ) -> list[dict]:  # fmt: skip
        """Three places with what matters most, and buttons for more."""
        wishes = wishes or {}
        where = self._say.place_name(near, country)
        if not found:
            return [self._none(service, where, country, radius_km, first, nearest_km, wishes)]
        kind = self._words.services.get(service or "", self._words.buttons["find"])
        lines = [self._say.word("place.intro", service=kind, place=where)]
        lines += self._how_chosen(widened, wishes)
        if self._traits.segments:
            lines += [self._short(place, number) for number, place in enumerate(found, first)]
        else:
            lines += ["\n" + self._long(place, number) for number, place in enumerate(found, first)]
        if remembered and not self._traits.segments:
            lines.append("\n" + self._say.word("place.remembered", place=where))
        more = [self._say.button("details", f"details:{n}", number=n) for n in range(first, first + len(found))]
        if total > first - 1 + len(found):
            more.append(self._say.button("more_results", "intent:more_results"))
        return [{**self._said(lines), "buttons": (*more, *self._narrower(wishes))}]

    def _none(
        self, service: str | None, where: str, country: str | None, radius_km: float, first: int,
        nearest_km: float | None, wishes: dict,
    ) -> dict:  # fmt: skip
        """Nothing near: said plainly, with how far the nearest is and whom to call in that country instead."""
        say, extras = self._say.word, []
        if first > 1:
            text = say("place.none_more")
        elif wishes.get("open_now"):
            text = say("place.none_open", place=where)
        else:
            text = say("place.none", distance=self._distance(radius_km), place=where)
            extras = [say("place.nearest", distance=self._distance(nearest_km))] if nearest_km else []
            extras += filter(None, [self._say.lines(_LINES.get(service or "", ("hiv",)), country)])
        buttons = [self._say.button("talk_to_human", "intent:talk_to_human")]
        if wishes.get("open_now") and first == 1 and service:
            buttons.insert(0, self._say.button("find", f"find:{service}"))
        return {"text": text, "extras": tuple(extras), "buttons": tuple(buttons)}

    def _how_chosen(self, widened: bool, wishes: dict) -> list[str]:
        """Why these and in this order, where there is room to say it; that nothing is near is said everywhere."""
        say, lines = self._say.word, []
        if widened:
            lines.append(say("place.widened", near=self._distance(_NEAR_KM)))
        if self._traits.segments:
            return lines
        if wishes.get("open_now"):
            lines.append(say("place.open_only"))
        if wishes.get("no_papers"):
            lines.append(say("place.no_papers_first"))
        if wishes.get("language"):
            lines.append(say("place.language_first", language=self._languages([wishes["language"]])))
        return lines

    def _narrower(self, wishes: dict) -> list[Button]:
        """Other ways to look at the same list; on SMS people write what they want."""
        if self._traits.segments:
            return []
        offered = [("no_papers", "wish:no_papers"), ("open_now", "wish:open_now")]
        return [self._say.button(name, payload) for name, payload in offered if not wishes.get(name)]

    def details(self, place: dict | None = None, day: dict | None = None, service: str | None = None) -> list[dict]:
        """Everything known of one place, with its point on the map where the channel shows one. `service` is the kind of
        place that was looked for."""
        if place is None:
            return [
                {"text": self._say.word("place.which"), "buttons": (self._say.button("find", "intent:find_service"),)}
            ]
        say = self._say.word
        lines = [self._name(place)]
        if day:
            lines.append(self._on_day(day))
        lines += self._contact(place)
        lines.append(self._hours(place))
        lines += self._terms(place)
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
        buttons = [
            self._say.button("referral", f"refer:{place_tag(place['id'])}"),
            self._say.button("more_results", "intent:more_results"),
            self._say.button("show_menu", "intent:show_menu"),
        ]
        if place.get("confidential"):
            buttons.insert(0, self._say.button("talk_to_human", "intent:talk_to_human"))
        return [{**self._said(lines), "buttons": tuple(buttons), "location": pin}]

    def _said(self, lines: list[str]) -> dict:
        """One text; where length is paid for, line by line, so that what does not fit can be read on."""
        if self._traits.segments:
            return {"text": lines[0], "extras": tuple(lines[1:]), "choices_give_way": True}
        return {"text": "\n".join(lines)}

    def _long(self, place: dict, number: int) -> str:
        say = self._say.word
        lines = [say("place.line", number=number, name=self._name(place))]
        where = _where(place)
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
        parts = [say("place.line", number=number, name=self._called(place)), self._distance(place["distance_km"])]
        parts += [place["phone"] or place.get("website") or ""]
        return ", ".join(part for part in parts if part)

    def _name(self, place: dict) -> str:
        """What it is called in the person's language, and what stands on its door."""
        own, door = self._called(place), place["name"]
        name = own if own == door else f"{own} ({self._say.in_order(door)})"
        return f"{name} ({self._say.word('place.sample')})" if place.get("sample") else name

    def _called(self, place: dict) -> str:
        return (place.get("names") or {}).get(self._words.language, place["name"])

    def _contact(self, place: dict) -> list[str]:
        say = self._say.word
        lines = []
        about = (place.get("descriptions") or {}).get(self._words.language)
        if about:
            lines.append(about)
        if where := _where(place):
            lines.append(say("place.address", address=where))
        if place.get("confidential"):
            lines.append(say("place.confidential"))
        if place.get("phone"):
            lines.append(say("place.phone", phone=place["phone"]))
        if place.get("website"):
            lines.append(say("place.website", url=place["website"]))
        return lines

    def _terms(self, place: dict) -> list[str]:
        """What it costs, what to bring and how one gets in, as far as it is known."""
        say = self._say.word
        lines = []
        if place.get("free") == "yes":
            lines.append(say("place.free"))
        elif place.get("cost"):
            lines.append(say("place.cost", cost=place["cost"]))
        if place.get("walk_in") in ("yes", "no"):
            lines.append(say("place.walk_in" if place["walk_in"] == "yes" else "place.appointment"))
        if place.get("anonymous") == "yes":
            lines.append(say("place.anonymous"))
        if place.get("wheelchair") == "yes":
            lines.append(say("place.wheelchair"))
        if place.get("documents"):
            lines.append(say("place.bring", documents=", ".join(place["documents"])))
        return lines

    def _hours(self, place: dict) -> str:
        say = self._say.word
        if place.get("closed_until"):
            return say("place.closed_until", date=self._date(place["closed_until"]))
        if place.get("open_now") is True:
            return say("place.open_now")
        if place.get("next_change") and place.get("mobile"):
            when = datetime.fromisoformat(place["next_change"])
            return say("place.next_here", when=format_datetime(when, "EEEE d MMMM HH:mm", locale=self._words.language))
        if place.get("open_now") is False and place.get("next_change"):
            when = datetime.fromisoformat(place["next_change"])
            return say("place.opens", when=format_datetime(when, "EEEE HH:mm", locale=self._words.language))
        if place.get("hours"):
            return say("place.hours", hours=place["hours"])
        return say("place.hours_unknown")

    def _on_day(self, asked: dict) -> str:
        """Whether it is open on the day that was asked about."""
        language = self._words.language
        day = format_date(date.fromisoformat(asked["date"]), "EEEE d MMMM", locale=language)
        if asked["times"] is None:
            return self._say.word("place.on_day_unknown", day=day)
        if not asked["times"]:
            return self._say.word("place.on_day_closed", day=day)
        spans = [f"{self._time(start)}–{self._time(end)}" for start, end in asked["times"]]
        return self._say.word("place.on_day", day=day, times=", ".join(map(self._say.in_order, spans)))

    def _time(self, moment: str) -> str:
        return format_time(datetime.fromisoformat(moment), "HH:mm", locale=self._words.language)

    def _date(self, day: str) -> str:
        return format_date(date.fromisoformat(day[:10]), "medium", locale=self._words.language)

    def _checked(self, place: dict) -> str:
        if not place.get("last_verified"):
            return self._say.word("place.never_verified")
        return self._say.word("place.unverified", date=self._date(place["last_verified"]))

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


def _where(place: dict) -> str:
    return ", ".join(part for part in (place.get("address"), place.get("city")) if part)
