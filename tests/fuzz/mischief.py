"""Makes requests that nobody should send: valid ones of every door, bent at random. The same seed makes the same ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode

from tests.payloads import TEXTS

TEXT = [text for name, text in TEXTS.items() if name != "800 KB"]
HUGE = TEXTS["800 KB"].encode()
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
TYPES = [FORM, JSON, "text/plain", "multipart/form-data; boundary=x", "application/xml", "", "a/b;" * 50, "\u00e9/x"]
METHODS = ["GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FAROL"]
PATHS = [
    "/", "/health", "/health/live", "/health/ready", "/chat/words", "/chat/messages", "/chat/leave", "/chat/stream",
    "/chat/static/chat.js", "/webhooks/twilio", "/webhooks/telegram", "/webhooks/none", "/console", "/console/",
    "/console/sign-in", "/console/sign-out", "/console/enrol/x", "/console/language/ar", "/console/static/console.js",
    "/console/conversations", "/console/content", "/console/reports", "/console/audit", "/metrics", "/.git/config",
    "/hsds/", "/hsds/services", "/hsds/service_at_locations", "/hsds/organizations", "/hsds/taxonomies",
]  # fmt: skip
QUESTIONS = ["page", "per_page", "format", "search", "taxonomy_term_id", "postcode", "proximity", "latitude", "csrf"]
TWILIO = ["MessageSid", "From", "To", "Body", "NumMedia", "MediaUrl0", "Latitude", "ButtonPayload", "OptOutType",
          "ChannelMetadata", "MessageStatus", "ErrorCode", "WaId", "ProfileName"]  # fmt: skip


@dataclass(frozen=True)
class Shot:
    """One request. `raw`: sent as it is, over a connection of its own; then the rest says nothing.

    `somebody`: carries a valid signature, secret or session, so that what it writes it may.
    """

    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    raw: bytes | None = None
    somebody: bool = False


@dataclass(frozen=True)
class Keys:
    """What a provider and a browser know; `cookie` is a chat session's."""

    public: str
    address: str
    twilio: str
    telegram: str
    cookie: str


def shots(seed: int, count: int, keys: Keys, *, somebody: bool) -> Iterator[Shot]:
    """`count` requests, all by somebody or all by nobody."""
    dice = random.Random(f"{seed} {somebody}")
    for _ in range(count):
        yield _by_somebody(dice, keys) if somebody else _by_nobody(dice, keys)


# --- nobody: no valid signature, secret or session -------------------------------------------------------------------


def _by_nobody(dice: random.Random, keys: Keys) -> Shot:
    kind = dice.randrange(10)
    if kind == 0:
        return Shot(raw=_broken_head(dice))
    if kind <= 2:
        body = _form(dice)
        given = _bent(dice, signature(keys, body))
        return Shot("POST", "/webhooks/twilio", (("X-Twilio-Signature", given), ("Content-Type", FORM)), body)
    if kind == 3:
        wrong = (("X-Telegram-Bot-Api-Secret-Token", _bent(dice, keys.telegram)), ("Content-Type", JSON))
        return Shot("POST", "/webhooks/telegram", dice.choice([wrong, wrong[1:]]), _update(dice))
    if kind == 4:
        # A session that was not begun by us, or one that another site's page would use.
        cookie = dice.choice(["", "x", "farol_chat=", f"farol_chat={_noise(dice, 22)}", f"farol_chat={keys.cookie}"])
        headers = {
            "Content-Type": JSON,
            "Cookie": cookie,
            "Sec-Fetch-Site": "cross-site",
            "Origin": "https://evil.test",
        }
        return Shot("POST", dice.choice(["/chat/messages", "/chat/leave"]), tuple(headers.items()), _chat(dice))
    if kind == 5:
        path = "/console/" + dice.choice(
            ["sign-in", "sign-out", "enrol/" + _noise(dice, 43), "conversations", "content"]
        )
        headers = {"Content-Type": FORM, "Sec-Fetch-Site": dice.choice(["same-origin", "none", ""]),
                   "Cookie": f"farol_console={_noise(dice, 43)}"}  # fmt: skip
        body = urlencode({name: dice.choice(TEXT)[:500] for name in ("name", "password", "code", "csrf", "again")},
                         errors="replace").encode()  # fmt: skip
        return Shot("POST", path, tuple(headers.items()), body)
    return _anywhere(dice)


def _anywhere(dice: random.Random) -> Shot:
    path = dice.choice(PATHS)
    if dice.random() < 0.3:
        path += dice.choice(["/", "//", "/..", "/%2e%2e/etc/passwd", "/%00", ";x", "%0d%0aX:y"]) + quote(
            dice.choice(TEXT)[:200].encode("utf-8", "replace")
        )
    if dice.random() < 0.5:
        asked = {dice.choice(QUESTIONS): dice.choice([dice.choice(TEXT)[:300], "-1", "1e309", "NaN", "0", "9" * 40])
                 for _ in range(dice.randrange(1, 4))}  # fmt: skip
        path += "?" + urlencode(asked, errors="replace")
    headers = {"Content-Type": dice.choice(TYPES)}
    if dice.random() < 0.3:
        name = dice.choice(["Accept-Language", "Cookie", "Origin", "Last-Event-ID", "If-None-Match", "Range", "Host",
                            "X-Forwarded-Host", "Content-Encoding", "Accept-Encoding", "Authorization"])  # fmt: skip
        headers[name] = _noise(dice, dice.randrange(0, 400))
    body = dice.choice([b"", _form(dice), _update(dice), _bytes(dice), HUGE if dice.random() < 0.02 else b"{}"])
    return Shot(dice.choice(METHODS), path, tuple(headers.items()), body)


