"""SMS and WhatsApp through Twilio: two faces of one account, sharing one webhook and one wire format.

Messages and status callbacks come to the same address and are told apart by their parameters.
Only what an `Inbound` names leaves the parser: ProfileName, WaId and the geography Twilio guesses never do.
https://www.twilio.com/docs/messaging/guides/webhook-request
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlparse, urlsplit

import aiohttp
from multidict import MultiDict
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator, add_port, remove_port
from twilio.rest import Client

from bot.channels.base import Event
from bot.channels.twilio_codes import DELIVERIES, TEMPLATE_CODES, consequence
from bot.channels.twilio_log import Logged, read_log
from bot.messages import (
    ChannelTraits,
    Consequence,
    Delivery,
    DeliveryStatus,
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

API_URL = "https://api.twilio.com"
TEXT_LIMIT = 1600
TEMPLATE_TEXT_LIMIT = 1024  # body of twilio/quick-reply and twilio/list-picker
BUTTON_LIMIT = 3  # quick replies in a session; more become a list-picker, of at most LIST_LIMIT
LIST_LIMIT = 10
TITLE_LIMIT = 20  # of a quick reply; WhatsApp allows 24 in a list
KEPT = timedelta(days=400)  # how long Twilio's log goes back
WINDOW_HOURS = 24  # after a person's last WhatsApp message only approved templates are delivered
REFERENCE = "ref"  # in our status callback's address: Twilio repeats it, and signs the whole address
FIELD_LIMIT = 500  # parameters in one webhook; Twilio sends about 30

NUMBER = re.compile(r"\+?\d{3,15}")  # a short code has no plus
SCOPED_ID = re.compile(r"[A-Z]{2}\.\w+")  # a WhatsApp account without a number
LOST = "say:lost"  # asks for words that say that a message was lost

FORM = "application/x-www-form-urlencoded"
WHATSAPP = "whatsapp:"

MEDIA = {"audio": "audio", "image": "image", "video": "video", "text/vcard": "contact", "text/x-vcard": "contact"}


class TwilioChannel:
    """One face of a Twilio account: `name` is "sms" or "whatsapp", `sender` the number it writes from.

    `verify` and `parse` serve both faces, whichever object they are called on.
    `content_sids` maps a number of choices to the Content template that shows them (WhatsApp only): 1-3 are quick
    replies with variables 1 = text, then title and id of each choice; 4-10 are list-pickers with 1 = text,
    2 = label of the list's button, then title and id of each. Choices without a template are numbered in the text.
    `discard_content` asks Twilio to keep neither text nor number, which needs Message Redaction on the account.
    `templates` maps a language to the Content template that asks a person to write, so that they may be answered.
    """

    def __init__(
        self,
        name: str,
        *,
        account_sid: str,
        auth_token: str,
        sender: str,
        status_callback: str | None = None,
        discard_content: bool = True,
        content_sids: Mapping[int, str] | None = None,
        templates: Mapping[str, str] | None = None,
        api_url: str = API_URL,
        timeout: float = 15.0,
    ) -> None:
        self._templates = dict(templates or {})
        self._status_callback = status_callback
        self._content_sids = dict(content_sids or {})
        self.traits = traits_of(name, self._content_sids)
        self._prefix = WHATSAPP if name == "whatsapp" else ""
        self._sender = self._prefix + sender.removeprefix(WHATSAPP)
        self._validator = RequestValidator(auth_token)
        self._http = _Http(timeout)
        # A mapping with nothing of use, or the client would read TWILIO_REGION and others from the environment.
        self._client = Client(account_sid, auth_token, http_client=self._http, environment={"": ""})
        self._client.api.base_url = api_url
        self._options: dict[str, Any] = {"from_": self._sender}
        if discard_content:
            self._options |= {"content_retention": "discard", "address_retention": "obfuscate"}

    async def start(self) -> None:
        self._http.open()

    async def stop(self) -> None:
        await self._http.close()

    def verify(self, request: WebhookRequest) -> None:
        """Raise Forged unless Twilio signed exactly this address and these parameters with our auth token.

        There is no timestamp: a replay is authentic, and is recognised by its `provider_id`.
        """
        try:
            signed = _form(request) if _is_form(request) else _hashed(request)
            expected = [self._validator.compute_signature(url, signed) for url in _addresses(request.url)]
        except (ValueError, Unreadable):
            raise Forged("not a request that could have been signed") from None
        given = request.headers.get("x-twilio-signature", "").encode("utf-8", "replace")
        # A list and not a generator: every comparison is made, whichever matches.
        if not any([hmac.compare_digest(one.encode(), given) for one in expected]):
            raise Forged("the signature is missing or wrong")

    def parse(self, request: WebhookRequest) -> list[Event]:
        """Read one webhook; an empty list is a status that says nothing new (queued, sending...)."""
        if not _is_form(request):
            raise Unreadable("not a form")
        form = _form(request)
        sid = form.get("MessageSid") or form.get("SmsSid")
        if not sid:
            raise Unreadable("no MessageSid")
        if _is_status(form):
            return _status(form, sid, self.traits.name, request.url)
        return [_message(form, sid)]

    async def send(self, address: str, message: Outbound) -> str:
        """Send and return Twilio's message id. A location follows as a pin of its own, which may fail unnoticed.

        Raises SendError; ValueError for a message that the channel's traits rule out.
        """
        if message.location and not self.traits.can_send_location:
            raise ValueError(f"{self.traits.name} cannot send a location")
        text = _numbered(message)
        if not text.strip() or len(text) > TEXT_LIMIT:
            raise ValueError(f"a text has 1 to {TEXT_LIMIT} characters, choices included; this one has {len(text)}")
        to = self._prefix + address
        sid = await self._send_text(to, message, text)
        if message.location:
            await self._send_pin(to, message.location)
        return sid

    async def remove(self, address: str, message_ids: list[str]) -> None:
        """Delete messages from Twilio's log. Raises SendError for one that it does not let go of yet (still on its way).

        Twilio keeps bodies for up to 30 days more in backups of its own; only `discard_content` avoids that.
        https://www.twilio.com/docs/messaging/api/message-resource#delete-a-message-resource
        """
        for sid in message_ids:
            try:
                await self._client.messages(sid).delete_async()
            except (TwilioRestException, TwilioServiceException) as error:
                if error.status != 404:  # gone already
                    raise SendError(f"twilio: not deleted, HTTP {error.status}", Consequence.RETRY) from None
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                raise SendError(f"twilio: not deleted ({type(error).__name__})", Consequence.RETRY) from None

    @property
    def can_invite(self) -> bool:
        """Whether there is a template for people whose window is closed."""
        return bool(self._templates)

    async def invite(self, address: str, language: str) -> str | None:
        """Send the template that asks a person to write, in their language or else in any; None without one.

        Raises SendError.
        """
        template = self._templates.get(language) or next(iter(self._templates.values()), None)
        return await self._create(self._prefix + address, content_sid=template) if template else None

    async def find_sent(self, address: str, message: Outbound, since: datetime) -> list[DeliveryStatus] | None:
        """What Twilio's log says of this message since a moment, oldest first; None when the log cannot tell.

        It cannot when Twilio was asked to keep neither texts nor numbers. Raises SendError.
        """
        if "content_retention" in self._options:
            return None
        words = {_numbered(message), message.text}
        logged = await self._read_log(since, to=self._prefix + address, from_=self._sender)
        return [_logged_status(self.traits.name, one) for one in logged if not one.inbound and one.body in words]

    async def missed(self, since: datetime) -> list[Event]:
        """What people have sent to this number since a moment, oldest first, received here or not. Raises SendError.

        Buttons and pins are not in the log: a button comes as its title, a pin as a message that was lost.
        """
        logged = await self._read_log(since, to=self._sender)
        return [_logged_message(self.traits.name, one) for one in logged if one.inbound and one.sender]

    async def _read_log(self, since: datetime, **filters: str) -> list[Logged]:
        try:
            return await read_log(self._client, since, **filters)
        except TwilioRestException as error:
            raise _failure(error.status, error.code) from None
        except (aiohttp.ClientError, TimeoutError, ValueError, TwilioException, TwilioServiceException) as error:
            raise SendError(f"twilio: log not read ({type(error).__name__})", Consequence.RETRY) from None

    async def _send_text(self, to: str, message: Outbound, text: str) -> str:
        told = self._callback(message.reference)
        template = self._template(message)
        if template:
            try:
                return await self._create(to, **template, **told)
            except SendError as error:
                if error.code not in TEMPLATE_CODES:
                    raise
                log.error("content template for %d choices refused: %s", len(message.buttons), error.code)
        return await self._create(to, body=text, **told)

    def _callback(self, reference: str | None) -> dict[str, str]:
        if not self._status_callback:
            return {}
        query = "?" + urlencode({REFERENCE: reference}) if reference else ""
        return {"status_callback": self._status_callback + query}

    def _template(self, message: Outbound) -> dict[str, str] | None:
        choices = message.buttons
        sid = self._content_sids.get(len(choices)) if self._prefix else None
        if not sid or len(message.text) > TEMPLATE_TEXT_LIMIT:
            return None
        values = [message.text]
        if len(choices) > BUTTON_LIMIT:
            values.append(message.list_title or "")
        for choice in choices:
            values += [choice.title, choice.payload]
        if not all(values):  # Twilio refuses an empty variable
            return None
        variables = {str(place): value for place, value in enumerate(values, start=1)}
        return {"content_sid": sid, "content_variables": json.dumps(variables, ensure_ascii=False)}

    async def _send_pin(self, to: str, place: Location) -> None:
        # A pin shows no body on WhatsApp, so it is never the message itself: the text has already gone.
        label = (place.label or "").replace("|", " ").strip()
        point = f"{place.latitude:.6f},{place.longitude:.6f}"
        action = f"geo:{point}|{label}" if label else f"geo:{point}"
        try:
            await self._create(to, body=label or point, persistent_action=[action])
        except SendError as error:
            log.warning("location pin not sent: %s", error)

    async def _create(self, to: str, **parameters: Any) -> str:
        try:
            created = await self._client.messages.create_async(to=to, **self._options, **parameters)
        except (TwilioRestException, TwilioServiceException) as error:
            raise _failure(error.status, error.code) from None  # Twilio's message repeats the number
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise SendError(f"twilio: no connection ({type(error).__name__})", Consequence.RETRY) from None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            # The request had left: Twilio may have sent it all the same.
            reason = f"twilio: no readable answer ({type(error).__name__})"
            raise SendError(reason, Consequence.RETRY, uncertain=True) from None
        return str(created.sid)


def traits_of(name: str, content_sids: Mapping[int, str] | None = None) -> ChannelTraits:
    """What a face of Twilio's ('sms' or 'whatsapp') can show with these content templates. Raises ValueError."""
    content_sids = content_sids or {}
    if name == "sms":
        return ChannelTraits("sms", TEXT_LIMIT, segments=True, removes_within=KEPT)
    if name != "whatsapp":
        raise ValueError(f"a Twilio channel is 'sms' or 'whatsapp', not {name!r}")
    if any(not 1 <= count <= LIST_LIMIT for count in content_sids):
        raise ValueError(f"a content template shows 1 to {LIST_LIMIT} choices, not {sorted(content_sids)}")
    return ChannelTraits(
        "whatsapp",
        TEXT_LIMIT,
        button_limit=max((count for count in content_sids if count <= BUTTON_LIMIT), default=0),
        title_limit=TITLE_LIMIT,
        list_limit=max((count for count in content_sids if count > BUTTON_LIMIT), default=0),
        can_send_location=True,
        removes_within=KEPT,
        window_hours=WINDOW_HOURS,
    )


