"""The page /r: whoever works at a service says what became of a code. No account, no script, nothing about anybody.

A code goes up in a form and never in an address, so that no log of a proxy keeps it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import structlog
from aiohttp import web
from babel.dates import format_date
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from bot.content.render import Content
from bot.conversation.referral import SAID
from bot.conversation.referral_code import NotACode, read, shown
from bot.conversation.register import BY_SERVICE, Entry, Register
from bot.edge import Limits

log = structlog.get_logger("farol.referrals")

HERE = Path(__file__).parent
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}

ServiceName = Callable[[str, str], Awaitable[str | None]]
"""(service's id, language) -> what it is called there; None for one that is not in the directory any more."""


def few_tries(clock: Callable[[], float] = time.monotonic) -> Limits:
    """How often codes are looked up: twelve a minute from one address after the first twenty, thirty a minute in all
    after the first sixty. docs/privacy.md says what that leaves to somebody who guesses."""
    return Limits(each=(0.2, 20), all_together=(0.5, 60), clock=clock)


@dataclass(frozen=True)
class Step:
    """What the page shows: `key` names the words that say how it stands, `fault` whether something is wrong."""

    key: str = ""
    fault: bool = False
    code: str = ""
    entry: Entry | None = None
    status: int = 200


class ConfirmPage:
    """The doors of /r."""

    def __init__(
        self, register: Register, content: Content, service_name: ServiceName, limits: Limits | None = None
    ) -> None:
        self._register = register
        self._content = content
        self._service_name = service_name
        self._limits = limits or few_tries()
        templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._template = templates.get_template("confirm.html")
        self._style = (HERE / "static" / "confirm.css").read_bytes()

    def routes(self) -> list[web.RouteDef]:
        """What goes into the application's router."""
        return [
            web.get("/r", self.show),
            web.post("/r", self.take),
            web.get("/r/confirm.css", self.style),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """The empty form."""
        return await self._page(self._language(request, request.query.get("language", "")), Step())

    async def take(self, request: web.Request) -> web.Response:
        """A code that was typed; with what became of it, once it was shown what the code is for."""
        if request.content_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
            raise web.HTTPUnsupportedMediaType(text="only a form")
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        language = self._language(request, form.get("language", ""))
        return await self._page(language, await self._step(request, form))

    async def style(self, request: web.Request) -> web.Response:
        """How it looks."""
        return web.Response(body=self._style, content_type="text/css", charset="utf-8")

    async def _step(self, request: web.Request, form: dict[str, str]) -> Step:
        typed, said = form.get("code", ""), form.get("said", "")
        try:
            code = read(typed)
        except NotACode:
            # A slip: told from the code itself, nothing is looked up.
            return Step("typo", True, typed[:20], status=422)
        if not self._limits.allow("confirm", request.remote or ""):
            log.warning("too many codes tried")
            return Step("busy", True, status=429)
        if said in SAID:
            before = await self._register.confirm(code, BY_SERVICE, said)
            if before is None:
                return Step("wrong", True, status=404)
            return Step("used" if before.said else "thanks", bool(before.said))
        entry = await self._register.find(code, BY_SERVICE)
        if entry is None:
            return Step("wrong", True, shown(code), status=404)
        return Step("used", True) if entry.said else Step("valid", code=code, entry=entry)

    async def _page(self, language: str, step: Step) -> web.Response:
        words = self._content.words(language)
        about: list[tuple[str, str]] = []
        if step.entry:
            name = await self._service_name(step.entry.service_id, language)
            year, month = map(int, step.entry.month.split("-"))
            about = [
                ("issued", format_date(date(year, month, 1), "LLLL y", locale=language)),
                *([("for", name)] if name else []),
                ("kind", words.services.get(step.entry.kind, "")),
            ]
        text = self._template.render(
            language=language,
            direction=self._content.direction(language),
            t=lambda key: words.words[f"confirm.{key}"],
            step=step,
            shown=shown(step.code) if step.entry else step.code,
            about=about,
            languages=[(code, one.name) for code, one in self._content.languages.shipped.items()],
        )
        return web.Response(text=text, content_type="text/html", status=step.status, headers=HEADERS)

    def _language(self, request: web.Request, chosen: str) -> str:
        if chosen in self._content.languages.shipped:
            return chosen
        preferred = request.headers.get("Accept-Language", "")[:200].split(",")
        tags = [part.split(";")[0].strip()[:2].lower() for part in preferred]
        return next((tag for tag in tags if tag in self._content.languages.shipped), self._content.languages.default)
