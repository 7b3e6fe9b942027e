"""Telegram through python-telegram-bot: by webhook, or by long polling where there is no public address.

Private chats only: what somebody asks Farol is nobody else's business.
https://core.telegram.org/bots/api
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, TypeVar

import httpx
from telegram import (
    Bot,
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    KeyboardButton,
    LinkPreviewOptions,
    Message,
    MessageEntity,
    ReplyKeyboardMarkup,
    Update,
)
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, RetryAfter, TelegramError
from telegram.request import HTTPXRequest

from bot.channels.base import Accept, Event
from bot.messages import (
    ChannelTraits,
    Consequence,
    Forged,
    Inbound,
    Location,
    Outbound,
    Refused,
    SendError,
    Unreadable,
    WebhookRequest,
)

log = logging.getLogger(__name__)

Result = TypeVar("Result")

API_URL = "https://api.telegram.org/bot"
TEXT_LIMIT = 4096  # code points, not UTF-16 units
BUTTON_LIMIT = 100
PAYLOAD_LIMIT = 64  # bytes of callback_data
UPDATES = ("message", "callback_query")  # edits and the rest would only be refused: they are not asked for
POLL_SECONDS = 50
REMOVED_AT_ONCE = 100  # messages in one call of deleteMessages
PRESS = "callback:"  # marks the provider_id of a pressed button, which is the id to acknowledge it by

# What a person may type after a slash. Anything else, and any of these followed by more words, is plain text.
COMMANDS = {
    "start": ("", "intent:greet"),
    "help": ("", "intent:show_menu"),
    "menu": ("", "intent:show_menu"),
    "stop": ("STOP", None),
}

# In this order: an animation is also a document.
MEDIA = {
    "voice": "audio",
    "audio": "audio",
    "photo": "image",
    "sticker": "sticker",
    "animation": "video",
    "video": "video",
    "video_note": "video",
    "contact": "contact",
    "document": "file",
}

# What an error means, and its code. Everything else may pass: network, server, and a token that is ours to repair.
FAILURES: dict[type[TelegramError], tuple[Consequence, str]] = {
    Forbidden: (Consequence.STOP_WRITING, "403"),  # blocked us, or left Telegram
    BadRequest: (Consequence.GIVE_UP, "400"),
    ChatMigrated: (Consequence.GIVE_UP, "400"),
    InvalidToken: (Consequence.RETRY, "401"),
    Conflict: (Consequence.RETRY, "409"),
}

# These end before the request leaves; after any other network error Telegram may have sent the message.
NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class TelegramChannel:
    """A Telegram bot. Without `webhook_secret` (1-256 of A-Z a-z 0-9 _ -) no webhook request is believed.

    `protect_content` keeps people from forwarding or saving what the bot writes.
    `backoff` is the first and the longest wait (s) between failed polls.
    """

    traits = ChannelTraits(
        "telegram",
        TEXT_LIMIT,
        button_limit=BUTTON_LIMIT,
        title_limit=64,
        can_ask_location=True,
        can_send_location=True,
        removes_within=timedelta(hours=48),
    )

    def __init__(
        self,
        *,
        token: str,
        webhook_secret: str | None = None,
        protect_content: bool = False,
        api_url: str = API_URL,
        timeout: float = 15.0,
        backoff: tuple[float, float] = (1.0, 60.0),
    ) -> None:
        if webhook_secret is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", webhook_secret):
            raise ValueError("a webhook secret has 1 to 256 of A-Z a-z 0-9 _ -")
        if not re.fullmatch(r"\d+:[A-Za-z0-9_-]+", token):
            raise ValueError("a bot token is a number, a colon and a secret, as BotFather gives it")
        _silence_libraries()
        self._secret = webhook_secret
        self._backoff = backoff
        self._protect = protect_content
        limits = {f"{step}_timeout": timeout for step in ("connect", "read", "write", "pool")}
        self._bot = _Bot(
            token,
            base_url=api_url,
            request=HTTPXRequest(connection_pool_size=32, **limits),
            get_updates_request=HTTPXRequest(connection_pool_size=1, **limits),
        )
        self._background: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        try:
            await self._call(self._bot.initialize())
        except SendError as error:
            log.warning("telegram did not answer at start: %s", error)

    async def stop(self) -> None:
        tasks = list(self._background)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._bot.shutdown()

    def verify(self, request: WebhookRequest) -> None:
        """Raise Forged unless the request carries the secret that `set_webhook` gave to Telegram."""
        given = request.headers.get("x-telegram-bot-api-secret-token", "").encode("utf-8", "replace")
        if not self._secret or not hmac.compare_digest(self._secret.encode(), given):
            raise Forged("the secret is missing or wrong")

    def parse(self, request: WebhookRequest) -> list[Event]:
        """Read one update; one whose content cannot be read is refused, so that Telegram does not repeat it."""
        try:
            update = json.loads(request.body)
        except (ValueError, RecursionError):
            raise Unreadable("not JSON") from None
        return [self._event(update)]

    async def poll(self, accept: Accept) -> None:
        """Hand over messages until cancelled. Removes the webhook first, keeping what is waiting.

        Survives an unreachable Telegram and a failing `accept`: what was not accepted is asked for again, in order.
        """
        wait, longest = self._backoff
        offset: int | None = None
        ready = False
        while True:
            try:
                if not ready:
                    await self._call(self._bot.initialize())
                    await self._call(self._bot.delete_webhook(drop_pending_updates=False))
                    ready = True
                for update in await self._call(self._bot.pending(offset)):
                    event = self._event(update)
                    await accept(event)
                    self.acknowledge(event)
                    offset = update["update_id"] + 1  # the next request tells Telegram to forget this one
                wait = self._backoff[0]
            except Exception as error:
                # Whatever it was, giving up would leave people without an answer.
                told = str(error) if isinstance(error, SendError) else type(error).__name__
                pause = getattr(error, "retry_after", None) or wait
                log.warning("polling failed (%s), again in %.0f s", told, pause)
                await asyncio.sleep(pause)
                wait = min(wait * 2, longest)

    async def remove_webhook(self) -> None:
        """Have Telegram call nobody, keeping what is waiting. Raises SendError."""
        await self._call(self._bot.delete_webhook(drop_pending_updates=False))

    async def catch_up(self, url: str, accept: Accept) -> int:
        """Fetch what Telegram could not deliver to the webhook, at once and in order, then have it call `url` again.

        Left alone Telegram tries less and less often. Returns how many updates were fetched. Raises SendError, and what
        `accept` raises; the webhook is set again in any case.
        """
        info = await self._call(self._bot.get_webhook_info())
        if not info.pending_update_count:
            return 0
        fetched, offset = 0, None
        await self._call(self._bot.delete_webhook(drop_pending_updates=False))
        try:
            while updates := await self._call(self._bot.pending(offset, wait=0)):
                for update in updates:
                    event = self._event(update)
                    await accept(event)
                    self.acknowledge(event)
                    offset = update["update_id"] + 1
                    fetched += 1
        finally:
            await self.set_webhook(url)
        return fetched

    def acknowledge(self, event: Event) -> None:
        """Stop the spinner on a pressed button, in the background; other events need nothing."""
        if event.provider_id.startswith(PRESS):
            task = asyncio.create_task(self._answer_press(event.provider_id.removeprefix(PRESS)))
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def set_webhook(self, url: str) -> None:
        """Have Telegram call `url` with our secret, keeping what is waiting. Raises SendError."""
        if not self._secret:
            raise ValueError("a webhook needs a secret")
        await self._call(
            self._bot.set_webhook(url, secret_token=self._secret, allowed_updates=UPDATES, drop_pending_updates=False)
        )

    async def send(self, address: str, message: Outbound) -> str:
        """Send and return Telegram's message id. A pin, or a second keyboard, follows and may fail unnoticed; its id
        stands behind the first one's, after a space.

        Raises SendError; ValueError for a message that Telegram would refuse.
        """
        _check(message)
        chat, keyboard = int(address), _keyboard(message)
        sent = await self._send_text(chat, message.text, _choices(message) or keyboard)
        all_sent = [sent]
        try:
            if message.location:
                place = message.location
                pin = self._bot.send_location(chat, place.latitude, place.longitude, protect_content=self._protect)
                all_sent.append(await self._call(pin))
            if message.buttons and keyboard:  # one message carries one keyboard
                all_sent.append(await self._send_text(chat, message.ask_location or "", keyboard))
        except SendError as error:
            log.warning("addition to a message not sent: %s", error)
        return " ".join(str(one.message_id) for one in all_sent)

    async def remove(self, address: str, message_ids: list[str]) -> None:
        """Delete up to 48 hours of a private chat, on both sides. Raises SendError."""
        numbers = sorted({int(number) for ids in message_ids for number in ids.split()})
        for start in range(0, len(numbers), REMOVED_AT_ONCE):
            await self._call(self._bot.delete_messages(int(address), numbers[start : start + REMOVED_AT_ONCE]))

    async def _send_text(
        self, chat: int, text: str, markup: InlineKeyboardMarkup | ReplyKeyboardMarkup | None
    ) -> Message:
        return await self._call(
            self._bot.send_message(
                chat,
                text,
                reply_markup=markup,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
                protect_content=self._protect,
            )
        )

    async def _answer_press(self, query: str) -> None:
        try:
            await self._call(self._bot.answer_callback_query(query))
        except SendError as error:  # a press is only answerable for a short while; the reply itself is on its way
            log.info("press not acknowledged: %s", error)

    async def _call(self, request: Awaitable[Result]) -> Result:
        """The request's result, or its failure as a SendError that repeats nothing of what was sent."""
        try:
            return await request
        except TelegramError as error:
            raise _failure(error) from None
        except (KeyError, TypeError) as error:
            reason = f"telegram: unreadable answer ({type(error).__name__})"
            raise SendError(reason, Consequence.RETRY, uncertain=True) from None

    def _event(self, raw: Any) -> Event:
        number = raw.get("update_id") if isinstance(raw, dict) else None
        if type(number) is not int:
            raise Unreadable("not an update")
        try:
            return self._read(Update.de_json(raw))
        except Exception as error:  # the library raises whatever its constructors do
            # Telegram would repeat an update that is turned away, and hold up those behind it, for a day.
            log.error("update %d cannot be read: %s", number, type(error).__name__)
            return Refused("telegram", str(number), "unreadable")

    def _read(self, update: Update) -> Event:
        number = str(update.update_id)
        if update.callback_query:
            return _press(update.callback_query)
        if update.message:
            return self._message(update.message, number)
        return Refused("telegram", number, "an edited message" if update.edited_message else "not a message")

    def _message(self, message: Message, number: str) -> Event:
        if message.chat.type != "private":
            return self._from_group(message, number)
        text, payload = _command(message.text or message.caption or "")
        location = _location(message)
        media = None if location else _media(message)
        if not (text or payload or location or media):
            return Refused("telegram", number, "nothing a person said")
        person = message.from_user
        return Inbound(
            "telegram",
            number,
            str(message.chat.id),
            text,
            payload,
            location,
            media,
            language_hint=person.language_code if person else None,
            sent_at=message.date,
            message_id=str(message.message_id),
        )

    def _from_group(self, message: Message, number: str) -> Refused:
        if self._is_addressed(message):
            return Refused("telegram", number, "a group", reply_to=str(message.chat.id), key="group.refused")
        return Refused("telegram", number, "a group")

    def _is_addressed(self, message: Message) -> bool:
        """Whether a group's message is meant for the bot: a reply to it, its name, or a command that can be its own."""
        own_id, own_name = int(self._bot.token.partition(":")[0]), self._own_name()
        answered = message.reply_to_message and message.reply_to_message.from_user
        if answered and answered.id == own_id:
            return True
        for entity, words in {**message.parse_entities(), **message.parse_caption_entities()}.items():
            name = words.partition("@")[2].lower()
            if entity.type == MessageEntity.BOT_COMMAND and name in ("", own_name):
                return True
            if entity.type == MessageEntity.MENTION and name == own_name:
                return True
            if entity.type == MessageEntity.TEXT_MENTION and entity.user and entity.user.id == own_id:
                return True
        return False

    def _own_name(self) -> str | None:
        try:
            return self._bot.username.lower()
        except RuntimeError:  # Telegram has not told us yet
            return None