def _is_form(request: WebhookRequest) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == FORM or not request.body


def _form(request: WebhookRequest) -> MultiDict[str]:
    """Every parameter, blank ones and repetitions included: the signature covers them all."""
    try:
        body = request.body.decode()
        pairs = parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=FIELD_LIMIT)
    except ValueError:
        raise Unreadable("not a form in UTF-8") from None
    return MultiDict(pairs)


def _hashed(request: WebhookRequest) -> dict[str, str]:
    """No parameters: a body that is not a form is signed through its SHA-256 in the query. Raises Forged."""
    given = parse_qs(urlsplit(request.url).query).get("bodySHA256", [""])[0]
    if not hmac.compare_digest(hashlib.sha256(request.body).hexdigest().encode(), given.encode("utf-8", "replace")):
        raise Forged("the body's hash is missing or wrong")
    return {}


def _addresses(url: str) -> list[str]:
    # Twilio signs with the port or without: https://www.twilio.com/docs/usage/security#a-few-notes
    parsed = urlparse(url)
    return [url, add_port(parsed), remove_port(parsed)]


def _is_status(form: MultiDict[str]) -> bool:
    if "Body" in form:
        return False
    status = form.get("MessageStatus") or form.get("SmsStatus")
    return status not in (None, "", "received", "receiving")


