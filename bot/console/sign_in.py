"""Signing in and out, and the one-time link an account begins with."""

from __future__ import annotations

import asyncio
import time
from collections import deque

import segno
import structlog
from aiohttp import web
from markupsafe import Markup

from bot.console.accounts import LOCK, SHORTEST_PASSWORD, AccountFault, Accounts
from bot.console.roles import May
from bot.console.sessions import Sessions
from bot.console.site import Door, Open, Site, Visit, form

log = structlog.get_logger("farol.console")

TRIES, _PER = 30, 60.0
"""Attempts to sign in that are looked at in so many seconds, whoever makes them."""


class SignIn:
    """The doors of accounts."""

    def __init__(self, site: Site, accounts: Accounts, sessions: Sessions) -> None:
        self._site, self._accounts, self._sessions = site, accounts, sessions
        self._tries: deque[float] = deque(maxlen=TRIES)
        self._enrolling = asyncio.Lock()

    def doors(self) -> list[Door]:
        """What is served."""
        return [
            Door("GET", "/sign-in", self.show, Open.SIGN_IN),
            Door("POST", "/sign-in", self.enter, Open.SIGN_IN),
            Door("POST", "/sign-out", self.leave, Open.ANY_OPERATOR),
            Door("GET", "/enrol/{token}", self.invited, Open.LINK),
            Door("POST", "/enrol/{token}", self.enrol, Open.LINK),
            Door("GET", "", self.home, Open.SIGN_IN),
        ]

    async def home(self, visit: Visit) -> web.StreamResponse:
        """/console without its slash."""
        return self._site.go("/")

    async def show(self, visit: Visit) -> web.StreamResponse:
        """The form."""
        if visit.session:
            return self._site.go("/")
        return await self._form(visit)

    async def enter(self, visit: Visit) -> web.StreamResponse:
        """A name, a password and a code: one answer to whatever is wrong with them."""
        if self._flooded():
            return await self._form(visit, "sign_in.busy", 429)
        fields = await form(visit.request)
        account = await self._accounts.check(*(fields.get(name, "") for name in ("name", "password", "code")))
        if account is None:
            log.warning("sign-in failed")
            return await self._form(visit, "sign_in.wrong", 403)
        if visit.session:
            await self._sessions.end(visit.session.hash, visit.session.account.name)
        response = self._site.go("/")
        self._site.set_session(response, await self._sessions.open(account))
        return response

    async def leave(self, visit: Visit) -> web.StreamResponse:
        """End the session."""
        await self._sessions.end(visit.session.hash, visit.session.account.name)
        response = self._site.go("/sign-in")
        self._site.drop_session(response)
        return response

    async def invited(self, visit: Visit) -> web.StreamResponse:
        """Choose a password and take the code's secret along."""
        return await self._invited(visit)

    async def enrol(self, visit: Visit) -> web.StreamResponse:
        """Use the link up, and be signed in."""
        if self._flooded():
            return await self._form(visit, "sign_in.busy", 429)
        fields = await form(visit.request)
        token = visit.request.match_info["token"]
        if fields.get("password") != fields.get("again"):
            return await self._invited(visit, "enrol.differ", 400)
        try:
            account = await self._accounts.enrol(token, fields.get("password", ""), fields.get("code", ""))
        except AccountFault as fault:
            return await self._invited(visit, fault.key, 400)
        response = self._site.go("/")
        self._site.set_session(response, await self._sessions.open(account))
        return response

    async def _form(self, visit: Visit, fault: str = "", status: int = 200) -> web.StreamResponse:
        minutes = int(LOCK.total_seconds() // 60)
        said = visit.words(fault, minutes=minutes) if fault == "sign_in.wrong" else fault and visit.words(fault)
        nobody = not await self._accounts.count()
        return self._site.page(
            visit, "sign_in.html", status, title=visit.words("sign_in.title"), fault=said, nobody=nobody
        )

    async def _invited(self, visit: Visit, fault: str = "", status: int = 200) -> web.StreamResponse:
        invitation = await self._accounts.invitation(visit.request.match_info["token"])
        if invitation is None:
            fault, status = "enrol.gone", 404
        said = visit.words(fault, least=SHORTEST_PASSWORD) if fault == "enrol.short" else fault and visit.words(fault)
        picture = invitation and Markup(
            segno.make(invitation.address).svg_inline(scale=5, border=3, dark="#000", light="#fff", omitsize=True)
        )
        return self._site.page(
            visit, "enrol.html", status, title=visit.words("enrol.title"), fault=said, invitation=invitation,
            picture=picture, least=SHORTEST_PASSWORD,
        )  # fmt: skip

    def _flooded(self) -> bool:
        """Whether more has been tried than people do; each try costs a hash of 64 MiB."""
        self._tries.append(time.monotonic())
        return len(self._tries) == self._tries.maxlen and self._tries[-1] - self._tries[0] < _PER


def home_of(may: frozenset[May]) -> str:
    """The page a role begins with."""
    return "/conversations" if May.WATCH in may else "/content"
