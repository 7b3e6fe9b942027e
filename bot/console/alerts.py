"""Tells the team outside the console that somebody is in danger: by e-mail, by webhook, or both. Never what was written.

What was told is marked in the database, so that nothing is told twice and nothing is lost over a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiohttp
import aiosmtplib
import structlog
from sqlalchemy import func, select, update

from bot.console.desk import Desk
from bot.conversation.models import Handoff
from bot.db import Database, now

log = structlog.get_logger("farol.alerts")

_EVERY = 2.0
_PATIENCE = 15.0
_RETRY = (5.0, 30.0, 120.0, 600.0)
"""Seconds until a way that failed is tried again."""

_ABANDONED_EVERY = 60.0


@dataclass(frozen=True)
class Alert:
    """How many are in danger and unanswered, and where to look. Nothing else ever leaves."""

    waiting: int
    link: str


Way = Callable[[Alert], Awaitable[None]]


class Alerts:
    """Looks every two seconds for people in danger whom nobody was told of; hands back what operators left lying.

    `ways` raise OSError, aiohttp.ClientError or aiosmtplib.SMTPException when they do not work.
    """

    def __init__(self, database: Database, desk: Desk, ways: dict[str, Way], link: str) -> None:
        self._database, self._desk, self._ways, self._link = database, desk, ways, link
        self._task: asyncio.Task | None = None
        self._failures: dict[str, int] = {}
        self._not_before: dict[str, float] = {}
        self._told: dict[str, set[str]] = {}

    async def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name="alerts")

    async def stop(self) -> None:
        """Stop at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> int:
        """Tell of whom nobody was told, by every way; returns how many there were. One is done when all ways are."""
        if not self._ways:
            return 0
        async with self._database.begin(read_only=True) as session:
            query = select(Handoff.id).where(Handoff.urgent, Handoff.alerted_at.is_(None))
            new = set((await session.scalars(query)).all())
            waiting = await session.scalar(
                select(func.count(func.distinct(Handoff.conversation_id))).where(
                    Handoff.urgent, Handoff.closed_at.is_(None), Handoff.taken_at.is_(None)
                )
            )
        if not new:
            return 0
        alert = Alert(max(waiting, 1), self._link)
        await asyncio.gather(*(self._tell(name, way, alert, new) for name, way in self._ways.items()))
        done = set.intersection(*(self._told.get(name, set()) for name in self._ways)) & new
        if done:
            async with self._database.begin() as session:
                await session.execute(update(Handoff).where(Handoff.id.in_(done)).values(alerted_at=now()))
            for told in self._told.values():
                told -= done
        return len(new)

    async def _tell(self, name: str, way: Way, alert: Alert, new: set[str]) -> None:
        told = self._told.setdefault(name, set())
        clock = asyncio.get_running_loop().time()
        if new <= told or clock < self._not_before.get(name, 0.0):
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                await way(alert)
        except (OSError, TimeoutError, aiohttp.ClientError, aiosmtplib.SMTPException) as error:
            failures = self._failures[name] = self._failures.get(name, 0) + 1
            self._not_before[name] = clock + _RETRY[min(failures, len(_RETRY)) - 1]
            log.error("alert not sent", way=name, error=type(error).__name__, failures=failures)
        else:
            self._failures.pop(name, None)
            told |= new
            log.info("alert sent", way=name, waiting=alert.waiting)

    async def _run(self) -> None:
        loop, swept = asyncio.get_running_loop(), 0.0
        while True:
            try:
                await self.look()
                if loop.time() - swept > _ABANDONED_EVERY:
                    swept = loop.time()
                    await self._desk.leave_abandoned()
            except Exception as error:
                # The next look tries again; nobody in danger is forgotten for a broken line.
                log.error("alerts failed", error=type(error).__name__, exc_info=True)
            await asyncio.sleep(_EVERY)


def webhook(url: str) -> Way:
    """POST {"text": ..., "waiting": n, "link": ...} as JSON: what Slack, Mattermost and Zulip's Slack door take."""

    async def tell(alert: Alert) -> None:
        body = {"text": f"Farol: {alert.waiting} ⚠ {alert.link}", "waiting": alert.waiting, "link": alert.link}
        async with aiohttp.ClientSession() as http, http.post(url, json=body, allow_redirects=False) as response:
            response.raise_for_status()
            if response.status >= 300:
                raise OSError(f"HTTP {response.status}")

    return tell


def email(server: str, sender: str, recipients: list[str]) -> Way:
    """A plain message through `server`: smtp://user:password@host:587 (STARTTLS), smtps://... (TLS), or smtp+plain://
    on a machine of one's own. Raises ValueError for another address."""
    about = urlsplit(server)
    if about.scheme not in ("smtp", "smtps", "smtp+plain") or not about.hostname:
        raise ValueError("FAROL_SMTP_URL: expected smtp://, smtps:// or smtp+plain:// and a host")
    options = {
        "hostname": about.hostname,
        "port": about.port or (465 if about.scheme == "smtps" else 587),
        "use_tls": about.scheme == "smtps",
        "start_tls": about.scheme == "smtp",
        "username": unquote(about.username) if about.username else None,
        "password": unquote(about.password) if about.password else None,
        "timeout": _PATIENCE,
    }

    async def tell(alert: Alert) -> None:
        message = EmailMessage()
        # On a locked screen too: nothing that says what this is about.
        message["Subject"] = f"Farol: {alert.waiting}"
        message["From"], message["To"] = sender, ", ".join(recipients)
        message.set_content(f"⚠ {alert.waiting}\n{alert.link}\n")
        await aiosmtplib.send(message, **options)

    return tell
