"""The pages of conversations: the list, a transcript, stepping in, and the stream that says when to look again."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from urllib.parse import urlencode

import structlog
from aiohttp import web

from bot.console import audit
from bot.console.desk import Desk, Refused
from bot.console.roles import May
from bot.console.sessions import Sessions
from bot.console.sign_in import home_of
from bot.console.site import COOKIE, HEADERS, Door, Open, Site, Visit, form
from bot.console.watch import Filters, Level, Opened, Watch
from bot.content.render import Content
from bot.db import Database, now

log = structlog.get_logger("farol.console")

_LOOK = 1.0
"""Seconds between two looks at whether something has changed, while a page is open: what a browser sees at most."""

_BEAT = 15.0
_STREAMS = 200
_ID = re.compile("[0-9a-f]{32}")
_FIELDS = ("language", "channel", "topic", "country", "level", "alias")


class Conversations:
    """The doors of watching and stepping in."""

    def __init__(
        self,
        site: Site,
        database: Database,
        sessions: Sessions,
        watch: Watch,
        desk: Desk,
        content: Content,
        currency: str = "",
    ) -> None:
        self._site, self._database, self._sessions = site, database, sessions
        self._watch, self._desk, self._content, self._currency = watch, desk, content, currency
        self._streams: set[asyncio.Task] = set()
        self._stopped = False

    def doors(self) -> list[Door]:
        """What is served."""
        one = "/conversations/{id}"
        return [
            Door("GET", "/", self.home, Open.ANY_OPERATOR),
            Door("GET", "/conversations", self.index, May.WATCH),
            Door("GET", "/conversations/part", self.list_part, May.WATCH, quiet=True),
            Door("GET", "/stream", self.stream, May.WATCH, quiet=True),
            Door("GET", one, self.show, May.WATCH),
            Door("GET", f"{one}/part", self.show_part, May.WATCH, quiet=True),
            Door("POST", f"{one}/take", self.take, May.ANSWER),
            Door("POST", f"{one}/say", self.say, May.ANSWER),
            Door("POST", f"{one}/cost", self.cost, May.ANSWER),
            Door("POST", f"{one}/note", self.note, May.ANSWER),
            Door("POST", f"{one}/hand-back", self.hand_back, May.ANSWER),
            Door("POST", f"{one}/close", self.close, May.ANSWER),
        ]

    def stop(self) -> None:
        """End the open streams; browsers come back by themselves."""
        self._stopped = True
        for task in self._streams:
            task.cancel()

    async def home(self, visit: Visit) -> web.StreamResponse:
        """The page a role begins with."""
        return self._site.go(home_of(visit.may))

    # --- the list ----------------------------------------------------------------------------------------------------

    async def index(self, visit: Visit) -> web.StreamResponse:
        """All conversations of now, or those looked for."""
        filters = _filters(visit)
        entries = await self._watch.entries(filters, visit.words.zone)
        everything = await self._watch.entries(Filters(), visit.words.zone)
        query = urlencode({key: value for key, value in visit.request.query.items() if key in (*_FIELDS, "day")})
        return self._site.page(
            visit, "conversations.html", title=visit.words("list.title"), entries=entries, filters=filters,
            duty=self._duty(visit), query=query, choices=self._choices(visit, everything), topic=self._topic(visit), levels=Level, now=now(),
        )  # fmt: skip

    async def list_part(self, visit: Visit) -> web.StreamResponse:
        """The list alone, for a page that is open."""
        entries = await self._watch.entries(_filters(visit), visit.words.zone)
        return self._site.page(visit, "list.html", entries=entries, topic=self._topic(visit), levels=Level, now=now())

    def _duty(self, visit: Visit) -> str:
        """Whose working hours it is, by language; empty where there are none (content/team.yml)."""
        team, shipped, words = self._content.edition.team, self._content.languages.shipped, visit.words
        if not team.hours:
            return ""
        there = team.on_duty(shipped, now())
        if there:
            return words("duty.now", languages=", ".join(sorted(map(words.language_name, there))))
        soonest = [shift.next for code in shipped if (shift := team.shift(code, now())).next]
        return words("duty.none", when=words.moment(min(soonest))) if soonest else words("duty.never")

    def _choices(self, visit: Visit, entries: list) -> dict[str, list[tuple[str, str]]]:
        """What the list can be narrowed to: all languages and channels, and the topics and countries that are there."""
        words, topic = visit.words, self._topic(visit)
        topics = {entry.crisis or entry.summary.topic for entry in entries} - {None}
        countries = {entry.summary.country for entry in entries} - {None}
        shipped = self._content.languages.shipped
        return {
            "level": [(level.name.lower(), words(f"level.{level.name.lower()}")) for level in Level],
            "language": sorted(((code, words.language_name(code)) for code in shipped), key=lambda one: one[1]),
            "channel": [(name, words(f"channel.{name}")) for name in ("whatsapp", "sms", "telegram", "web")],
            "topic": sorted(((name, topic(name)) for name in topics), key=lambda one: one[1]),
            "country": sorted(((code, words.country(code)) for code in countries), key=lambda one: one[1]),
        }

    def _topic(self, visit: Visit) -> Callable[[str | None], str]:
        """A topic's title in the operator's language."""
        titles = self._content.words(visit.words.language).topics
        return lambda name: titles[name].title if name in titles else name or ""

    # --- one conversation --------------------------------------------------------------------------------------------

    async def show(self, visit: Visit) -> web.StreamResponse:
        """The transcript; that it was looked at is written down."""
        return await self._shown(visit)

    async def show_part(self, visit: Visit) -> web.StreamResponse:
        """The transcript alone, for a page that is open."""
        opened = await self._open(visit)
        return self._site.page(visit, "transcript.html", **self._about(visit, opened))

    async def take(self, visit: Visit) -> web.StreamResponse:
        """Take over."""
        return await self._do(visit, lambda fields: self._desk.take(*self._who(visit), _fence(fields)))

    async def say(self, visit: Visit) -> web.StreamResponse:
        """Write to the person."""
        return await self._do(
            visit,
            lambda fields: self._desk.say(
                *self._who(visit), _fence(fields), fields.get("text", ""), fields.get("once", "")[:64]
            ),
        )

    async def note(self, visit: Visit) -> web.StreamResponse:
        """Keep a note."""
        return await self._do(visit, lambda fields: self._desk.note(*self._who(visit), fields.get("note", "")))

    async def hand_back(self, visit: Visit) -> web.StreamResponse:
        """Let the program answer again."""
        return await self._do(visit, lambda fields: self._desk.hand_back(*self._who(visit), _fence(fields)))

    async def close(self, visit: Visit) -> web.StreamResponse:
        """Nobody needs to answer any more."""
        return await self._do(visit, lambda fields: self._desk.close(*self._who(visit), _fence(fields)))

    async def cost(self, visit: Visit) -> web.StreamResponse:
        """What a text would cost, while it is being written."""
        fields = await form(visit.request)
        opened = await self._open(visit, look=False)
        found = self._desk.cost(opened.entry.channel, fields.get("text", ""))
        words = visit.words
        said = words("say.characters", count=found.characters)
        if found.segments:
            said = words("say.segments", count=found.segments) + " · " + said
        if found.price is not None and found.segments:
            said += f" · {words.number(round(found.price, 4))} {self._currency}".rstrip()
        return web.json_response({**asdict(found), "said": said})

    async def _do(self, visit: Visit, deed: Callable) -> web.StreamResponse:
        fields = await form(visit.request)
        try:
            await deed(fields)
        except Refused as refused:
            return await self._shown(visit, refused, fields)
        self._watch.stale()
        return self._site.go(f"/conversations/{_id(visit)}")

    async def _shown(self, visit: Visit, refused: Refused | None = None, fields: dict | None = None) -> web.Response:
        opened = await self._open(visit)
        fault = visit.words(refused.key, **refused.values) if refused else ""
        mine = opened.entry.operator_id == visit.session.account.id
        fields = fields or {}
        return self._site.page(
            visit, "conversation.html", 409 if refused else 200, title=opened.entry.alias, fault=fault,
            text=fields.get("text", ""), note=fields.get("note", ""), once=secrets.token_urlsafe(12),
            mine=mine, canned=self._desk.canned(opened.language or "en") if mine else [],
            direction=self._content.direction(opened.language) if opened.language else "ltr",
            cost=self._desk.cost(opened.entry.channel, fields.get("text", "")), **self._about(visit, opened),
        )  # fmt: skip

    def _about(self, visit: Visit, opened: Opened) -> dict:
        window = opened.window_until
        return {
            "opened": opened,
            "entry": opened.entry,
            "topic": self._topic(visit),
            "levels": Level,
            "now": now(),
            "window_open": window is None or window > now(),
            "edition": self._content.version,
        }

    async def _open(self, visit: Visit, look: bool = True) -> Opened:
        async with self._database.begin(read_only=True) as session:
            opened = await self._watch.open(session, _id(visit))
            if opened is None:
                raise web.HTTPNotFound(text=visit.words("say.gone"))
            name, about = visit.session.account.name, opened.entry.alias
            noted = not look or await audit.looked(session, name, about)
        if not noted:
            # Before anything is shown.
            async with self._database.begin() as session:
                audit.write(session, name, "looked", about)
        return opened

    @staticmethod
    def _who(visit: Visit) -> tuple:
        return _id(visit), visit.session.account

    # --- live --------------------------------------------------------------------------------------------------------

    async def stream(self, visit: Visit) -> web.StreamResponse:
        """An event `changed` whenever the page should look again; nothing about anybody is in it."""
        wanted = visit.request.query.get("conversation", "")
        if wanted and not _ID.fullmatch(wanted):
            raise web.HTTPNotFound(text="no such conversation")
        response = web.StreamResponse(
            headers={**HEADERS, "Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
        )
        if self._stopped or len(self._streams) >= _STREAMS:
            raise web.HTTPServiceUnavailable(text="try again", headers={"Retry-After": "5"})
        task = asyncio.current_task()
        self._streams.add(task)
        try:
            await response.prepare(visit.request)
            await response.write(b"retry: 3000\n\n")
            await self._follow(visit, response, wanted or None)
        except OSError:  # the browser has gone
            pass
        except asyncio.CancelledError:
            if not self._stopped:
                raise
        finally:
            self._streams.discard(task)
        return response

    async def _follow(self, visit: Visit, response: web.StreamResponse, wanted: str | None) -> None:
        token, mark, quiet = visit.request.cookies.get(COOKIE, ""), None, 0.0
        while True:
            found = await self._watch.mark(wanted)
            if found != mark:
                # The first one too: something may have happened since the page was made.
                mark, quiet = found, 0.0
                await response.write(b"event: changed\ndata: {}\n\n")
            elif quiet >= _BEAT:
                quiet = 0.0
                await response.write(b": still here\n\n")
            if quiet == 0.0 and await self._sessions.find(token, active=False) is None:
                await response.write(b"event: over\ndata: {}\n\n")
                return
            await asyncio.sleep(_LOOK)
            quiet += _LOOK


def _filters(visit: Visit) -> Filters:
    query = visit.request.query
    try:
        day = date.fromisoformat(query.get("day", ""))
    except ValueError:
        day = None
    return Filters(**{name: query.get(name, "").strip()[:64] for name in _FIELDS}, day=day)


def _id(visit: Visit) -> str:
    given = visit.request.match_info["id"]
    if not _ID.fullmatch(given):
        raise web.HTTPNotFound(text=visit.words("say.gone"))
    return given


def _fence(fields: dict[str, str]) -> int:
    given = fields.get("fence", "")
    return int(given) if re.fullmatch("[0-9]{1,9}", given) else -1