class _Bot(Bot):
    """The library's bot, which also hands over updates unread: one that it cannot read must not hold up the others."""

    __slots__ = ()

    async def pending(self, offset: int | None, wait: int = POLL_SECONDS) -> list[dict[str, Any]]:
        asked = {"offset": offset, "timeout": wait, "allowed_updates": UPDATES}
        return await self._post("getUpdates", asked, read_timeout=wait + 10)


def _silence_libraries() -> None:
    # httpx logs each address, which holds the token; the bot's loggers repeat texts, some of them as errors.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    logging.getLogger("telegram").setLevel(logging.CRITICAL + 1)


def _press(query: CallbackQuery) -> Event:
    number, message = PRESS + query.id, query.message
    if message is None or message.chat.type != "private" or not query.data:
        return Refused("telegram", number, "not a button in a private chat")
    title = ""
    if message.is_accessible:  # else too old: Telegram no longer tells what its buttons were
        markup = getattr(message, "reply_markup", None)
        rows = markup.inline_keyboard if markup else ()
        titles = {button.callback_data: button.text for row in rows for button in row}
        if query.data not in titles:  # a changed client may send any data
            return Refused("telegram", number, "not one of our buttons")
        title = titles[query.data]
    return Inbound(
        "telegram", number, str(message.chat.id), title, query.data, language_hint=query.from_user.language_code
    )