def _status(form: MultiDict[str], sid: str, default_channel: str, url: str) -> list[Event]:
    delivery = DELIVERIES.get((form.get("MessageStatus") or form["SmsStatus"]).lower())
    if delivery is None:
        return []
    ends = form.get("From", "") + form.get("To", "")
    channel = default_channel if not ends else "whatsapp" if WHATSAPP in ends else "sms"
    reference = parse_qs(urlsplit(url).query).get(REFERENCE, [None])[0]
    if delivery is not Delivery.FAILED:
        return [DeliveryStatus(channel, sid, delivery, reference=reference)]
    code = form.get("ErrorCode") or None
    return [DeliveryStatus(channel, sid, delivery, code, consequence(code), reference)]


def _logged_status(channel: str, logged: Logged) -> DeliveryStatus:
    # Accepted, queued or on its way: Twilio has it, which is what 'sent' means to whoever asks.
    delivery = DELIVERIES.get(logged.status, Delivery.SENT)
    if delivery is not Delivery.FAILED:
        return DeliveryStatus(channel, logged.sid, delivery)
    return DeliveryStatus(channel, logged.sid, delivery, logged.error_code, consequence(logged.error_code))


def _logged_message(channel: str, logged: Logged) -> Event:
    try:
        _, sender = _face(logged.sender)
    except Unreadable:
        return Refused(channel, logged.sid, "no sender in the log")
    if not (NUMBER.fullmatch(sender) or SCOPED_ID.fullmatch(sender)):
        # Message Redaction hides the last digits: nobody could be answered.
        return Refused(channel, logged.sid, "a hidden sender in the log")
    text = _decoded(logged.body) if channel == "sms" else logged.body
    media = "file" if logged.media and not text else None
    payload = None if text or media else LOST
    return Inbound(channel, logged.sid, sender, text, payload, media=media, sent_at=logged.sent_at)


