"""The console's doors: every page and action names who may use it, and nothing is served that does not."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from bot.console.roles import ROLES, May
from bot.console.sessions import IDLE, Session, Sessions
from bot.console.words import Book, Words

HERE = Path(__file__).parent
COOKIE = "farol_console"
LANGUAGE_COOKIE = "farol_console_language"
PATH = "/console"
FORM_LIMIT = 64 * 1024

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

HEADERS = {
    # 'trusted-types farol': one place in console.js puts the server's own HTML into the page, nothing else may.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types farol"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not 'no-referrer': browsers then post our own forms with 'Origin: null', which is refused.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
    "Cache-Control": "no-store",
}


class Open(Enum):
    """Why a door needs no session."""

    SIGN_IN = "where a session begins"
    LINK = "opened by a one-time link"
    FILES = "holds nothing about anybody"
    ANY_OPERATOR = "for whoever is signed in"


Needs = May | Open


@dataclass(frozen=True)
class Visit:
    """A request as the console's pages see it."""

    request: web.Request
    words: Words
    session: Session | None = None

    @property
    def may(self) -> frozenset[May]:
        """What the operator may do; nothing for a visitor."""
        return ROLES.get(self.session.account.role, frozenset()) if self.session else frozenset()


Handler = Callable[[Visit], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Door:
    """A page or an action and who may use it. `quiet`: asked by the page itself, which keeps no session awake."""

    method: str
    path: str
    handler: Handler
    needs: Needs
    quiet: bool = False


class Site:
    """Serves doors: finds the session, asks for the right role and a form's token, renders, hardens the answer."""

    def __init__(self, sessions: Sessions, book: Book, public_url: str | None) -> None:
        self._sessions, self._book = sessions, book
        self._public = urlsplit(public_url or "")
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._assets = {path.name: path.read_bytes() for path in (HERE / "static").iterdir() if path.suffix in _TYPES}
        digest = hashlib.sha256(b"".join(self._assets[name] for name in sorted(self._assets)))
        self._version = digest.hexdigest()[:12]

    def routes(self, doors: Iterable[Door]) -> list[web.RouteDef]:
        """What goes into the application's router."""
        return [web.route(door.method, PATH + door.path, self._guarded(door)) for door in doors]

    def own_doors(self) -> list[Door]:
        """The files of the pages, and the choice of language."""
        return [
            Door("GET", "/static/{name}", self._asset, Open.FILES),
            Door("GET", "/language/{code}", self._language, Open.FILES),
        ]

    # --- what pages answer -----------------------------------------------------------------------------------------

    def page(self, visit: Visit, template: str, status: int = 200, **values: Any) -> web.Response:
        """A template as a response."""
        text = self._templates.get_template(template).render(
            t=visit.words,
            visit=visit,
            May=May,
            languages=self._book.all(),
            version=self._version,
            csrf=visit.session.csrf if visit.session else "",
            idle_seconds=int(IDLE.total_seconds()),
            **values,
        )
        response = web.Response(text=text, content_type="text/html", status=status)
        response.enable_compression()
        return response

    @staticmethod
    def go(path: str) -> web.Response:
        """A response that leads to another page of the console."""
        return web.Response(status=303, headers={"Location": PATH + path})

    def set_session(self, response: web.StreamResponse, token: str) -> None:
        """Give the browser its session. Lax: a link in an alert opens the page it names."""
        response.set_cookie(COOKIE, token, path=PATH, httponly=True, samesite="Lax", secure=self._secure)

    def drop_session(self, response: web.StreamResponse) -> None:
        """Take it back."""
        response.del_cookie(COOKIE, path=PATH, httponly=True, samesite="Lax", secure=self._secure)

    @property
    def _secure(self) -> bool:
        return self._public.scheme == "https"

    # --- the guard -------------------------------------------------------------------------------------------------

    def _guarded(self, door: Door) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                response = await self._answer(door, request)
            except web.HTTPException as refusal:
                refusal.headers.update(HEADERS)
                raise
            if not response.prepared:
                for name, value in HEADERS.items():
                    response.headers.setdefault(name, value)
            return response

        answer.door = door
        return answer

    async def _answer(self, door: Door, request: web.Request) -> web.StreamResponse:
        if request.method != "GET":
            self._refuse_other_origins(request)
        session = await self._session(request, active=not door.quiet)
        visit = Visit(request, self._words(request), session)
        if isinstance(door.needs, May) or door.needs is Open.ANY_OPERATOR:
            if session is None:
                if request.method == "GET" and not door.quiet:
                    return self.go("/sign-in")
                raise web.HTTPUnauthorized(text=visit.words("sign_in.over"))
            if isinstance(door.needs, May) and door.needs not in visit.may:
                return self.page(visit, "refused.html", 403, title=visit.words("refused.title"))
            if request.method != "GET" and not await _has_token(request, session):
                return self.page(visit, "refused.html", 403, title=visit.words("refused.title"))
        return await door.handler(visit)

    async def _session(self, request: web.Request, active: bool) -> Session | None:
        token = request.cookies.get(COOKIE)
        return await self._sessions.find(token, active=active) if token else None

    def _words(self, request: web.Request) -> Words:
        chosen = request.cookies.get(LANGUAGE_COOKIE)
        return self._book.of(chosen) if chosen else self._book.preferred(request.headers.get("Accept-Language", ""))

    def _refuse_other_origins(self, request: web.Request) -> None:
        """Only our own pages may post. Every browser says where a post comes from, in one header or in both."""
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        ours = {request.host.lower(), self._public.netloc.lower()} - {""}
        told = site is not None or origin is not None
        if (
            not told
            or site not in (None, "same-origin")
            or (origin is not None and urlsplit(origin).netloc not in ours)
        ):
            raise web.HTTPForbidden(text="only from the console's own pages")

    # --- its own doors -----------------------------------------------------------------------------------------------

    async def _asset(self, visit: Visit) -> web.Response:
        name = visit.request.match_info["name"]
        if name not in self._assets:
            raise web.HTTPNotFound(text="no such file")
        lasts = visit.request.query.get("v") == self._version
        response = web.Response(
            body=self._assets[name], content_type=_TYPES[Path(name).suffix], charset="utf-8",
            headers={"Cache-Control": "private, max-age=31536000, immutable" if lasts else "no-cache"},
        )  # fmt: skip
        response.enable_compression()
        return response

    async def _language(self, visit: Visit) -> web.StreamResponse:
        response = self.go("/")
        code = self._book.of(visit.request.match_info["code"]).language
        response.set_cookie(LANGUAGE_COOKIE, code, path=PATH, httponly=True, samesite="Lax", secure=self._secure)
        return response


async def form(request: web.Request) -> dict[str, str]:
    """The fields of a form that was sent; files are left out."""
    if request.content_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise web.HTTPUnsupportedMediaType(text="only a form")
    data = await request.post()
    return {name: value for name, value in data.items() if isinstance(value, str)}


async def _has_token(request: web.Request, session: Session) -> bool:
    """Whether the form's token is this session's; one sent as a header serves what the page asks by itself."""
    given = request.headers.get("X-Farol-Form", "")
    if not given and request.content_type == "application/x-www-form-urlencoded":
        given = (await form(request)).get("csrf", "")
    if not given:
        # A file is not read to the end before we know whose it is: its form has the token in its address.
        given = request.query.get("csrf", "")
    return hmac.compare_digest(given.encode("utf-8", "replace"), session.csrf.encode())
