"""The only wiring: builds everything from settings, starts it in order and stops it in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import Gauge

from actions.server import ActionServer, all_actions
from bot.admission import Admission, countries
from bot.channels.base import Channel
from bot.channels.telegram import TelegramChannel
from bot.channels.twilio import TwilioChannel
from bot.channels.web import WebChat, routes
from bot.console.console import Console
from bot.content.live import ContentWatch
from bot.content.page import page_words
from bot.content.render import Content, Promises
from bot.content.version import content_version
from bot.conversation.answering import Answer
from bot.conversation.backlog import Backlog
from bot.conversation.bell import Switchboard
from bot.conversation.clearing import Clearing
from bot.conversation.duty import Duty
from bot.conversation.engine_process import EngineProcess
from bot.conversation.engines import EnginePool
from bot.conversation.enquiry import Enquiry
from bot.conversation.figures import Figures
from bot.conversation.following_up import FollowingUp
from bot.conversation.history import History
from bot.conversation.inbox import Inbox
from bot.conversation.lessons import Lessons
from bot.conversation.lifeline import Lifeline, Told
from bot.conversation.masking import Masker
from bot.conversation.pacing import Rate
from bot.conversation.patience import Patience
from bot.conversation.recovery import Recovery
from bot.conversation.referring import Referring
from bot.conversation.register import Register
from bot.conversation.retention import Retention
from bot.conversation.sender import Sender
from bot.conversation.worker import Workers
from bot.db import Database, now
from bot.directory import search
from bot.directory.api.server import DirectoryApi
from bot.edge import IDLE_SECONDS, Porter, hardened, no_limits, server_log
from bot.gateway import Gateway, accept
from bot.health import Health
from bot.messages import SendError
from bot.metrics import Metrics
from bot.referrals.page import ConfirmPage
from bot.safety.screen import Screen, load_screen
from bot.safety.whereabouts import country_of
from bot.settings import ROOT, Settings
from bot.tracing import Tracing
from bot.vault import Vault, open_vault
from nlu.contract import TEXT_LIMIT
from nlu.languages import load_languages

log = structlog.get_logger("farol")


@dataclass
class Core:
    """What answers a message, whatever the channel: shared by `serve`, `chat` and `ask`."""

    database: Database
    content: Content
    engine: EnginePool
    inbox: Admission
    workers: Workers
    sender: Sender
    channels: dict[str, Channel]
    watch: ContentWatch
    vault: Vault


ChannelsFor = Callable[[Admission, Database, Vault, Content], dict[str, Channel]]


@asynccontextmanager
async def core(
    settings: Settings,
    channels_for: ChannelsFor,
    *,
    people: Database | None = None,
    observe: Callable[[Answer], None] = lambda answer: None,
    background: bool = True,
    figures: Figures | None = None,
) -> AsyncIterator[Core]:
    """Everything but the doors.

    people: where conversations are kept, when not beside the directory (a try-out must not mix with real ones).
    background: False for a caller who drains workers and sender himself.
    figures: where what happens is counted, when somebody wants to know.
    Raises ContentError, EngineMissing and ValueError with what is wrong and how to mend it.
    """
    figures = figures or Figures()
    async with AsyncExitStack() as stack:
        content = load_content(settings)
        screen = load_screen(settings.content_dir / "safety", content.languages.shipped)
        watch = ContentWatch(settings.content_dir, lambda: _reread(settings, content, screen))
        directory = Database(settings.database)
        stack.push_async_callback(directory.close)
        people = people or directory
        vault = open_vault(settings)
        actions = ActionServer(all_actions(directory, content), settings.actions_host, settings.actions_port)
        await _started(stack, actions)
        engine = await _engine(stack, settings, actions.url, figures)
        inbox = Inbox(people, vault, TEXT_LIMIT, figures)
        channels: dict[str, Channel] = {}
        told = Told()
        lifeline = Lifeline(inbox, screen, content, channels, told, country_of)
        # A try-out on the command line, and a benchmark, may be as quick as they like.
        paced = background and settings.flood_limits
        limits = () if paced else (no_limits(), no_limits())
        door = Admission(lifeline, screen, countries(settings.sms_countries), *limits)
        channels |= channels_for(door, people, vault, content)
        for channel in channels.values():
            await _started(stack, channel)
        traits = {name: channel.traits for name, channel in channels.items()}
        referring = Referring(people, vault, content, settings.follow_up_days, can_ask_later(channels))
        learning = background and settings.learning_days
        lessons = Lessons(vault, Masker(settings.content_dir / "masking.yml")) if learning else None
        workers = Workers(
            people, vault, screen, engine, content, traits, inbox.arrived, settings.workers, observe, figures,
            told=told, daily_limit=settings.daily_limit if paced else None,
            referring=referring,
            lessons=lessons,
        )  # fmt: skip
        # Whoever drains by himself is no provider, and is kept waiting by none.
        sender = Sender(people, vault, channels, workers.answered, rates(settings) if background else {}, figures)
        if background:
            await _started(stack, watch)
            bells = {"arrived": inbox.arrived, "answered": workers.answered}
            await _started(stack, Switchboard(people, bells))
            await _started(stack, Enquiry(people, sender.letters, channels, workers.answered))
            await _started(stack, sender)
            await _started(stack, Clearing(people, vault, channels))
            await _started(stack, Patience(people, vault, content, traits, workers.answered, figures))
            recovery = Recovery(inbox, channels, figures)
            await _started(stack, recovery)
            await _started(stack, workers)
            await _started(stack, Duty(people, "recovery", recovery.run))
            following_up = FollowingUp(people, vault, content, traits, referring, workers.answered)
            await _started(stack, Duty(people, "follow_up", following_up.run))
        yield Core(people, content, engine, door, workers, sender, channels, watch, vault)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[str]:
    """The whole assistant, its doors open; yields the address it listens on."""
    chat: list[WebChat] = []

    def channels_for(inbox: Admission, database: Database, vault: Vault, content: Content) -> dict[str, Channel]:
        page = WebChat(
            accept=lambda event: accept(inbox, event),
            history=History(database, vault, content, "web"),
            words=lambda tag: page_words(content, tag),
            default_language=content.languages.default,
            public_url=settings.public_url,
        )
        chat.append(page)
        return {"web": page, **provider_channels(settings)}

    async with AsyncExitStack() as stack:
        metrics = Metrics(settings.metrics_host, settings.metrics_port)
        tracing = Tracing(settings.otlp_url)
        stack.push_async_callback(tracing.stop)
        figures = Figures(metrics.registry, tracing.tracer)
        running = await stack.enter_async_context(core(settings, channels_for, figures=figures))
        retention = Retention(running.database, settings.transcript_days, settings.person_days, settings.learning_days)
        await _started(stack, retention)
        _tell(metrics, settings, running)
        await _started(stack, metrics)
        webhooks = {}
        for name in ("sms", "whatsapp"):
            if name in running.channels:
                # One address for both faces: Twilio's form says which one a message came through.
                webhooks.setdefault("twilio", running.channels[name])
        telegram = running.channels.get("telegram")
        by_webhook = bool(telegram and settings.telegram_webhook_secret and settings.public_url)
        if by_webhook:
            webhooks["telegram"] = telegram
        porter = Porter()
        console = Console(
            settings, running.database, running.vault, running.content, running.watch,
            {name: channel.traits for name, channel in running.channels.items()}, running.workers.answered.set,
        )  # fmt: skip
        gateway = Gateway(running.inbox, webhooks, settings.public_url or "http://127.0.0.1", figures)
        health = Health(running.database, running.engine.well)
        confirm = ConfirmPage(
            Register(running.database, running.vault), running.content, service_names(running.database)
        )
        partners = None
        if settings.directory_api:
            partners = DirectoryApi(running.database, settings.public_url or f"http://{settings.host}:{settings.port}")
        app = application(
            gateway, health, chat[0], console, confirm, partners, [hardened(settings.public_url), porter.middleware]
        )
        runner = web.AppRunner(
            app, access_log=None, logger=server_log(), shutdown_timeout=5, keepalive_timeout=IDLE_SECONDS
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        stack.push_async_callback(porter.stop)
        await porter.start(runner.server)
        # Before the server closes: open event streams would keep it waiting.
        stack.push_async_callback(chat[0].stop)
        await _started(stack, console)
        site = web.TCPSite(runner, settings.host, settings.port)
        await site.start()
        if by_webhook:
            await _set_webhook(telegram, settings)
            # Several would take each other's updates away: Telegram hands them to the last who asked.
            await _started(stack, Duty(running.database, "telegram", lambda: _catch_up(telegram, settings, running)))
        elif telegram:
            polling = Duty(
                running.database, "telegram", lambda: telegram.poll(lambda event: accept(running.inbox, event))
            )
            await _started(stack, polling)
        # The last to be put here is the first to happen when the assistant stops.
        stack.push_async_callback(health.leave, settings.drain_seconds)
        port = site._server.sockets[0].getsockname()[1]
        log.info("serving", channels=sorted(running.channels), port=port)
        yield f"http://{settings.host}:{port}"


def application(
    gateway: Gateway,
    health: Health,
    chat: WebChat,
    console: Console,
    confirm: ConfirmPage,
    partners: DirectoryApi | None = None,
    middlewares: Iterable[Middleware] = (),
) -> web.Application:
    """Every door to the world, in one router; tests/console/test_doors.py asks of each who may come in."""
    app = web.Application(client_max_size=64 * 1024, middlewares=middlewares)
    app.add_routes(gateway.routes())
    app.add_routes(health.routes())
    app.add_routes(routes(chat))
    app.add_routes(console.routes())
    app.add_routes(confirm.routes())
    if partners:
        app.add_routes(partners.routes())
    return app


def service_names(database: Database) -> Callable[[str, str], Awaitable[str | None]]:
    """What a place of the directory is called in a language; None for one that is not there any more."""

    async def name(service_id: str, language: str) -> str | None:
        async with database.begin(read_only=True) as session:
            found = await search.details(session, service_id, now=now())
        return (found.names or {}).get(language, found.name) if found else None

    return name


def load_content(settings: Settings) -> Content:
    """All words, checked. Raises ContentError."""
    promises = Promises(
        settings.transcript_days,
        settings.human_contact,
        settings.operators_on_duty,
        settings.default_country,
        settings.person_days,
        f"{settings.public_url.rstrip('/')}/r" if settings.public_url else None,
    )
    return Content(settings.content_dir, load_languages(), promises)


def _reread(settings: Settings, content: Content, screen: Screen) -> Callable[[], None]:
    edition = content.read()
    rules = load_screen(settings.content_dir / "safety", content.languages.shipped)

    def adopt() -> None:
        content.adopt(edition)
        screen.adopt(rules)

    return adopt


def provider_channels(settings: Settings) -> dict[str, Channel]:
    """The channels whose credentials are set. Raises ValueError for half a set of credentials."""
    found: dict[str, Channel] = {}
    faces = {"sms": settings.twilio_sms_from, "whatsapp": settings.twilio_whatsapp_from}
    if any(faces.values()):
        if not (settings.twilio_account_sid and settings.twilio_auth_token and settings.public_url):
            raise ValueError(
                "TWILIO_SMS_FROM or TWILIO_WHATSAPP_FROM is set: TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and "
                "FAROL_PUBLIC_URL are needed with it (README, 'Connect Twilio')"
            )
        options = {"api_url": settings.twilio_api_url} if settings.twilio_api_url else {}
        for name, number in faces.items():
            if number:
                found[name] = TwilioChannel(
                    name,
                    account_sid=settings.twilio_account_sid,
                    auth_token=settings.twilio_auth_token.get_secret_value(),
                    sender=number,
                    status_callback=f"{settings.public_url.rstrip('/')}/webhooks/twilio",
                    discard_content=settings.twilio_redact,
                    templates=settings.twilio_whatsapp_templates if name == "whatsapp" else {},
                    **options,
                )
    if settings.telegram_bot_token:
        options = {"api_url": settings.telegram_api_url} if settings.telegram_api_url else {}
        secret = settings.telegram_webhook_secret
        found["telegram"] = TelegramChannel(
            token=settings.telegram_bot_token.get_secret_value(),
            webhook_secret=secret.get_secret_value() if secret else None,
            **options,
        )
    return found


def can_ask_later(channels: dict[str, Channel]) -> set[str]:
    """The channels on which somebody can be written to days after they wrote: not the page, which is closed by then, and
    not one that needs a template when there is none."""
    return {
        name
        for name, channel in channels.items()
        if name != "web" and (channel.traits.window_hours is None or getattr(channel, "can_invite", False))
    }


def rates(settings: Settings) -> dict[str, Rate]:
    """How fast each channel may send; the web page knows no limit. Telegram's figures are those of its FAQ:
    https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this"""
    return {
        "sms": Rate(settings.twilio_sms_rate),
        "whatsapp": Rate(settings.twilio_whatsapp_rate),
        "telegram": Rate(30, each=1),
    }


async def _engine(stack: AsyncExitStack, settings: Settings, actions_url: str, figures: Figures) -> EnginePool:
    """A client of the engines that are configured, or of one started here."""
    if settings.engine_urls:
        urls = [lambda url=url: url for url in settings.engine_urls]
        pool = EnginePool(urls, settings.engine_timeout, figures)
    else:
        process = EngineProcess(settings.engine_python, ROOT, settings.models_dir, actions_url)
        await _started(stack, process)
        pool = EnginePool([lambda: process.url], settings.engine_timeout, figures)
    await _started(stack, pool)
    return pool


def _tell(metrics: Metrics, settings: Settings, running: Core) -> None:
    """What is shown besides what the parts count themselves."""
    watch, backlog = running.watch, Backlog(running.database, metrics.registry)
    metrics.tell("farol_content_faults", "Faults in content/ that keep it from being used", lambda: len(watch.faults))
    door = running.inbox
    metrics.tell("farol_messages_refused", "Messages over the limits since the start", lambda: door.limits.refused)
    metrics.tell("farol_messages_abroad", "SMS from countries not served since the start", lambda: door.abroad)
    metrics.tell("farol_content_changes", "Changes of content/ taken up since the start", lambda: watch.taken_up)
    metrics.tell("farol_content_refusals", "Changes of content/ refused since the start", lambda: watch.refused)
    metrics.tell("farol_engines_well", "Engines that are asked at present", running.engine.well)
    versions = Gauge("farol_content", "1 for the content in use", ["version"], registry=metrics.registry)
    seen: list[int] = []

    async def read_version() -> None:
        if seen != [watch.taken_up]:
            seen[:] = [watch.taken_up]
            version = await asyncio.to_thread(content_version, settings.content_dir)
            versions.clear()
            versions.labels(version).set(1)

    metrics.before(backlog.read)
    metrics.before(read_version)


async def _started(stack: AsyncExitStack, part: object) -> None:
    # Registered first: a part that fails half-way through its start is stopped too.
    stack.push_async_callback(part.stop)
    await part.start()


async def _set_webhook(telegram: TelegramChannel, settings: Settings) -> None:
    try:
        await telegram.set_webhook(_telegram_url(settings))
    except SendError as error:
        # Telegram keeps messages for a day; better to serve everybody else meanwhile than not to start.
        log.error("telegram webhook not set", code=error.code)


async def _catch_up(telegram: TelegramChannel, settings: Settings, running: Core) -> None:
    """Once for each time that somebody takes this duty: fetch what could not be delivered while nobody was here."""
    while True:
        try:
            found = await telegram.catch_up(_telegram_url(settings), lambda event: accept(running.inbox, event))
        except SendError as error:
            log.warning("telegram not caught up", code=error.code)
            await asyncio.sleep(15)
            continue
        if found:
            log.info("telegram caught up", count=found)
        await asyncio.Event().wait()


def _telegram_url(settings: Settings) -> str:
    return f"{settings.public_url.rstrip('/')}/webhooks/telegram"
