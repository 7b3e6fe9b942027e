"""The pages of the directory: places to browse, to note as verified or closed, and lists of places to take over."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from urllib.parse import urlencode

from aiohttp import web

from bot.console import audit, uploads
from bot.console.names import row_name
from bot.console.roles import May
from bot.console.site import Door, Site, Visit, form
from bot.console.uploads import UploadFault
from bot.content.render import Content
from bot.db import Database, now
from bot.directory import browsing, listing
from bot.directory.browsing import AT_ONCE, Wanted
from bot.directory.exchange import notes
from bot.directory.exchange.importer import Outcome, bring_in
from bot.directory.exchange.source import Unreadable

KIND = "directory"
ENDINGS = (".csv", ".xlsx", ".json", ".zip")
_DATASET = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")
_STATES = ("stale", "closed", "draft")
_FAULTS = 200


class Places:
    """The doors of the directory. `folder` holds the staff's own files."""

    def __init__(self, site: Site, database: Database, content: Content, folder: Path) -> None:
        self._site, self._database, self._content, self._folder = site, database, content, folder

    def doors(self) -> list[Door]:
        """What is served."""
        return [
            Door("GET", "/directory", self.index, May.READ),
            Door("GET", "/directory/place", self.show, May.READ),
            Door("POST", "/directory/verify", self.verify, May.EDIT),
            Door("POST", "/directory/close", self.close, May.EDIT),
            Door("GET", "/directory/lists", self.ask, May.EDIT),
            Door("POST", "/directory/lists", self.receive, May.EDIT),
            Door("GET", "/directory/lists/{id}", self.report, May.EDIT),
            Door("POST", "/directory/lists/{id}", self.use, May.EDIT),
            Door("POST", "/directory/lists/{id}/drop", self.drop, May.EDIT),
        ]

    # --- looking -------------------------------------------------------------------------------------------------------

    async def index(self, visit: Visit) -> web.StreamResponse:
        """Places by name, narrowed as asked."""
        query = visit.request.query
        state = query.get("state", "")
        wanted = Wanted(
            _text(query.get("words", ""), 100), query.get("country", "")[:2].upper(), query.get("dataset", "")[:60],
            state if state in _STATES else "",
        )  # fmt: skip
        page = int(query.get("page", "")) if re.fullmatch("[0-9]{1,4}", query.get("page", "")) else 0
        async with self._database.begin(read_only=True) as session:
            found, total = await browsing.places(session, wanted, page)
            sets, countries = await browsing.datasets(session), await browsing.countries(session)
        words = visit.words
        named = sorted(((words.country(code), code) for code in countries))
        asked = {"words": wanted.words, "country": wanted.country, "dataset": wanted.dataset, "state": wanted.state}
        return self._site.page(
            visit, "directory.html", title=words("nav.directory"), places=found, total=total, wanted=wanted,
            states=_STATES, datasets=sets, countries=named, name=row_name(words, self._content), page=page,
            pages=-(-total // AT_ONCE), query=urlencode({key: value for key, value in asked.items() if value}),
        )  # fmt: skip

    async def show(self, visit: Visit) -> web.StreamResponse:
        """One place."""
        return await self._show(visit, visit.request.query.get("id", ""))

    async def _show(self, visit: Visit, id_: str, fault: str = "") -> web.Response:
        async with self._database.begin(read_only=True) as session:
            found = await browsing.place(session, _text(id_, 60))
        if found is None:
            raise web.HTTPNotFound(text=visit.words("directory.gone"))
        return self._site.page(
            visit, "place.html", 409 if fault else 200, title=found.name, place=found, fault=fault, today=now().date(),
            name=row_name(visit.words, self._content), staff=found.dataset == listing.DATASET,
            noted=visit.request.query.get("noted", "") == "yes",
        )  # fmt: skip

    # --- noting --------------------------------------------------------------------------------------------------------

    async def verify(self, visit: Visit) -> web.StreamResponse:
        """Somebody called or went there."""
        fields = await form(visit.request)
        day = _day(fields.get("day", ""))
        if day is None or day > now().date():
            return await self._show(visit, fields.get("id", ""), visit.words("directory.past_day"))
        return await self._note(visit, fields, "place_verified", day)

    async def close(self, visit: Visit) -> web.StreamResponse:
        """Closed until a day, or for good."""
        fields = await form(visit.request)
        day, for_good = _day(fields.get("day", "")), fields.get("how") == "good"
        if not for_good and (day is None or day < now().date()):
            return await self._show(visit, fields.get("id", ""), visit.words("directory.future_day"))
        return await self._note(visit, fields, "place_closed", None if for_good else day)

    async def _note(self, visit: Visit, fields: dict[str, str], action: str, day: date | None) -> web.StreamResponse:
        id_, name = _text(fields.get("id", ""), 60), visit.session.account.name
        note = notes.verify if action == "place_verified" else notes.close
        try:
            await note(self._database, self._folder, id_, name, day)
        except notes.NoPlace:
            raise web.HTTPNotFound(text=visit.words("directory.gone")) from None
        except OSError:
            return await self._show(visit, id_, visit.words("upload.read_only", folder=str(self._folder)))
        except ValueError as error:
            return await self._show(visit, id_, str(error))
        async with self._database.begin() as session:
            audit.write(session, name, action, f"{id_} {day or ''}".strip())
            gone = await browsing.place(session, id_) is None
        # A place of the staff's own that is closed for good has left their file, and perhaps the directory.
        return self._site.go("/directory" if gone else f"/directory/place?{urlencode({'id': id_, 'noted': 'yes'})}")

    # --- lists ---------------------------------------------------------------------------------------------------------

    async def ask(self, visit: Visit) -> web.StreamResponse:
        """The form for a list of places."""
        return await self._ask(visit)

    async def receive(self, visit: Visit) -> web.StreamResponse:
        """Try a list out, keep it aside, and show what would become of it."""
        words, name = visit.words, visit.session.account.name
        try:
            file = await uploads.receive(visit.request, ENDINGS)
        except UploadFault as fault:
            return await self._ask(visit, [words(fault.key, **fault.values)])
        dataset = file.fields.get("dataset", "").strip().lower() or _name_of(file.name)
        if not _DATASET.fullmatch(dataset) or dataset == listing.DATASET:
            return await self._ask(visit, [words("directory.dataset_fault", name=listing.DATASET)])
        try:
            await self._bring_in(file.name, file.body, dataset, dry_run=True)
        except Unreadable as error:
            return await self._ask(visit, str(error).splitlines())
        async with self._database.begin() as session:
            upload = await uploads.keep(session, KIND, file, name, dataset=dataset)
            audit.write(session, name, "places_uploaded", f"{file.name} ({dataset})")
        return self._site.go(f"/directory/lists/{upload}")

    async def report(self, visit: Visit) -> web.StreamResponse:
        """What would become of a list, now."""
        kept = await self._kept(visit)
        try:
            outcome = await self._bring_in(kept.name, kept.body, kept.dataset, dry_run=True)
        except Unreadable as error:
            return await self._ask(visit, str(error).splitlines())
        found = outcome.report
        return self._site.page(
            visit, "directory_report.html", title=visit.words("directory.lists"), kept=kept, form=outcome.form,
            report=found, faults=found.faults[:_FAULTS], more=max(0, len(found.faults) - _FAULTS),
        )  # fmt: skip

    async def use(self, visit: Visit) -> web.StreamResponse:
        """Take it over, in one transaction."""
        fields, kept = await form(visit.request), await self._kept(visit)
        try:
            outcome = await self._bring_in(kept.name, kept.body, kept.dataset, retire=fields.get("retire") == "yes")
        except Unreadable as error:
            return await self._ask(visit, str(error).splitlines())
        done, name = outcome.report, visit.session.account.name
        async with self._database.begin() as session:
            await uploads.drop(session, kept.id)
            about = f"{kept.dataset}: +{len(done.added)} ~{len(done.changed)} !{done.refused}"
            audit.write(session, name, "places_changed", about)
        return self._site.go(f"/directory?{urlencode({'dataset': kept.dataset})}")

    async def drop(self, visit: Visit) -> web.StreamResponse:
        """Let go of it."""
        async with self._database.begin() as session:
            found = await uploads.find(session, KIND, visit.request.match_info["id"])
            if found:
                await uploads.drop(session, found.id)
                audit.write(session, visit.session.account.name, "upload_dropped", found.name)
        return self._site.go("/directory/lists")

    async def _bring_in(self, name: str, body: bytes, dataset: str, **how: bool) -> Outcome:
        with uploads.opened(name, body) as path:
            try:
                return await bring_in(self._database, path, dataset, **how)
            except Unreadable as error:
                # Where it lay for a moment is nothing to anybody.
                raise Unreadable(str(error).replace(f"{path.parent}/", "")) from error

    async def _kept(self, visit: Visit):
        async with self._database.begin(read_only=True) as session:
            found = await uploads.find(session, KIND, visit.request.match_info["id"])
        if found is None:
            raise web.HTTPNotFound(text=visit.words("upload.gone"))
        return found

    async def _ask(self, visit: Visit, faults: list[str] | None = None) -> web.Response:
        async with self._database.begin(read_only=True) as session:
            known = [name for name, _ in await browsing.datasets(session) if name != listing.DATASET]
        return self._site.page(
            visit, "directory_lists.html", 400 if faults else 200, title=visit.words("directory.lists"),
            faults=faults or [], endings=",".join(ENDINGS), datasets=known,
        )  # fmt: skip


def _text(given: str, most: int) -> str:
    # PostgreSQL takes no NUL.
    return given.replace("\x00", "").strip()[:most]


def _day(given: str) -> date | None:
    try:
        return date.fromisoformat(given)
    except ValueError:
        return None


def _name_of(file: str) -> str:
    """A name for the data: what the file is called, without its ending."""
    return re.sub(r"[^a-z0-9._-]+", "-", Path(file).stem.lower()).strip("-._")[:60]
