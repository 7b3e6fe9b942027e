"""What `farol doctor` asks the providers, and whether their webhooks can reach us. Nobody is written to.

No address with a token in it is ever shown, and of an account's answer only what is named here.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
from twilio.request_validator import RequestValidator

from bot.app import provider_channels
from bot.channels import telegram as telegram_channel
from bot.channels import twilio as twilio_channel
from bot.cli.checkup import Check, clock_check
from bot.settings import Settings

_LIMIT = aiohttp.ClientTimeout(total=15)
_NO_SUCH_MESSAGE = "SM" + "0" * 32
_CONSOLE = "Twilio Console > Phone Numbers > the number > Messaging Configuration"


async def remote(settings: Settings) -> list[Check]:
    """Providers that are set up, the public address, and the clock against theirs."""
    try:
        provider_channels(settings)
    except ValueError as error:
        return [Check("settings", "fault", str(error), "set what is missing, or unset the rest")]
    checks: list[Check] = []
    async with aiohttp.ClientSession(timeout=_LIMIT) as session:
        for look in (_public, _twilio, _telegram):
            try:
                checks += await look(settings, session)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                name = look.__name__.strip("_")
                said = f"no usable answer ({type(error).__name__})"
                checks.append(Check(name, "fault", said, "is there a way to the internet, and is the name right?"))
    return checks


async def _public(settings: Settings, session: aiohttp.ClientSession) -> list[Check]:
    if not settings.public_url:
        needed = settings.twilio_sms_from or settings.twilio_whatsapp_from
        return [Check("public address", "fault" if needed else "off", "FAROL_PUBLIC_URL is not set")]
    base = settings.public_url.rstrip("/")
    try:
        async with session.get(f"{base}/health") as response:
            alive = response.status == 200 and (await response.json(content_type=None)).get("status") == "ok"
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        do = "is farol serve running, and does the proxy or tunnel lead to it?"
        return [Check("public address", "fault", f"{base}: {type(error).__name__}", do)]
    if not alive:
        return [Check("public address", "fault", f"{base}/health is not Farol's", "lead the proxy to farol serve")]
    https = base.startswith("https://")
    checks = [Check("public address", "ok" if https else "note", base, "" if https else "providers want https")]
    if settings.twilio_auth_token and (settings.twilio_sms_from or settings.twilio_whatsapp_from):
        checks.append(await _signature(settings, session, f"{base}/webhooks/twilio"))
    if settings.telegram_bot_token and settings.telegram_webhook_secret:
        url = f"{base}/webhooks/telegram"
        async with session.post(url, json={"update_id": 0}) as response:
            forged = response.status
        said = f"a request without the secret: {forged}"
        do = "" if forged == 403 else "restart farol serve with these settings"
        checks.append(Check("telegram webhook", "ok" if forged == 403 else "fault", said, do))
    return checks


async def _signature(settings: Settings, session: aiohttp.ClientSession, url: str) -> Check:
    """A status of a message that does not exist, signed as Twilio does: accepted, and forged: refused."""
    form = {"MessageSid": _NO_SUCH_MESSAGE, "MessageStatus": "sent", "To": "+15005550006", "From": "+15005550006"}
    validator = RequestValidator(settings.twilio_auth_token.get_secret_value())
    answers = []
    for signature in (validator.compute_signature(url, form), "forged"):
        headers = {"X-Twilio-Signature": signature, "Content-Type": twilio_channel.FORM}
        async with session.post(url, data=urlencode(form), headers=headers, allow_redirects=False) as response:
            answers.append(response.status)
    if answers == [204, 403]:
        return Check("twilio signature", "ok", "signed: accepted, forged: refused")
    do = {
        403: "the running Farol has another auth token or another FAROL_PUBLIC_URL",
        404: "the running Farol has no Twilio number set",
    }.get(answers[0], "the proxy changes or redirects the request: POST must come through as it is")
    return Check("twilio signature", "fault", f"signed: {answers[0]}, forged: {answers[1]}", do)


async def _twilio(settings: Settings, session: aiohttp.ClientSession) -> list[Check]:
    if not (settings.twilio_sms_from or settings.twilio_whatsapp_from):
        return [Check("twilio", "off", "no number is set")]
    sid = settings.twilio_account_sid
    auth = aiohttp.BasicAuth(sid, settings.twilio_auth_token.get_secret_value())
    base = f"{settings.twilio_api_url or twilio_channel.API_URL}/2010-04-01/Accounts/{sid}"
    async with session.get(f"{base}.json", auth=auth) as response:
        if response.status == 401:
            do = "copy account SID and auth token anew from the first page of the Twilio Console"
            return [Check("twilio", "fault", "the credentials are refused", do)]
        account = await response.json() if response.status == 200 else {}
        checks = _clock("clock and twilio", response.headers)
    status, kind = account.get("status"), account.get("type")
    if status != "active":
        return [*checks, Check("twilio", "fault", f"the account is {status}", "see the Twilio Console")]
    if kind == "Trial":
        checks.append(
            Check("twilio", "note", "a trial account", "it writes only to numbers you have verified: upgrade")
        )
    else:
        checks.append(Check("twilio", "ok", "the account is active"))
    if settings.twilio_sms_from:
        asked = {"PhoneNumber": settings.twilio_sms_from}
        async with session.get(f"{base}/IncomingPhoneNumbers.json", params=asked, auth=auth) as response:
            numbers = (await response.json()).get("incoming_phone_numbers", [])
        checks += _number(settings, numbers)
    if settings.twilio_whatsapp_from:
        do = "see in the Console that its webhook is the same address (Messaging > Senders > WhatsApp senders)"
        checks.append(Check("whatsapp number", "note", "Twilio does not tell its webhook here", do))
        if not settings.twilio_whatsapp_templates:
            do = "have a template approved and set TWILIO_WHATSAPP_TEMPLATES (docs/twilio.md)"
            checks.append(Check("whatsapp templates", "note", "none: late answers cannot be announced", do))
    return checks


def _number(settings: Settings, numbers: list[dict[str, Any]]) -> list[Check]:
    number = next((one for one in numbers if one.get("phone_number") == settings.twilio_sms_from), None)
    if number is None:
        return [
            Check("sms number", "fault", "not a number of this account", "check TWILIO_SMS_FROM: +, country, number")
        ]
    wanted = f"{settings.public_url.rstrip('/')}/webhooks/twilio"
    if not (number.get("capabilities") or {}).get("sms"):
        return [Check("sms number", "fault", "it cannot send SMS", "get a number with SMS")]
    if number.get("sms_url") != wanted:
        # A number in a Messaging Service has its webhook there, where this API does not look.
        do = f"{_CONSOLE}: {wanted} (unless it belongs to a Messaging Service that has it)"
        return [Check("sms number", "note", f"its webhook is {number.get('sms_url') or 'not set'}", do)]
    if number.get("sms_method") != "POST":
        return [
            Check("sms number", "fault", f"its webhook is called by {number.get('sms_method')}", f"{_CONSOLE}: POST")
        ]
    return [Check("sms number", "ok", "its webhook is ours")]


async def _telegram(settings: Settings, session: aiohttp.ClientSession) -> list[Check]:
    if not settings.telegram_bot_token:
        return [Check("telegram", "off", "no token is set")]
    api = (settings.telegram_api_url or telegram_channel.API_URL) + settings.telegram_bot_token.get_secret_value()
    async with session.get(f"{api}/getMe") as response:
        if response.status in (401, 404):
            return [Check("telegram", "fault", "the token is refused", "ask @BotFather for it: /mybots > API Token")]
        bot = (await response.json())["result"]
        checks = _clock("clock and telegram", response.headers)
    checks.append(Check("telegram", "ok", f"@{bot.get('username')}"))
    async with session.get(f"{api}/getWebhookInfo") as response:
        info = (await response.json())["result"]
    return [*checks, *_telegram_webhook(settings, info)]


def _telegram_webhook(settings: Settings, info: dict[str, Any]) -> list[Check]:
    by_webhook = bool(settings.telegram_webhook_secret and settings.public_url)
    wanted = f"{settings.public_url.rstrip('/')}/webhooks/telegram" if by_webhook else ""
    waiting = info.get("pending_update_count", 0)
    if info.get("url", "") != wanted:
        said = f"Telegram calls {info.get('url') or 'nobody'}"
        do = (
            "run: farol telegram set-webhook" if by_webhook else "start farol serve: it takes the webhook away and asks"
        )
        return [Check("telegram delivery", "fault", said, do)]
    said = f"{'webhook' if by_webhook else 'long polling'}, {waiting} waiting"
    if info.get("last_error_message"):
        return [
            Check("telegram delivery", "note", f"{said}; last error: {info['last_error_message']}", "see the proxy")
        ]
    return [Check("telegram delivery", "ok", said)]


def _clock(name: str, headers: Mapping[str, str]) -> list[Check]:
    given = headers.get("Date")
    return [clock_check(name, parsedate_to_datetime(given))] if given else []
