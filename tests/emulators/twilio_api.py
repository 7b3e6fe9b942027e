"""Twilio's Messages API on loopback, stricter than the real one: what Twilio would ignore is refused here.

    async with TwilioApi() as twilio:
        channel = TwilioChannel("sms", account_sid=twilio.account_sid, auth_token=twilio.auth_token,
                                sender="+14155550100", api_url=twilio.url)
        ...
        assert twilio.sent == [...]                     # exactly what was accepted, in order
        twilio.refuse(429, 20429)                       # the next request fails so
        await twilio.post("http://127.0.0.1:8080/webhooks/twilio", sms("+351912345678", "Olá"))

The signature is computed here from Twilio's description and not with its library, so that the two check each other.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from multidict import MultiDict

Form = list[tuple[str, str]]

FLAGS = ("true", "false")

# Every parameter of POST .../Messages.json in Twilio's OpenAPI description of April 2026, with the values it may have.
PARAMETERS: dict[str, tuple[str, ...] | None] = {
    "To": None,
    "StatusCallback": None,
    "ApplicationSid": None,
    "MaxPrice": None,
    "ProvideFeedback": FLAGS,
    "Attempt": None,
    "ValidityPeriod": None,
    "ForceDelivery": FLAGS,
    "ContentRetention": ("retain", "discard"),
    "AddressRetention": ("retain", "obfuscate"),
    "SmartEncoded": FLAGS,
    "PersistentAction": None,
    "TrafficType": ("free",),
    "ShortenUrls": FLAGS,
    "ScheduleType": ("fixed",),
    "SendAt": None,
    "SendAsMms": FLAGS,
    "ContentVariables": None,
    "RiskCheck": ("enable", "disable"),
    "From": None,
    "FallbackFrom": None,
    "MessagingServiceSid": None,
    "Body": None,
    "MediaUrl": None,
    "ContentSid": None,
}
# The same of GET .../Messages.json, with the form of each value (the description gives dates as YYYY-MM-DD in GMT).
DAY = re.compile(r"\d{4}-\d\d-\d\d")
LOG_PARAMETERS = {
    "To": re.compile(r"\S+"),
    "From": re.compile(r"\S+"),
    "DateSent": DAY,
    "DateSent<": DAY,
    "DateSent>": DAY,
    "PageSize": re.compile(r"[1-9]\d{0,2}|1000"),
    "Page": re.compile(r"\d+"),
    "PageToken": re.compile(r"PA\w+"),
}
REPEATABLE = {"PersistentAction", "MediaUrl"}

NUMBER = re.compile(r"\+[1-9]\d{6,14}")
SCOPED_ID = re.compile(r"[A-Z]{2}\.\w+")
PIN = re.compile(r"geo:(-?\d{1,2}(?:\.\d+)?),(-?\d{1,3}(?:\.\d+)?)(?:\|[^|]+)?")


@dataclass
class Fault:
    """What happens to the next request instead of, or after (`accepted`), the usual."""

    status: int = 0
    code: int | None = None
    body: str | None = None
    silent: bool = False
    dropped: bool = False
    accepted: bool = False


class Refusal(Exception):
    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


PATIENCE = 30  # s a test waits for what must come


class TwilioApi:
    """A Twilio account. `sent` holds the parameters of each accepted message; `requests` counts what arrived."""

    def __init__(
        self,
        account_sid: str = "AC" + "0" * 31 + "1",
        auth_token: str = "twilio-token-never-in-a-log",
        senders: Iterable[str] = ("+14155550100", "whatsapp:+14155550199"),
        content_sids: Iterable[str] = (),
        redaction: bool = True,
    ) -> None:
        self.account_sid, self.auth_token = account_sid, auth_token
        self.senders, self.content_sids, self.redaction = set(senders), set(content_sids), redaction
        self.opted_out: set[str] = set()
        self.sent: list[dict[str, str]] = []
        self.sids: list[str] = []
        self.deleted: list[str] = []
        self.log: list[dict[str, object]] = []
        self.requests = self.log_requests = 0
        self.redacts_inbound = False
        self.account_status, self.account_type = "active", "Full"
        self.sms_url, self.sms_method = "", "POST"
        self.weather: Callable[[], Fault] = Fault
        """What happens to a request for which nothing was said: all is well, unless somebody makes a storm."""
        self.tells_status = False
        """Whether status callbacks are posted, as Twilio does; the address must then be one on loopback."""
        self._telling: set[asyncio.Task[None]] = set()
        self._faults: deque[Fault] = deque()
        self._news = asyncio.Condition()
        self._closing = asyncio.Event()

    async def __aenter__(self) -> TwilioApi:
        app = web.Application()
        app.router.add_post("/2010-04-01/Accounts/{sid}/Messages.json", self._create)
        app.router.add_delete("/2010-04-01/Accounts/{sid}/Messages/{message}.json", self._delete)
        app.router.add_get("/2010-04-01/Accounts/{sid}/Messages.json", self._list)
        app.router.add_get("/2010-04-01/Accounts/{sid}.json", self._account)
        app.router.add_get("/2010-04-01/Accounts/{sid}/IncomingPhoneNumbers.json", self._numbers)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = "http://127.0.0.1:%d" % self._runner.addresses[0][1]
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        for task in self._telling:
            task.cancel()
        await self._session.close()
        await self._runner.cleanup()
        assert not self._faults, f"{len(self._faults)} faults were never met"

    async def sent_to(self, address: str, times: int = 1) -> list[dict[str, str]]:
        """Messages accepted for an address, once there are that many; TimeoutError after PATIENCE."""

        def found() -> list[dict[str, str]]:
            return [message for message in self.sent if message["To"] == address]

        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: len(found()) >= times)
        return found()

    # What goes wrong next

    def accept(self) -> None:
        """Let the next request pass, before what is said after."""
        self._faults.append(Fault())

    def refuse(self, status: int, code: int | None = None, body: str | None = None) -> None:
        """Answer the next request with an error; `body` replaces Twilio's JSON."""
        self._faults.append(Fault(status, code, body))

    def say_nothing(self, *, accepted: bool = False) -> None:
        """Let the next request wait for an answer that never comes."""
        self._faults.append(Fault(silent=True, accepted=accepted))

    def hang_up(self, *, accepted: bool = False) -> None:
        """Close the connection in the middle of the next request."""
        self._faults.append(Fault(dropped=True, accepted=accepted))

    # Webhooks

    def sign(self, url: str, form: Form) -> str:
        """X-Twilio-Signature of a form: https://www.twilio.com/docs/usage/security#validating-requests."""
        text = url + "".join(name + value for name, value in sorted(set(form)))
        return base64.b64encode(hmac.new(self.auth_token.encode(), text.encode(), hashlib.sha1).digest()).decode()

    async def post(self, url: str, form: Form, signed_url: str | None = None) -> int:
        """Call a webhook as Twilio does and return the status it answered with."""
        self.receive(form)
        form = [("AccountSid", self.account_sid), ("ApiVersion", "2010-04-01"), *form]
        headers = {
            "X-Twilio-Signature": self.sign(signed_url or url, form),
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        }
        async with self._session.post(url, data=urlencode(form), headers=headers) as response:
            return response.status

    def receive(self, form: Form, at: datetime | None = None) -> None:
        """Have a person's message in the log and call nobody: what is left of it when the webhook fails."""
        given = dict(form)
        sid = given.get("MessageSid", "")
        if "Body" not in given or any(one["sid"] == sid for one in self.log):
            return
        self._keep(sid, given, "inbound", "received", given["From"], given["To"], given["Body"], at)

    # The API

    async def _account(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_account(request, form=False)
        except Refusal as refusal:
            return _error(Fault(refusal.status, refusal.code), str(refusal))
        told = {"status": self.account_status, "type": self.account_type, "auth_token": self.auth_token}
        return web.json_response({"sid": self.account_sid, "friendly_name": "Farol", **told})

    async def _numbers(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_account(request, form=False)
            if set(request.query) - {"PhoneNumber", "PageSize", "Page"}:
                raise Refusal(20001, "emulator: there is no such parameter")
        except Refusal as refusal:
            return _error(Fault(refusal.status, refusal.code), str(refusal))
        wanted = request.query.get("PhoneNumber", "")
        numbers = [
            {
                "phone_number": number,
                "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
                "sms_url": self.sms_url,
                "sms_method": self.sms_method,
            }
            for number in sorted(self.senders)
            if not number.startswith("whatsapp:") and wanted in number
        ]
        return web.json_response({"incoming_phone_numbers": numbers, "next_page_uri": None, "page": 0})

    async def _list(self, request: web.Request) -> web.StreamResponse:
        """Messages of the log, newest first, a page at a time."""
        self.log_requests += 1
        try:
            self._check_account(request, form=False)
            asked = dict(request.query)
            for name in asked:
                if name not in LOG_PARAMETERS:
                    raise Refusal(20001, f"emulator: there is no parameter {name}")
                if not LOG_PARAMETERS[name].fullmatch(asked[name]):
                    raise Refusal(20001, f"Invalid {name}")
        except Refusal as refusal:
            return _error(Fault(refusal.status, refusal.code), str(refusal))
        size, page = int(asked.get("PageSize", 50)), int(asked.get("Page", 0))
        if bool(page) != ("PageToken" in asked):
            return _error(Fault(400, 20001), "emulator: a further page needs its token, and only that")
        found = [one for one in reversed(self.log) if _wanted(one, asked)]
        start = page * size
        path = request.path
        more = {**asked, "Page": str(page + 1), "PageToken": f"PA{start + size}"}
        following = f"{path}?{urlencode(more)}" if start + size < len(found) else None
        return web.json_response(
            {
                "end": min(start + size, len(found)) - 1,
                "first_page_uri": f"{path}?{urlencode({**asked, 'Page': '0'})}",
                "next_page_uri": following,
                "page": page,
                "page_size": size,
                "previous_page_uri": None,
                "start": start,
                "uri": request.path_qs,
                "messages": found[start : start + size],
            }
        )

    async def _create(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        fault = self._faults.popleft() if self._faults else self.weather()
        form = MultiDict((name, str(value)) for name, value in (await request.post()).items())
        try:
            if fault.status:
                return _error(fault)
            self._check_account(request)
            self._check(form)
            answer = self._answer(form) if fault.accepted or not (fault.silent or fault.dropped) else {}
        except Refusal as refusal:
            return _error(Fault(refusal.status, refusal.code), str(refusal))
        async with self._news:
            self._news.notify_all()
        if fault.silent:
            await self._closing.wait()
        if fault.dropped and request.transport:
            request.transport.abort()
        return web.json_response(answer, status=201)

    async def _delete(self, request: web.Request) -> web.Response:
        """204 the first time, 404 for a message that is not (any more) there, as Twilio answers."""
        sid = request.match_info["message"]
        try:
            self._check_account(request)
        except Refusal as refusal:
            return _error(Fault(refusal.status, refusal.code), str(refusal))
        if not re.fullmatch("[SM]M[0-9a-f]{32}", sid) or sid in self.deleted:
            return _error(Fault(404, 20404), "not found")
        self.deleted.append(sid)
        async with self._news:
            self._news.notify_all()
        return web.Response(status=204)

    def _check_account(self, request: web.Request, form: bool = True) -> None:
        expected = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {expected}":
            raise Refusal(20003, "Authenticate", 401)
        if request.match_info["sid"] != self.account_sid:
            raise Refusal(20404, "The requested resource was not found", 404)
        if form and request.content_type != "application/x-www-form-urlencoded":
            raise Refusal(20001, f"emulator: {request.content_type} is not a form")

    def _check(self, form: MultiDict[str]) -> None:
        for name in form:
            if name not in PARAMETERS:
                raise Refusal(20001, f"emulator: there is no parameter {name}")
            if len(form.getall(name)) > 1 and name not in REPEATABLE:
                raise Refusal(20001, f"emulator: {name} is given twice")
        for name, values in PARAMETERS.items():
            if name in form and values and form[name] not in values:
                code = {"ContentRetention": 30029, "AddressRetention": 30030}.get(name, 20001)
                raise Refusal(code, f"Invalid {name}")
        self._check_ends(form)
        self._check_content(form)
        if not self.redaction and (form.get("ContentRetention") == "discard"):
            raise Refusal(30029, "Invalid ContentRetention")
        if not self.redaction and (form.get("AddressRetention") == "obfuscate"):
            raise Refusal(30030, "Invalid AddressRetention")
        if not re.fullmatch(r"https?://[^_/]+/.*", form.get("StatusCallback", "http://host/")):
            raise Refusal(21609, "The 'StatusCallback' URL is not a valid URL")

    def _check_ends(self, form: MultiDict[str]) -> None:
        to, sender = form.get("To", ""), form.get("From", "")
        if not to:
            raise Refusal(21604, "A 'To' phone number is required.")
        if not sender:
            raise Refusal(21603, "A 'From' phone number is required.")
        if to.startswith("whatsapp:") != sender.startswith("whatsapp:"):
            raise Refusal(21910, "Invalid From and To pair. From and To should be of the same channel")
        if sender not in self.senders:
            raise Refusal(21606, f"The 'From' phone number {sender} is not a valid sender of this account.")
        address = to.removeprefix("whatsapp:")
        if not NUMBER.fullmatch(address) and not (to != address and SCOPED_ID.fullmatch(address)):
            raise Refusal(21211, f"The 'To' number {to} is not a valid phone number.")
        if to in self.opted_out:
            raise Refusal(21610, f"Attempt to send to unsubscribed recipient {to}")

    def _check_content(self, form: MultiDict[str]) -> None:
        body = form.get("Body", "")
        if len(body) > 1600:
            raise Refusal(21617, "The concatenated message body exceeds the 1600 character limit.")
        if not (body.strip() or "MediaUrl" in form or "ContentSid" in form):
            raise Refusal(21619, "A text message body or media urls must be specified.")
        if "ContentSid" in form:
            self._check_template(form)
        elif "ContentVariables" in form:
            raise Refusal(21654, "ContentSid Required")
        for action in form.getall("PersistentAction", []):
            if not form["To"].startswith("whatsapp:") or not PIN.fullmatch(action):
                raise Refusal(20001, "emulator: not a pin on WhatsApp")

    def _check_template(self, form: MultiDict[str]) -> None:
        if form["ContentSid"] not in self.content_sids or "Body" in form:
            raise Refusal(21655, "The ContentSid is Invalid")
        try:
            variables = json.loads(form.get("ContentVariables", "{}"))
        except ValueError:
            variables = None
        if not isinstance(variables, dict) or not all(isinstance(v, str) and v for v in variables.values()):
            raise Refusal(21656, "The ContentVariables Parameter is invalid")
        if len(variables.get("1", "")) > 1024:
            raise Refusal(21656, "emulator: a template's body has at most 1,024 characters")

    def _answer(self, form: MultiDict[str]) -> dict[str, object]:
        sid = f"SM{len(self.sent) + 1:032x}"
        self.sent.append({name: "\n".join(form.getall(name)) for name in form})
        self.sids.append(sid)
        given = {name: form[name] for name in form}
        to, body = form["To"], form.get("Body", "")
        answer = self._keep(sid, given, "outbound-api", "queued", form["From"], to, body, None)
        if self.tells_status and "StatusCallback" in form:
            task = asyncio.create_task(self._tell(sid, form["StatusCallback"], to, form["From"]))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)
        return {**answer, "to": to, "body": body}

    async def _tell(self, sid: str, url: str, to: str, sender: str) -> None:
        for state in ("sent", "delivered"):
            try:
                await self.post(url, status(sid, state, to, sender))
            except aiohttp.ClientError:
                # Nobody is there: Twilio does not try for ever either.
                return

    def _keep(
        self, sid: str, given: dict[str, str], direction: str, status: str, sender: str, to: str, body: str,
        at: datetime | None,
    ) -> dict[str, object]:  # fmt: skip
        """Put a message into the log; redacted as its parameters, or for what comes in the account, say."""
        uri = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{sid}"
        now = format_datetime(at or datetime.now(UTC))
        inbound = direction == "inbound"
        if given.get("ContentRetention") == "discard" or (inbound and self.redacts_inbound):
            body = ""
        if given.get("AddressRetention") == "obfuscate" and not inbound:
            to = to[:-4] + "XXXX"
        if inbound and self.redacts_inbound:
            sender = sender[:-4] + "XXXX"
        self.log.append({
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": body,
            "date_created": now,
            "date_sent": now if inbound else None,
            "date_updated": now,
            "direction": direction,
            "error_code": None,
            "error_message": None,
            "from": sender,
            "messaging_service_sid": None,
            "num_media": given.get("NumMedia", "0"),
            "num_segments": "1",
            "price": None,
            "price_unit": "USD",
            "sid": sid,
            "status": status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": to,
            "uri": f"{uri}.json",
        })  # fmt: skip
        return self.log[-1]


def _wanted(logged: dict[str, object], asked: dict[str, str]) -> bool:
    day = parsedate_to_datetime(str(logged["date_sent"] or logged["date_created"])).date().isoformat()
    return (
        asked.get("To", logged["to"]) == logged["to"]
        and asked.get("From", logged["from"]) == logged["from"]
        and asked.get("DateSent", day) == day
        and asked.get("DateSent>", day) <= day <= asked.get("DateSent<", day)
    )


def _error(fault: Fault, message: str = "emulated") -> web.Response:
    if fault.body is not None:
        return web.Response(status=fault.status, text=fault.body, content_type="text/html")
    answer = {"message": message, "status": fault.status}
    if fault.code:
        answer |= {"code": fault.code, "more_info": f"https://www.twilio.com/docs/errors/{fault.code}"}
    return web.json_response(answer, status=fault.status)


# What people and carriers send: parameters as Twilio documents and orders them, without the account's own.


def sms(sender: str, body: str, sid: str = "SM" + "a" * 32, to: str = "+14155550100") -> Form:
    return [
        ("ToCountry", "US"),
        ("ToState", ""),
        ("SmsMessageSid", sid),
        ("NumMedia", "0"),
        ("ToCity", ""),
        ("FromZip", ""),
        ("SmsSid", sid),
        ("FromState", ""),
        ("SmsStatus", "received"),
        ("FromCity", ""),
        ("Body", body),
        ("FromCountry", "PT"),
        ("To", to),
        ("ToZip", ""),
        ("NumSegments", "1"),
        ("MessageSid", sid),
        ("From", sender),
    ]


def whatsapp(sender: str, body: str, kind: str = "text", sid: str = "SM" + "b" * 32, **more: str) -> Form:
    """A WhatsApp message; `more` are further parameters (ButtonPayload, Latitude...). `sender` has no prefix."""
    profile = {"type": "whatsapp", "data": {"context": {"ProfileName": "Maria Exemplo", "WaId": sender.lstrip("+")}}}
    return [
        ("SmsMessageSid", sid),
        ("NumMedia", more.pop("NumMedia", "0")),
        ("ProfileName", "Maria Exemplo"),
        ("MessageType", kind),
        ("SmsSid", sid),
        ("WaId", sender.lstrip("+")),
        ("SmsStatus", "received"),
        ("Body", body),
        *more.items(),
        ("To", "whatsapp:+14155550199"),
        ("NumSegments", "1"),
        ("ReferralNumMedia", "0"),
        ("MessageSid", sid),
        ("From", f"whatsapp:{sender}"),
        ("ChannelMetadata", json.dumps(profile)),
    ]


def whatsapp_button(sender: str, title: str, payload: str, **more: str) -> Form:
    return whatsapp(sender, title, "button", ButtonText=title, ButtonPayload=payload, **more)


def whatsapp_list(sender: str, title: str, payload: str, **more: str) -> Form:
    return whatsapp(sender, title, "interactive", ListId=payload, ListTitle=title, **more)


def whatsapp_location(sender: str, latitude: str, longitude: str, label: str = "", **more: str) -> Form:
    return whatsapp(sender, "", "location", Latitude=latitude, Longitude=longitude, Label=label, **more)


def whatsapp_media(sender: str, content_type: str, caption: str = "", **more: str) -> Form:
    media = {"NumMedia": "1", "MediaContentType0": content_type, "MediaUrl0": "https://api.twilio.com/never-fetched"}
    return whatsapp(sender, caption, content_type.partition("/")[0], **media, **more)


def status(sid: str, state: str, to: str, sender: str = "+14155550100", error_code: int | None = None) -> Form:
    """A status callback for a message we sent; the ends have the prefix of their channel."""
    form = [("SmsSid", sid), ("SmsStatus", state), ("MessageStatus", state), ("To", to), ("MessageSid", sid)]
    return [*form, ("From", sender)] + ([("ErrorCode", str(error_code))] if error_code else [])