def _broken_head(dice: random.Random) -> bytes:
    first = dice.choice([b"GET / HTTP/1.1", b"GET  /", b"\x16\x03\x01\x02", b"POST /webhooks/twilio HTTP/1.1", b"", b"\r\n",
                         b"GET / HTTP/9.9", b"A" * 9000, b"GET /%ff%fe HTTP/1.1", _bytes(dice)])  # fmt: skip
    lines = [first, b"Host: farol.test", dice.choice([
        b"Content-Length: -1", b"Content-Length: 99999999999", b"Content-Length: 5\r\nContent-Length: 6",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"Transfer-Encoding: gzip, chunked", b"X: " + b"y" * 20000,
        b": empty", b"Header", b" folded", b"Expect: 100-continue", b"Upgrade: websocket\r\nConnection: Upgrade",
        b"Cookie: " + _bytes(dice).replace(b"\n", b""),
    ])]  # fmt: skip
    return b"\r\n".join(lines) + dice.choice([b"\r\n\r\n", b"\r\n\r\nzz\r\n\r\n", b"\r\n\r\n-1\r\n", b"\n\n"])


# --- somebody: the key is right, the words are not -------------------------------------------------------------------


def _by_somebody(dice: random.Random, keys: Keys) -> Shot:
    kind = dice.randrange(3)
    if kind == 0:
        body = _form(dice)
        headers = (("X-Twilio-Signature", signature(keys, body)), ("Content-Type", FORM))
        return Shot("POST", "/webhooks/twilio", headers, body, somebody=True)
    if kind == 1:
        headers = (("X-Telegram-Bot-Api-Secret-Token", keys.telegram), ("Content-Type", JSON))
        return Shot("POST", "/webhooks/telegram", headers, _update(dice), somebody=True)
    headers = (("Cookie", f"farol_chat={keys.cookie}"), ("Origin", keys.address), ("Sec-Fetch-Site", "same-origin"),
               ("Content-Type", JSON))  # fmt: skip
    return Shot("POST", "/chat/messages", headers, _chat(dice), somebody=True)


def _form(dice: random.Random) -> bytes:
    fields = {
        "MessageSid": "SM" + _noise(dice, 32),
        "From": dice.choice(
            [f"+1500555{dice.randrange(10_000):04}", f"whatsapp:+1500555{dice.randrange(10_000):04}", ""]
        ),
        "To": dice.choice(["+14155550100", "whatsapp:+14155550199", "nobody"]),
        "Body": dice.choice(TEXT)[:4096],
        "NumMedia": dice.choice(["0", "1", "-1", "x"]),
    }
    for _ in range(dice.randrange(3)):
        fields[dice.choice(TWILIO)] = dice.choice([dice.choice(TEXT)[:600], "", "0", "{" * 300, _noise(dice, 40)])
    if dice.random() < 0.1:
        del fields[dice.choice(list(fields))]
    return urlencode(fields, errors="replace").encode()


def _update(dice: random.Random) -> bytes:
    person = dice.randrange(1, 5_000)
    chat = {"id": person, "type": dice.choice(["private", "private", "group", "channel", 7, None]), "first_name": "x"}
    message = {"message_id": dice.randrange(10**6), "date": 1760000000, "chat": chat, "text": dice.choice(TEXT)[:5000],
               "from": {"id": person, "is_bot": False, "first_name": dice.choice(TEXT)[:60]}}  # fmt: skip
    update: dict = {
        "update_id": dice.randrange(2**31),
        dice.choice(["message", "edited_message", "callback_query"]): message,
    }
    if dice.random() < 0.4:
        target = dice.choice([update, message, chat])
        target[dice.choice([*target, "data", "location"])] = dice.choice(
            [None, -1, 2**70, "x", [], {}, [[[[]]]], 1e308]
        )
    text = json.dumps(update)
    return dice.choice([text, text, text, text[: len(text) // 2], "[" * 10_000, dice.choice(TEXT)[:3000]]).encode(
        "utf-8", "replace"
    )


def _chat(dice: random.Random) -> bytes:
    said: dict = {"id": "0f9a1b2c-0000-4000-8000-%012x" % dice.randrange(2**48), "text": dice.choice(TEXT)[:4200]}
    if dice.random() < 0.5:
        said[dice.choice(["id", "text", "payload", "location", "language"])] = dice.choice(
            [None, 1, "x", [], {"latitude": 1e9, "longitude": "a"}, {"a": {"b": {}}}, dice.choice(TEXT)[:100]]
        )
    text = json.dumps(said)
    return dice.choice([text, text, text, text[:-3], "null", "[]", '"x"', "{" * 5000]).encode("utf-8", "replace")


def signature(keys: Keys, body: bytes) -> str:
    """Twilio's, over a form as it is sent to /webhooks/twilio."""
    fields = sorted(set(parse_qsl(body.decode(), keep_blank_values=True)))
    text = f"{keys.public}/webhooks/twilio" + "".join(name + value for name, value in fields)
    return base64.b64encode(hmac.new(keys.twilio.encode(), text.encode(), hashlib.sha1).digest()).decode()


def _bent(dice: random.Random, value: str) -> str:
    """A value that is nearly right."""
    place = dice.randrange(len(value))
    other = "A" if value[place] != "A" else "B"
    return dice.choice(
        ["", value[:-1], value + "A", value[:place] + other + value[place + 1 :], value.swapcase() + "x"]
    )


def _noise(dice: random.Random, length: int) -> str:
    return "".join(dice.choices("abcdefghijklmnopqrstuvwxyz0123456789_-", k=length))


def _bytes(dice: random.Random) -> bytes:
    return dice.randbytes(dice.randrange(0, 2000))
