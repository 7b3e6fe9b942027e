"""The page of referrals: counts, and confirming a code that a service has called about. Codes are never listed."""

from __future__ import annotations

from aiohttp import web

from bot.console import audit
from bot.console.names import row_name
from bot.console.roles import May
from bot.console.site import Door, Site, Visit, form
from bot.content.render import Content
from bot.conversation.referral import SAID
from bot.conversation.referral_code import NotACode, read, shown
from bot.conversation.register import BY_TEAM, Entry, Register
from bot.conversation.tallies import this_month
from bot.db import Database, now
from bot.directory import search
from bot.edge import Limits
from bot.reports.month import NotAMonth, months, report


class Referrals:
    """The doors of referrals. `limits`: how fast one operator may look codes up."""

    def __init__(
        self, site: Site, database: Database, content: Content, register: Register, limits: Limits | None = None
    ) -> None:
        self._site, self._database, self._content, self._register = site, database, content, register
        self._limits = limits or Limits(each=(0.2, 20), all_together=(1, 60))

    def doors(self) -> list[Door]:
        """What is served."""
        return [
            Door("GET", "/referrals", self.show, May.READ),
            Door("POST", "/referrals", self.confirm, May.ANSWER),
        ]

    async def show(self, visit: Visit) -> web.StreamResponse:
        """A month's counts, and the form."""
        return await self._page(visit)

    async def confirm(self, visit: Visit) -> web.StreamResponse:
        """A code that was typed; with what became of it, once it was shown what the code is for."""
        fields = await form(visit.request)
        typed, said = fields.get("code", ""), fields.get("said", "")
        try:
            code = read(typed)
        except NotACode:
            return await self._page(visit, "typo", 422, typed=typed[:20])
        if not self._limits.allow("console", visit.session.account.name):
            return await self._page(visit, "busy", 429)
        if said in SAID:
            before = await self._register.confirm(code, BY_TEAM, said)
            if before is None:
                return await self._page(visit, "wrong", 404)
            if before.said is None:
                async with self._database.begin() as session:
                    # Not which code: whoever reads the log needs to know that, and no more.
                    audit.write(session, visit.session.account.name, "referral_confirmed")
            return await self._page(visit, "used" if before.said else "thanks")
        entry = await self._register.find(code, BY_TEAM)
        if entry is None:
            return await self._page(visit, "wrong", 404, typed=shown(code))
        if entry.said:
            return await self._page(visit, "used")
        return await self._page(visit, "valid", typed=shown(code), entry=entry)

    async def _page(
        self, visit: Visit, said: str = "", status: int = 200, typed: str = "", entry: Entry | None = None
    ) -> web.Response:
        month = visit.request.query.get("month") or this_month()
        try:
            found = await report(self._database, month)
        except NotAMonth as error:
            raise web.HTTPNotFound(text=str(error)) from None
        name = row_name(visit.words, self._content)
        return self._site.page(
            visit,
            "referrals.html",
            status,
            title=visit.words("nav.referrals"),
            said=said,
            fault=said in ("typo", "busy", "wrong", "used"),
            typed=typed,
            about=await self._about(visit, entry, name) if entry else [],
            report=found,
            crosses=[cross for cross in found.crosses if cross.kind in ("referrals", "activity")],
            months=sorted({month, this_month(), *await months(self._database)}, reverse=True),
            name=name,
        )

    async def _about(self, visit: Visit, entry: Entry, name) -> list[tuple[str, str]]:  # noqa: ANN001
        async with self._database.begin(read_only=True) as session:
            place = await search.details(session, entry.service_id, now=now())
        return [
            (visit.words("report.month"), entry.month),
            *([(visit.words("referral.for"), place.name)] if place else []),
            (visit.words("referral.kind"), name("service", entry.kind)),
            (visit.words("filter.country"), name("country", entry.country or "XX")),
        ]