def _message(form: MultiDict[str], sid: str) -> Event:
    channel, sender = _face(form.get("From") or form.get("ExternalUserId") or "")
    if form.get("MessageType", "").lower() == "reaction":
        return Refused(channel, sid, "a reaction, not a message")
    location, media = _location(form), _media(form)
    payload = form.get("ButtonPayload") or form.get("ListId") or None
    text = _text(form, channel)
    if channel == "whatsapp" and not (text or payload or location or media):
        media = "file"  # a kind Twilio does not pass on: the person must still hear that it could not be read
    return Inbound(channel, sid, sender, text, payload, location, media, message_id=sid)


def _face(sender: str) -> tuple[str, str]:
    """Channel and address. An address is a number or a business-scoped id ("US.1234"), whatever Twilio says it is."""
    if sender.startswith(WHATSAPP) and len(sender) > len(WHATSAPP):
        return "whatsapp", sender.removeprefix(WHATSAPP)
    if not sender or ":" in sender:
        raise Unreadable("From is neither a number nor WhatsApp")
    return "sms", sender


def _text(form: MultiDict[str], channel: str) -> str:
    # Advanced Opt-Out recognises keywords of its own in any language, and has already acted on them.
    if (form.get("OptOutType") or "").upper() in ("STOP", "START"):
        return form["OptOutType"].upper()
    body = form.get("Body", "")
    if channel == "sms":
        return _decoded(body)
    return form.get("ButtonText") or form.get("ListTitle") or body


