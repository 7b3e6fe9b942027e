"""The pages of learning: sentences to be labelled, what people ask for in vain, and the labelled ones as a file."""

from __future__ import annotations

import io
import re
import zipfile

from aiohttp import web

from bot.console import audit
from bot.console.names import row_name
from bot.console.roles import May
from bot.console.site import Door, Site, Visit, form
from bot.console.words import Words
from bot.content.render import Content
from bot.db import Database, now
from bot.learning import training
from bot.learning.queue import NONE, REASONS, Queue
from bot.learning.wants import wants
from bot.vault import Vault

_ID = re.compile("[0-9a-f]{32}")
_DROP = "drop"
_INTENT = "intent."


class Learning:
    """The doors of learning."""

    def __init__(self, site: Site, database: Database, vault: Vault, content: Content) -> None:
        self._site, self._database, self._content = site, database, content
        self._queue = Queue(vault)

    def doors(self) -> list[Door]:
        """What is served."""
        return [
            Door("GET", "/learn", self.show, May.LEARN),
            Door("GET", "/learn/missing", self.missing, May.READ),
            Door("POST", "/learn/export", self.export, May.EDIT),
            Door("POST", "/learn/{id}", self.label, May.LEARN),
        ]

    async def show(self, visit: Visit) -> web.StreamResponse:
        """What is to be labelled. That it was looked at is written down."""
        query, name = visit.request.query, visit.session.account.name
        language = query.get("language", "") if re.fullmatch("[a-z]{2,3}", query.get("language", "")) else ""
        reason = query.get("reason", "") if query.get("reason", "") in REASONS else ""
        async with self._database.begin(read_only=True) as session:
            noted = await audit.looked(session, name, "", "read_sentences")
        if not noted:
            async with self._database.begin() as session:
                audit.write(session, name, "read_sentences")
        async with self._database.begin(read_only=True) as session:
            items = await self._queue.waiting(session, language, reason)
            counts = await self._queue.counts(session)
            unfit = await self._queue.labelled(session, fitting=False)
        words = visit.words
        known = sorted((words.language_name(code), code, count) for code, count in counts.waiting.items())
        return self._site.page(
            visit, "learn.html", title=words("nav.learn"), items=items, counts=counts, unfit=unfit, languages_=known,
            language=language, reason=reason, reasons=REASONS, groups=self._intents(words), intent=self._names(words),
            direction=self._direction, done=query.get("done", ""),
        )  # fmt: skip

    async def label(self, visit: Visit) -> web.StreamResponse:
        """Say what a sentence means, or throw it away."""
        lesson, fields = visit.request.match_info["id"], await form(visit.request)
        label = fields.get("label") or fields.get("other", "")
        if not _ID.fullmatch(lesson):
            raise web.HTTPNotFound(text=visit.words("learn.gone"))
        if label not in (NONE, _DROP, *self._names(visit.words)):
            raise web.HTTPBadRequest(text=visit.words("learn.unknown"))
        async with self._database.begin() as session:
            if label == _DROP:
                done = await self._queue.drop(session, lesson)
            else:
                done = await self._queue.label(session, lesson, label)
            if done:
                audit.write(session, visit.session.account.name, "labelled", label)
        query = [
            f"{name}={fields[name]}" for name in ("language", "reason") if re.fullmatch("[a-z_]+", fields.get(name, ""))
        ]
        return self._site.go("/learn?" + "&".join([*query, f"done={'yes' if done else 'gone'}"]))

    async def export(self, visit: Visit) -> web.StreamResponse:
        """Everything labelled so far, a file for each language, in one archive; it is then marked as gone out."""
        async with self._database.begin() as session:
            items = await self._queue.labelled(session)
            await self._queue.exported(session, items)
            audit.write(session, visit.session.account.name, "exported", str(len(items)))
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
            for language, intents in training.examples_of(items).items():
                archive.writestr(f"{language}/{training.FILE}", training.as_yaml(intents))
        headers = {"Content-Disposition": f'attachment; filename="farol-learned-{now():%Y-%m-%d}.zip"'}
        return web.Response(body=body.getvalue(), content_type="application/zip", headers=headers)

    async def missing(self, visit: Visit) -> web.StreamResponse:
        """What people ask for and do not get, and how answers were rated."""
        found, words = await wants(self._database), visit.words
        names = row_name(words, self._content)

        def name(kind: str, key: str) -> str:
            if kind == "fact":
                country, _, fact = key.partition("/")
                return f"{words.country(country)}: {words('learn.everything') if fact == '*' else fact}"
            return key if kind == "version" else names(kind, key)

        return self._site.page(visit, "missing.html", title=words("missing.title"), wants=found, name=name)

    # --- intents -----------------------------------------------------------------------------------------------------

    def _intents(self, words: Words) -> list[tuple[str, list[tuple[str, str]]]]:
        """Every intent with its name in the operator's language, by the groups of the menu."""
        own = self._content.words(words.language)
        talk = [(key.removeprefix(_INTENT), text) for key, text in words.texts.items() if key.startswith(_INTENT)]
        groups = [
            (
                own.groups[group],
                [(name, own.topics[name].title) for name, t in self._content.topics.items() if t.menu == group],
            )
            for group in self._content.groups
        ]
        return [*groups, (words("learn.talk"), talk)]

    def _names(self, words: Words) -> dict[str, str]:
        return {name: text for _, intents in self._intents(words) for name, text in intents}

    def _direction(self, language: str) -> str:
        return self._content.direction(language) if language in self._content.languages.shipped else "auto"
