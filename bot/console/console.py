"""The console as a whole: what app.py starts, stops and serves."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from bot.console import alerts
from bot.console.accounts import Accounts
from bot.console.aliases import Aliases
from bot.console.conversations import Conversations
from bot.console.desk import Desk
from bot.console.learning import Learning
from bot.console.library import Library
from bot.console.places import Places
from bot.console.proposals import Proposals
from bot.console.referrals import Referrals
from bot.console.reporting import Reporting
from bot.console.sessions import Sessions
from bot.console.sign_in import SignIn
from bot.console.site import PATH, Door, Site
from bot.console.watch import Watch
from bot.console.words import Book
from bot.content.live import ContentWatch
from bot.content.render import Content
from bot.conversation.register import Register
from bot.db import Database
from bot.messages import ChannelTraits
from bot.settings import Settings
from bot.vault import Vault


class Console:
    """All pages under /console, and the alerts. `written` is called when there is something to send.

    Raises ValueError for words or settings with a fault, naming them.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        vault: Vault,
        content: Content,
        content_watch: ContentWatch,
        traits: dict[str, ChannelTraits],
        written: Callable[[], None],
    ) -> None:
        folder = settings.content_dir / "console"
        book = Book(folder, settings.team_timezone)
        aliases = Aliases(folder / "aliases.yml")
        self.accounts = Accounts(database, vault)
        sessions = Sessions(database)
        self._site = Site(sessions, book, settings.public_url)
        watch = Watch(database, vault, aliases, settings.transcript_days)
        self.desk = Desk(database, vault, content, traits, aliases, written, settings.sms_price)
        self._conversations = Conversations(
            self._site, database, sessions, watch, self.desk, content, settings.sms_currency or ""
        )
        self._pages = [
            SignIn(self._site, self.accounts, sessions),
            self._conversations,
            Reporting(self._site, database, content),
            Referrals(self._site, database, content, Register(database, vault)),
            Learning(self._site, database, vault, content),
            Proposals(self._site, database, content, settings.content_dir),
            Places(self._site, database, content, settings.content_dir / "directory"),
            Library(self._site, content, content_watch, traits),
        ]
        self.alerts = alerts.Alerts(database, self.desk, _ways(settings), _link(settings))

    def doors(self) -> list[Door]:
        """Every page and action with who may use it."""
        return [*self._site.own_doors(), *(door for pages in self._pages for door in pages.doors())]

    def routes(self) -> list[web.RouteDef]:
        """What goes into the application's router."""
        return self._site.routes(self.doors())

    async def start(self) -> None:
        """Begin to look out for people in danger."""
        await self.alerts.start()

    async def stop(self) -> None:
        """End open streams, before the server closes; safe to call twice."""
        self._conversations.stop()
        await self.alerts.stop()


def _ways(settings: Settings) -> dict[str, alerts.Way]:
    found: dict[str, alerts.Way] = {}
    if settings.alert_webhook:
        found["webhook"] = alerts.webhook(settings.alert_webhook.get_secret_value())
    if settings.alert_email_to:
        if not (settings.smtp_url and settings.alert_email_from):
            raise ValueError(
                "FAROL_ALERT_EMAIL_TO is set: FAROL_SMTP_URL and FAROL_ALERT_EMAIL_FROM are needed with it"
            )
        recipients = [one.strip() for one in settings.alert_email_to.split(",") if one.strip()]
        found["email"] = alerts.email(settings.smtp_url.get_secret_value(), settings.alert_email_from, recipients)
    return found


def _link(settings: Settings) -> str:
    return (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/") + f"{PATH}/conversations"