def _command(text: str) -> tuple[str, str | None]:
    """Text and payload. A greeting may carry a deep link's parameter (t.me/<bot>?start=...), which is dropped."""
    found = re.fullmatch(r"/(\w+)(?:@\w+)?(\s+[\w-]{1,64})?", text.strip(), re.ASCII)
    if not found or (found[2] and found[1].lower() != "start"):
        return text, None
    return COMMANDS.get(found[1].lower(), (text, None))


def _location(message: Message) -> Location | None:
    place = message.venue.location if message.venue else message.location
    if not place:
        return None
    return Location(place.latitude, place.longitude, message.venue.title if message.venue else None)


def _media(message: Message) -> str | None:
    for attribute, kind in MEDIA.items():
        if getattr(message, attribute):
            return kind
    return "file" if message.effective_attachment else None


def _check(message: Outbound) -> None:
    if not message.text.strip() or len(message.text) > TEXT_LIMIT:
        raise ValueError(f"a text has 1 to {TEXT_LIMIT} characters, this one has {len(message.text)}")
    if len(message.buttons) > BUTTON_LIMIT:
        raise ValueError(f"a message has at most {BUTTON_LIMIT} buttons, this one has {len(message.buttons)}")
    for button in message.buttons:
        if not button.title.strip() or not 1 <= len(button.payload.encode()) <= PAYLOAD_LIMIT:
            raise ValueError(f"a button has a title and a payload of 1 to {PAYLOAD_LIMIT} bytes: {button.payload!r}")


