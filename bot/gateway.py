"""The only door to the world: provider webhooks in, stored, then answered 2xx. Channels decide what is authentic."""

from __future__ import annotations

import time

import structlog
from aiohttp import web
from opentelemetry.trace import SpanKind
from sqlalchemy.exc import SQLAlchemyError

from bot.admission import Admission
from bot.channels.base import WebhookChannel
from bot.conversation.figures import Figures
from bot.conversation.inbox import Inbox
from bot.conversation.lifeline import Lifeline, NotStored
from bot.db import new_id
from bot.edge import body_of
from bot.messages import DeliveryStatus, Forged, Inbound, Refused, Unreadable, WebhookRequest

log = structlog.get_logger("farol.gateway")

BODY_LIMIT = 64 * 1024
"""Bytes of a webhook request; the largest a provider sends is a few kilobytes."""


class Gateway:
    """Routes POST /webhooks/<name> to the channel of that name."""

    def __init__(
        self,
        inbox: Inbox | Lifeline | Admission,
        webhooks: dict[str, WebhookChannel],
        public_url: str,
        figures: Figures | None = None,
    ) -> None:
        self._figures = figures or Figures()
        self._inbox = inbox
        self._webhooks = webhooks
        self._public_url = public_url.rstrip("/")

    def routes(self) -> list[web.RouteDef]:
        """What the assistant's web application serves for providers."""
        return [web.post("/webhooks/{name}", self.receive), web.get("/health", self.health)]

    async def receive(self, request: web.Request) -> web.Response:
        """Verify, parse, store; 204 only when all of it is on disk, and 503 when it could not be stored."""
        begun, name, status = time.monotonic(), request.match_info["name"], 500
        channel = name if name in self._webhooks else "unknown"
        span = self._figures.span("webhook", SpanKind.SERVER, channel=channel)
        with structlog.contextvars.bound_contextvars(webhook=new_id()), span:
            try:
                response = await self._receive(request)
                status = response.status
            except web.HTTPException as refusal:
                status = refusal.status
                raise
            except (SQLAlchemyError, OSError) as error:
                # Providers try again, or keep it in their log; what must never happen is a 2xx for a lost message.
                log.error("not stored", channel=name, error=type(error).__name__)
                status = 503
                raise web.HTTPServiceUnavailable(text="not stored; please try again") from None
            finally:
                self._figures.webhook(channel, status, time.monotonic() - begun)
        return response

    async def _receive(self, request: web.Request) -> web.Response:
        channel = self._webhooks.get(request.match_info["name"])
        if channel is None:
            raise web.HTTPNotFound(text="no such webhook; is the provider's token set?")
        received = WebhookRequest(
            request.method,
            # Never from Host or X-Forwarded-*: whoever calls chooses those.
            self._public_url + request.path_qs,
            {name.lower(): value for name, value in request.headers.items()},
            await body_of(request),
        )
        try:
            channel.verify(received)
        except Forged:
            log.warning("forged webhook", channel=request.match_info["name"])
            raise web.HTTPForbidden(text="not signed by the provider") from None
        try:
            events = channel.parse(received)
        except Unreadable as error:
            log.warning("unreadable webhook", channel=request.match_info["name"], reason=type(error).__name__)
            raise web.HTTPBadRequest(text="not what the provider documents") from None
        for event in events:
            try:
                await accept(self._inbox, event)
            except NotStored:
                # Not 2xx: the provider keeps it and brings it again.
                raise web.HTTPServiceUnavailable(text="not stored; try again", headers={"Retry-After": "5"}) from None
            acknowledge = getattr(channel, "acknowledge", None)
            if acknowledge is not None:
                acknowledge(event)
        # No body: Twilio would send one back to the person as a message.
        return web.Response(status=204)

    async def health(self, request: web.Request) -> web.Response:
        """Whether this process is alive; says nothing about anybody."""
        return web.json_response({"status": "ok"})


async def accept(inbox: Inbox | Lifeline | Admission, event: Inbound | DeliveryStatus | Refused) -> None:
    """Store what a channel received. A refusal that deserves a word goes on as a message that asks for just that."""
    if isinstance(event, DeliveryStatus):
        await inbox.delivered(event)
    elif isinstance(event, Refused):
        log.info("refused", channel=event.channel, reason=event.reason)
        if event.reply_to and event.key:
            refusal = Inbound(event.channel, event.provider_id, event.reply_to, payload=f"say:{event.key}")
            await inbox.accept(refusal)
    else:
        await inbox.accept(event)
