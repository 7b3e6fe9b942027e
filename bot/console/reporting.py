"""The pages of reports and of the log."""

from __future__ import annotations

from aiohttp import web

from bot.console import audit
from bot.console.names import row_name
from bot.console.roles import May
from bot.console.site import Door, Site, Visit
from bot.content.render import Content
from bot.conversation.tallies import this_month
from bot.db import Database
from bot.reports import files
from bot.reports.month import NotAMonth, months, report

_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Reporting:
    """The doors of reports and of the log."""

    def __init__(self, site: Site, database: Database, content: Content) -> None:
        self._site, self._database, self._content = site, database, content

    def doors(self) -> list[Door]:
        """What is served."""
        return [
            Door("GET", "/reports", self.show, May.READ),
            Door("GET", "/reports/{month}.{kind}", self.download, May.READ),
            Door("GET", "/audit", self.log, May.AUDIT),
        ]

    async def show(self, visit: Visit) -> web.StreamResponse:
        """A month as lists with bars."""
        month = visit.request.query.get("month") or this_month()
        try:
            found = await report(self._database, month)
        except NotAMonth as error:
            raise web.HTTPNotFound(text=str(error)) from None
        names = row_name(visit.words, self._content)
        known = sorted({month, this_month(), *await months(self._database)}, reverse=True)
        return self._site.page(
            visit, "report.html", title=visit.words("report.title"), report=found, months=known, name=names
        )

    async def download(self, visit: Visit) -> web.StreamResponse:
        """The same as a file."""
        month, kind = visit.request.match_info["month"], visit.request.match_info["kind"]
        if kind not in _TYPES:
            raise web.HTTPNotFound(text="csv, xlsx or json")
        try:
            found = await report(self._database, month)
        except NotAMonth as error:
            raise web.HTTPNotFound(text=str(error)) from None
        names = row_name(visit.words, self._content)
        if kind == "json":
            body = files.as_json(found)
        elif kind == "csv":
            body = files.as_csv(found, visit.words, names)
        else:
            body = files.as_xlsx(found, visit.words, names, visit.words.direction == "rtl")
        headers = {"Content-Disposition": f'attachment; filename="farol-{month}.{kind}"'}
        return web.Response(body=body, content_type=_TYPES[kind], headers=headers)

    async def log(self, visit: Visit) -> web.StreamResponse:
        """Who did what."""
        given = visit.request.query.get("before", "")
        async with self._database.begin(read_only=True) as session:
            entries = await audit.entries(session, int(given) if given.isdigit() and len(given) < 18 else None)
        return self._site.page(visit, "audit.html", title=visit.words("nav.audit"), entries=entries)
