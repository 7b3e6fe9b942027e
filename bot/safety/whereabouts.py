"""Which country a phone number belongs to. A guess at where somebody is, and no more: people keep their numbers."""

from __future__ import annotations

import phonenumbers


def country_of(channel: str, address: str) -> str | None:
    """ISO 3166 code for an SMS or WhatsApp number in E.164; None for other channels and for what is not a number."""
    if channel not in ("sms", "whatsapp") or not address.startswith("+"):
        return None
    try:
        code = phonenumbers.region_code_for_number(phonenumbers.parse(address))
    except phonenumbers.NumberParseException:
        return None
    return code if code and code.isalpha() else None
