"""A translator's spreadsheet in the console: checked, shown beside what is there, and used with a second click."""

from __future__ import annotations

import asyncio
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml
from aiohttp import web

from bot.console import audit, uploads
from bot.console.roles import May
from bot.console.site import Door, Site, Visit, form
from bot.console.uploads import UploadFault
from bot.content.exchange import sheet as sheets
from bot.content.exchange.entries import entries_of
from bot.content.exchange.proposal import Proposal, adopt, propose
from bot.content.inspection import in_step
from bot.content.load import SOURCE_LANGUAGE, ContentError, Reader
from bot.content.render import Content
from bot.content.version import content_version
from bot.db import Database

KIND = "content"
ENDINGS = (".xlsx", ".csv", ".po")
_SHOWN = 300


@dataclass(frozen=True)
class _Kept:
    """A file that is kept aside, with what it would change now and the version of the content that is compared with."""

    id: str
    name: str
    body: bytes
    proposal: Proposal
    version: str


class Proposals:
    """The doors of changing texts. Nothing is written before the second click, and then all or nothing."""

    def __init__(self, site: Site, database: Database, content: Content, folder: Path) -> None:
        self._site, self._database, self._content, self._folder = site, database, content, folder
        # Two who press at the same moment: the second is shown what the first has made of it.
        self._one = asyncio.Lock()

    def doors(self) -> list[Door]:
        """What is served."""
        return [
            Door("GET", "/content/change", self.ask, May.EDIT),
            Door("POST", "/content/change", self.receive, May.EDIT),
            Door("GET", "/content/change/{id}", self.show, May.EDIT),
            Door("POST", "/content/change/{id}", self.use, May.EDIT),
            Door("POST", "/content/change/{id}/drop", self.drop, May.EDIT),
        ]

    async def ask(self, visit: Visit) -> web.StreamResponse:
        """The form for a file."""
        return await self._ask(visit)

    async def receive(self, visit: Visit) -> web.StreamResponse:
        """Check a file; if it can be used, keep it aside and show what it would change."""
        try:
            file = await uploads.receive(visit.request, ENDINGS)
            version, proposal = await asyncio.to_thread(self._read, file.name, file.body)
            await asyncio.to_thread(self._try, proposal)
        except UploadFault as fault:
            return await self._ask(visit, [visit.words(fault.key, **fault.values)])
        except ContentError as error:
            return await self._ask(visit, error.faults)
        except (sheets.SheetFault, yaml.YAMLError, OSError) as error:
            return await self._ask(visit, str(error).splitlines())
        if not proposal.changes:
            return await self._ask(visit, [visit.words("upload.nothing")])
        name = visit.session.account.name
        async with self._database.begin() as session:
            upload = await uploads.keep(session, KIND, file, name, version)
            audit.write(session, name, "content_uploaded", file.name)
        return self._site.go(f"/content/change/{upload}")

    async def show(self, visit: Visit) -> web.StreamResponse:
        """What a file would change, now."""
        return await self._show(visit)

    async def use(self, visit: Visit) -> web.StreamResponse:
        """Take it over, if the content is still what was looked at."""
        fields, name = await form(visit.request), visit.session.account.name
        async with self._one:
            try:
                kept = await self._kept(visit)
                if fields.get("version") != kept.version:
                    return await self._show(visit, "upload.changed_meanwhile")
                await asyncio.to_thread(self._adopt, kept.proposal, fields.get("reviewed") == "yes")
            except ContentError as error:
                return await self._ask(visit, error.faults)
            except OSError:
                return await self._show(visit, "upload.read_only")
            async with self._database.begin() as session:
                await uploads.drop(session, kept.id)
                about = f"{kept.name}: {len(kept.proposal.changes)} ({kept.proposal.language})"
                audit.write(session, name, "content_changed", about)
        return self._site.go(f"/content?language={kept.proposal.language}&changed={len(kept.proposal.changes)}")

    async def drop(self, visit: Visit) -> web.StreamResponse:
        """Let go of it."""
        async with self._database.begin() as session:
            found = await uploads.find(session, KIND, visit.request.match_info["id"])
            if found:
                await uploads.drop(session, found.id)
                audit.write(session, visit.session.account.name, "upload_dropped", found.name)
        return self._site.go("/content/change")

    async def _ask(self, visit: Visit, faults: list[str] | None = None) -> web.Response:
        return self._site.page(
            visit, "content_change.html", 400 if faults else 200, title=visit.words("upload.content"),
            faults=faults or [], endings=",".join(ENDINGS), writable=await asyncio.to_thread(self._writable),
            folder=str(self._folder),
        )  # fmt: skip

    async def _show(self, visit: Visit, fault: str = "") -> web.Response:
        try:
            kept = await self._kept(visit)
        except ContentError as error:
            return await self._ask(visit, error.faults)
        proposal, words = kept.proposal, visit.words
        return self._site.page(
            visit, "content_proposal.html", 409 if fault else 200, title=words("upload.content"), kept=kept,
            changes=proposal.changes[:_SHOWN], count=len(proposal.changes), outdated=set(proposal.outdated),
            language=proposal.language, direction=self._direction(proposal.language),
            fault=words(fault, folder=str(self._folder)) if fault else "",
            writable=await asyncio.to_thread(self._writable), folder=str(self._folder),
        )  # fmt: skip

    async def _kept(self, visit: Visit) -> _Kept:
        async with self._database.begin(read_only=True) as session:
            found = await uploads.find(session, KIND, visit.request.match_info["id"])
        if found is None:
            raise web.HTTPNotFound(text=visit.words("upload.gone"))
        try:
            version, proposal = await asyncio.to_thread(self._read, found.name, found.body)
        except (sheets.SheetFault, yaml.YAMLError) as error:
            raise ContentError(str(error).splitlines()) from error
        return _Kept(found.id, found.name, found.body, proposal, version)

    def _direction(self, language: str) -> str:
        return self._content.direction(language) if language in self._content.languages.shipped else "auto"

    # --- on the disk ---------------------------------------------------------------------------------------------------

    def _read(self, name: str, body: bytes) -> tuple[str, Proposal]:
        with uploads.opened(name, body) as path:
            return content_version(self._folder), propose(
                self._folder, sheets.read(path), list(self._content.languages.announced)
            )

    def _try(self, proposal: Proposal) -> None:
        adopt(self._folder, proposal, False, self._check, only_try=True)

    def _adopt(self, proposal: Proposal, reviewed: bool) -> None:
        adopt(self._folder, proposal, reviewed, self._check)
        source, own = entries_of(self._folder, SOURCE_LANGUAGE), entries_of(self._folder, proposal.language)
        in_step.record(self._folder, proposal.language, source, [key for key in own if key not in proposal.outdated])

    def _check(self, copy: Path) -> None:
        Reader(copy, list(self._content.languages.shipped)).read()

    def _writable(self) -> bool:
        return writable(self._folder / "interface")


def writable(folder: Path) -> bool:
    """Whether files can be put there; asked of the disk, which knows better than the rights do."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".farol-", suffix=".new"):
            return os.access(folder, os.W_OK)
    except OSError:
        return False