def _decoded(body: str) -> str:
    """The text itself where a long SMS came as base64, as they sometimes do; anything doubtful stays as it is."""
    packed = body.replace("\r", "").replace("\n", "")
    if len(packed) < 60 or not re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", packed):
        return body
    try:
        text = base64.b64decode(packed, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return body
    readable = all(character.isprintable() or character in "\n\r\t" for character in text)
    prose = " " in text or not text.isascii()  # 45 letters of a Latin script without a space are a token, not a text
    exact = base64.b64encode(text.encode()).decode() == packed
    return text if readable and prose and exact else body


def _location(form: MultiDict[str]) -> Location | None:
    if not (form.get("Latitude") and form.get("Longitude")):
        return None
    try:
        latitude, longitude = float(form["Latitude"]), float(form["Longitude"])
        return Location(latitude, longitude, form.get("Label") or form.get("Address") or None)
    except ValueError:
        raise Unreadable("Latitude and Longitude are not a place") from None


def _media(form: MultiDict[str]) -> str | None:
    if form.get("NumMedia", "0") in ("", "0"):
        return None
    if form.get("MessageType", "").lower() == "sticker":
        return "sticker"
    kind = form.get("MediaContentType0", "").partition(";")[0].strip().lower()
    return MEDIA.get(kind) or MEDIA.get(kind.partition("/")[0]) or "file"


def _numbered(message: Outbound) -> str:
    lines = [f"{place}. {button.title}" for place, button in enumerate(message.buttons, start=1)]
    return "\n".join([message.text, "", *lines]) if lines else message.text


def _failure(status: int, code: int | None) -> SendError:
    # Without a code in the answer the library puts the HTTP status in its place.
    provider_code = str(code) if code and code != status else None
    return SendError(
        f"twilio refused: HTTP {status}, code {provider_code}",
        consequence(provider_code, status),
        code=provider_code or str(status),
        uncertain=provider_code is None and status in (500, 502, 504),
    )


class _Http(AsyncHttpClient):
    """Twilio's requests over one aiohttp session. It logs nothing and keeps nothing; the library's own does both."""

    def __init__(self, timeout: float) -> None:
        super().__init__(log, is_async=True)
        self._limits = aiohttp.ClientTimeout(total=None, connect=timeout, sock_connect=timeout, sock_read=timeout)
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._limits)

    async def close(self) -> None:
        session, self._session = self._session, None
        if session:
            await session.close()

    async def request(  # type: ignore[override]
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        if self._session is None:
            raise RuntimeError("the channel was not started")
        headers = dict(headers or {})
        if auth:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        async with self._session.request(
            method, uri, params=params, data=_fields(data), headers=headers, allow_redirects=allow_redirects
        ) as response:
            return Response(response.status, await response.text(), response.headers)


def _fields(data: dict[str, object] | None) -> list[tuple[str, str]]:
    # A list is a repeated parameter (PersistentAction), which aiohttp only takes as pairs.
    pairs = ((name, value if isinstance(value, list) else [value]) for name, value in (data or {}).items())
    return [(name, str(one)) for name, values in pairs for one in values]
