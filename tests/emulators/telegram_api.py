"""Telegram's Bot API on loopback, stricter than the real one: what Telegram would ignore is refused here.

async with TelegramApi() as telegram:
    channel = TelegramChannel(token=telegram.token, api_url=telegram.url)
    await telegram.push(message(77, "Olá"))         # waits for getUpdates, or for `deliver` to a webhook
    telegram.refuse("sendMessage", 429, retry_after=5)
    ...
    assert telegram.calls("sendMessage") == [...]   # parameters of each accepted call, in order
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

Json = dict[str, Any]

BOT_ID = 110201543
PATIENCE = 20.0  # s that a test waits for a bot before it fails

# Parameters of each method served, a subset of Bot API 10.0; True marks the required ones.
METHODS: dict[str, dict[str, bool]] = {
    "getMe": {},
    "getUpdates": {"offset": False, "limit": False, "timeout": False, "allowed_updates": False},
    "getWebhookInfo": {},
    "setWebhook": {
        "url": True,
        "certificate": False,
        "ip_address": False,
        "max_connections": False,
        "allowed_updates": False,
        "drop_pending_updates": False,
        "secret_token": False,
    },
    "deleteWebhook": {"drop_pending_updates": False},
    "sendMessage": {
        "chat_id": True,
        "text": True,
        "parse_mode": False,
        "entities": False,
        "link_preview_options": False,
        "disable_notification": False,
        "protect_content": False,
        "reply_parameters": False,
        "reply_markup": False,
    },
    "sendLocation": {
        "chat_id": True,
        "latitude": True,
        "longitude": True,
        "horizontal_accuracy": False,
        "disable_notification": False,
        "protect_content": False,
        "reply_markup": False,
    },
    "sendChatAction": {"chat_id": True, "action": True},
    "deleteMessage": {"chat_id": True, "message_id": True},
    "deleteMessages": {"chat_id": True, "message_ids": True},
    "answerCallbackQuery": {
        "callback_query_id": True,
        "text": False,
        "show_alert": False,
        "url": False,
        "cache_time": False,
    },
}
TEXTS = {"text", "url", "secret_token", "action", "callback_query_id", "parse_mode", "ip_address"}
ACTIONS = {"typing", "upload_photo", "record_voice", "upload_voice", "upload_document", "find_location"}
INLINE_ACTIONS = {"callback_data", "url", "web_app", "switch_inline_query", "copy_text", "pay"}


@dataclass
class Fault:
    status: int = 0
    description: str | None = None
    retry_after: int | None = None
    body: str | None = None
    silent: bool = False
    dropped: bool = False
    accepted: bool = False


class Refusal(Exception):
    def __init__(self, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.status = status


class TelegramApi:
    """A bot at Telegram. `blocked` people answer 403; `pending` are updates that nobody has confirmed."""

    def __init__(self, token: str = f"{BOT_ID}:AAtoken-never-in-a-log", username: str = "FarolBot") -> None:
        self.token, self.username = token, username
        self.blocked: set[int] = set()
        self.unknown: set[int] = set()
        self.deleted: set[tuple[int, int]] = set()
        self.pending: list[Json] = []
        self.webhook: str | None = None
        self.secret: str | None = None
        self.allowed: list[str] | None = None
        self.ledger: list[tuple[str, Json]] = []
        self.queries: set[str] = set()
        self._last_message, self._last_update = 1000, 500_000
        self.weather: Callable[[str], Fault] = lambda method: Fault()
        """What happens to a call for which nothing was said: all is well, unless somebody makes a storm."""
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._news = asyncio.Condition()
        self._closing = asyncio.Event()
        self._poller: asyncio.Event | None = None

    async def __aenter__(self) -> TelegramApi:
        app = web.Application()
        app.router.add_route("*", "/bot{token}/{method}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = "http://127.0.0.1:%d/bot" % self._runner.addresses[0][1]
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        async with self._news:
            self._news.notify_all()
        await self._session.close()
        await self._runner.cleanup()
        left = [method for method, faults in self._faults.items() if faults]
        assert not left, f"faults never met: {left}"

    def calls(self, method: str) -> list[Json]:
        """Parameters of every accepted call of a method."""
        return [parameters for name, parameters in self.ledger if name == method]

    async def called(self, method: str, times: int = 1) -> list[Json]:
        """The same, once there are that many; TimeoutError after PATIENCE."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: len(self.calls(method)) >= times)
        return self.calls(method)

    # What goes wrong next

    def accept(self, method: str) -> None:
        """Let the next call of a method pass, before what is said after."""
        self._faults[method].append(Fault())

    def refuse(
        self,
        method: str,
        status: int,
        description: str | None = None,
        *,
        retry_after: int | None = None,
        body: str | None = None,
    ) -> None:
        """Answer the next call of a method with an error; `body` replaces Telegram's JSON."""
        self._faults[method].append(Fault(status, description, retry_after, body))

    def say_nothing(self, method: str, *, accepted: bool = False) -> None:
        """Let the next call wait for an answer that never comes."""
        self._faults[method].append(Fault(silent=True, accepted=accepted))

    def hang_up(self, method: str, *, accepted: bool = False) -> None:
        """Close the connection in the middle of the next call."""
        self._faults[method].append(Fault(dropped=True, accepted=accepted))

    # Updates

    async def push(self, update: Json) -> Json:
        """Make an update wait for the bot, with the next update_id; returns it whole."""
        self._last_update += 1
        update = {"update_id": self._last_update, **update}
        query = update.get("callback_query")
        if query:
            self.queries.add(query["id"])
        async with self._news:
            self.pending.append(update)
            self._news.notify_all()
        return update

    async def deliver(self) -> list[int]:
        """Post what is pending to the webhook, in order, until an answer is not 2xx; returns the statuses."""
        if not self.webhook:
            raise AssertionError("the bot has set no webhook")
        headers = {"X-Telegram-Bot-Api-Secret-Token": self.secret} if self.secret else {}
        statuses = []
        for update in list(self.pending):
            async with self._session.post(self.webhook, json=update, headers=headers) as response:
                statuses.append(response.status)
            if not 200 <= statuses[-1] < 300:
                break
            self.pending.remove(update)
        return statuses

    # The API

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        fault = self._faults[method].popleft() if self._faults[method] else self.weather(method)
        try:
            if fault.status:
                return _error(fault)
            if request.match_info["token"] != self.token:
                raise Refusal("Unauthorized", 401)
            parameters = await _parameters(request, method)
            _check(method, parameters)
            silenced = (fault.silent or fault.dropped) and not fault.accepted
            result = None if silenced else await getattr(self, f"_{_snake(method)}")(parameters)
        except Refusal as refusal:
            return _error(Fault(refusal.status, str(refusal)))
        if not silenced:
            async with self._news:
                self.ledger.append((method, parameters))
                self._news.notify_all()
        if fault.silent:
            await self._closing.wait()
        if fault.dropped and request.transport:
            request.transport.abort()
        return web.json_response({"ok": True, "result": result})

    async def _get_me(self, _: Json) -> Json:
        return {
            "id": BOT_ID,
            "is_bot": True,
            "first_name": "Farol",
            "username": self.username,
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }

    async def _get_updates(self, asked: Json) -> list[Json]:
        if self.webhook:
            raise Refusal("Conflict: can't use getUpdates method while webhook is active", 409)
        if self._poller:
            self._poller.set()  # Telegram ends the older of two
        mine = self._poller = asyncio.Event()
        if "allowed_updates" in asked:
            self.allowed = asked["allowed_updates"] or None
        try:
            return await self._wait_for_updates(asked, mine)
        finally:
            if self._poller is mine:
                self._poller = None

    async def _wait_for_updates(self, asked: Json, mine: asyncio.Event) -> list[Json]:
        offset, limit = asked.get("offset", 0), asked.get("limit", 100)
        if not 1 <= limit <= 100:
            raise Refusal("Bad Request: limit must be between 1 and 100")
        if offset < 0:
            self.pending = self.pending[offset:]
        async with self._news:
            self.pending = [update for update in self.pending if update["update_id"] >= offset]
            self._news.notify_all()  # both another poller and somebody awaiting `confirmed` may care
            try:
                async with asyncio.timeout(asked.get("timeout", 0)):
                    await self._news.wait_for(lambda: self._wanted() or mine.is_set() or self._closing.is_set())
            except TimeoutError:
                pass
        if mine.is_set():
            raise Refusal("Conflict: terminated by other getUpdates request", 409)
        return self._wanted()[:limit]

    async def confirmed(self, update: Json) -> None:
        """Return once the bot has told Telegram to forget an update; TimeoutError after PATIENCE."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: update not in self.pending)

    def _wanted(self) -> list[Json]:
        if self.allowed is None:
            return self.pending
        return [update for update in self.pending if set(update) & set(self.allowed)]

    async def _get_webhook_info(self, _: Json) -> Json:
        return {
            "url": self.webhook or "",
            "has_custom_certificate": False,
            "pending_update_count": len(self.pending),
        }

    async def _set_webhook(self, asked: Json) -> bool:
        # Telegram wants https; on loopback nothing but http is there to be called.
        if not re.match(r"https://|http://127\.0\.0\.1:", asked["url"]):
            raise Refusal("Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        if "secret_token" in asked and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", asked["secret_token"]):
            raise Refusal("Bad Request: secret token contains unallowed characters")
        self.webhook, self.secret = asked["url"], asked.get("secret_token")
        self.allowed = asked.get("allowed_updates") or None
        if asked.get("drop_pending_updates"):
            self.pending.clear()
        return True

    async def _delete_webhook(self, asked: Json) -> bool:
        self.webhook = self.secret = None
        if asked.get("drop_pending_updates"):
            self.pending.clear()
        return True

    async def _send_message(self, asked: Json) -> Json:
        text = asked["text"]
        if not text.strip():
            raise Refusal("Bad Request: message text is empty")
        if len(text) > 4096:  # code points, measured against Telegram: 4,096 emoji pass
            raise Refusal("Bad Request: message is too long")
        return self._message(asked, {"text": text})

    async def _send_location(self, asked: Json) -> Json:
        latitude, longitude = asked["latitude"], asked["longitude"]
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
            raise Refusal("Bad Request: wrong location specified")
        return self._message(asked, {"location": {"latitude": latitude, "longitude": longitude}})

    async def _send_chat_action(self, asked: Json) -> bool:
        self._chat(asked)
        if asked["action"] not in ACTIONS:
            raise Refusal("Bad Request: wrong parameter action in request")
        return True

    async def _delete_message(self, asked: Json) -> bool:
        self._chat(asked)
        if not 1000 < asked["message_id"] <= self._last_message:
            raise Refusal("Bad Request: message to delete not found")
        return True

    async def _delete_messages(self, asked: Json) -> bool:
        self._chat(asked)
        numbers = asked["message_ids"]
        if not (isinstance(numbers, list) and 1 <= len(numbers) <= 100 and all(type(n) is int for n in numbers)):
            raise Refusal("Bad Request: message identifiers are not specified")
        self.deleted |= {(asked["chat_id"], number) for number in numbers}
        return True

    async def _answer_callback_query(self, asked: Json) -> bool:
        if asked["callback_query_id"] not in self.queries:
            raise Refusal("Bad Request: query is too old and response timeout expired or query ID is invalid")
        self.queries.discard(asked["callback_query_id"])
        return True

    def _message(self, asked: Json, content: Json) -> Json:
        chat = self._chat(asked)
        markup = asked.get("reply_markup")
        if markup is not None:
            _check_markup(markup)
        self._last_message += 1
        told = {"reply_markup": markup} if markup and "inline_keyboard" in markup else {}
        return {
            "message_id": self._last_message,
            "from": {"id": BOT_ID, "is_bot": True, "first_name": "Farol", "username": self.username},
            "chat": {"id": chat, "first_name": "Somebody", "type": "private"},
            "date": 1760000000,
            **content,
            **told,
        }

    def _chat(self, asked: Json) -> int:
        chat = asked["chat_id"]
        if chat in self.blocked:
            raise Refusal("Forbidden: bot was blocked by the user", 403)
        if chat in self.unknown:
            raise Refusal("Bad Request: chat not found")
        return int(chat)


async def _parameters(request: web.Request, method: str) -> Json:
    """Parameters from a form, whose values are JSON unless they are texts, or from a JSON body."""
    if method not in METHODS:
        raise Refusal("Not Found", 404)
    if request.content_type == "application/json":
        return dict(await request.json())
    form = await request.post()
    if len(set(form)) != len(form):
        raise Refusal("Bad Request: emulator: a parameter is given twice")
    try:
        return {name: value if name in TEXTS else json.loads(str(value)) for name, value in form.items()}
    except ValueError:
        raise Refusal("Bad Request: can't parse a parameter as JSON") from None


def _check(method: str, parameters: Json) -> None:
    known = METHODS[method]
    for name, required in known.items():
        if required and name not in parameters:
            raise Refusal(f"Bad Request: parameter {name} is required")
    unknown = set(parameters) - set(known)
    if unknown:
        raise Refusal(f"Bad Request: emulator: {method} has no {sorted(unknown)}")
    for name in ("chat_id", "message_id", "offset", "limit", "timeout"):
        if name in parameters and type(parameters[name]) is not int:
            raise Refusal(f"Bad Request: emulator: {name} is not an integer")
    for name in ("latitude", "longitude"):
        if name in parameters and not isinstance(parameters[name], int | float):
            raise Refusal(f"Bad Request: emulator: {name} is not a number")


def _check_markup(markup: Json) -> None:
    if set(markup) & {"remove_keyboard", "force_reply"}:
        return
    kind = "inline_keyboard" if "inline_keyboard" in markup else "keyboard"
    rows = markup.get(kind)
    if not isinstance(rows, list) or not all(isinstance(row, list) and row for row in rows) or not rows:
        raise Refusal("Bad Request: can't parse reply keyboard markup JSON object")
    buttons = [button for row in rows for button in row]
    if len(buttons) > 100:
        raise Refusal("Bad Request: REPLY_MARKUP_TOO_LONG")
    for button in buttons:
        if not isinstance(button, dict) or not str(button.get("text", "")).strip():
            raise Refusal('Bad Request: can\'t parse keyboard button: Field "text" must be non-empty')
        if kind == "inline_keyboard":
            _check_inline(button)


def _check_inline(button: Json) -> None:
    if len(set(button) & INLINE_ACTIONS) != 1:
        raise Refusal("Bad Request: Text buttons are unallowed in the inline keyboard")
    if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= 64:
        raise Refusal("Bad Request: BUTTON_DATA_INVALID")


def _error(fault: Fault) -> web.Response:
    if fault.body is not None:
        return web.Response(status=fault.status, text=fault.body, content_type="text/html")
    answer: Json = {"ok": False, "error_code": fault.status, "description": fault.description or "emulated"}
    if fault.retry_after is not None:
        answer["description"] = f"Too Many Requests: retry after {fault.retry_after}"
        answer["parameters"] = {"retry_after": fault.retry_after}
    return web.json_response(answer, status=fault.status)


def _snake(method: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), method)


# What people send: updates without their update_id.


def person(chat: int, language: str | None = "pt-br") -> Json:
    told = {"language_code": language} if language else {}
    return {"id": chat, "is_bot": False, "first_name": "Maria", "last_name": "Exemplo", "username": "maria_ex", **told}


def message(chat: int, text: str | None = None, *, language: str | None = "pt-br", **content: Any) -> Json:
    """A message in a private chat: a text, or `content` such as location={...}, voice={...}."""
    said = {"text": text} if text is not None else {}
    private = {"id": chat, "first_name": "Maria", "last_name": "Exemplo", "type": "private"}
    return {
        "message": {
            "message_id": 42,
            "from": person(chat, language),
            "chat": private,
            "date": 1760000000,
            **said,
            **content,
        }
    }


def press(chat: int, title: str, data: str, query: str = "4382bfdwdsb323b2d9") -> Json:
    """A press on the button of a message that offered exactly that button."""
    offered = message(chat, "?")["message"] | {
        "from": {"id": BOT_ID, "is_bot": True, "first_name": "Farol"},
        "reply_markup": {"inline_keyboard": [[{"text": title, "callback_data": data}]]},
    }
    return {
        "callback_query": {
            "id": query,
            "from": person(chat),
            "message": offered,
            "chat_instance": "-1234567890",
            "data": data,
        }
    }