def _choices(message: Outbound) -> InlineKeyboardMarkup | None:
    # One button a row: titles stay whole, in every language and direction.
    rows = [[InlineKeyboardButton(button.title, callback_data=button.payload)] for button in message.buttons]
    return InlineKeyboardMarkup(rows) if rows else None


def _keyboard(message: Outbound) -> ReplyKeyboardMarkup | None:
    if not message.ask_location:
        return None
    share = KeyboardButton(message.ask_location, request_location=True)
    return ReplyKeyboardMarkup([[share]], resize_keyboard=True, one_time_keyboard=True)


def _failure(error: TelegramError) -> SendError:
    if isinstance(error, RetryAfter):
        pause = error.retry_after
        seconds = pause.total_seconds() if isinstance(pause, timedelta) else pause
        return SendError("telegram: too many requests", Consequence.RETRY, code="429", retry_after=float(seconds))
    reason = f"telegram: {type(error).__name__}"
    if type(error) in FAILURES:
        meaning, code = FAILURES[type(error)]
        return SendError(f"{reason}, code {code}", meaning, code=code)
    # No connection, no answer, or a server's error: TimedOut, NetworkError and what cannot be read.
    return SendError(reason, Consequence.RETRY, uncertain=not isinstance(error.__cause__, NEVER_LEFT))
