"""The channels' parsers under a fuzzer that watches which lines run (atheris); `make fuzz-parsers` starts it.

Whatever the bytes, a parser gives events or says that it cannot read them; any other error ends the run and leaves the
bytes in a file crash-*.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports():
    from bot.channels.telegram import TelegramChannel
    from bot.channels.twilio import TwilioChannel
    from bot.messages import Unreadable, WebhookRequest
    from bot.safety.phrases import fold

TWILIO = TwilioChannel("sms", account_sid="AC1", auth_token="t", sender="+14155550100")
TELEGRAM = TelegramChannel(token="1:a", webhook_secret="s")
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


def one(data: bytes) -> None:
    """One input, through each parser."""
    for channel, name, kind in ((TWILIO, "twilio", FORM), (TWILIO, "twilio", JSON), (TELEGRAM, "telegram", JSON)):
        request = WebhookRequest("POST", f"https://farol.test/webhooks/{name}", {"content-type": kind}, data)
        try:
            channel.parse(request)
        except Unreadable:
            pass
    fold(data.decode("utf-8", "replace"))


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
