"""What Twilio's codes and words mean, as data. https://www.twilio.com/docs/api/errors"""

from __future__ import annotations

from bot.messages import Consequence, Delivery

# What a provider's code means: https://www.twilio.com/docs/api/errors/<code>. A code that is not here ends the message.
CONSEQUENCES: dict[str, Consequence] = {
    "20003": Consequence.RETRY,  # authentication: ours to repair, and the message should survive that
    "20005": Consequence.RETRY,  # account not active
    "20429": Consequence.RETRY,  # too many requests
    "21211": Consequence.GIVE_UP,  # not a valid number
    "21408": Consequence.GIVE_UP,  # country not enabled for this account
    "21606": Consequence.RETRY,  # our own number cannot send: a setting
    "21610": Consequence.STOP_WRITING,  # the person sent STOP
    "21611": Consequence.RETRY,  # queue of this sender full
    "21614": Consequence.GIVE_UP,  # not a mobile number
    "21617": Consequence.GIVE_UP,  # too long
    "30001": Consequence.RETRY,  # queue overflow
    "30002": Consequence.RETRY,  # account suspended
    "30003": Consequence.RETRY_FEW,  # handset unreachable
    "30004": Consequence.GIVE_UP,  # blocked
    "30005": Consequence.GIVE_UP,  # unknown handset
    "30006": Consequence.GIVE_UP,  # landline
    "30007": Consequence.GIVE_UP,  # filtered by the carrier
    "30008": Consequence.RETRY_FEW,  # unknown error at the carrier
    "30029": Consequence.RETRY,  # ContentRetention refused: the account lacks Message Redaction, see discard_content
    "30030": Consequence.RETRY,  # AddressRetention refused, likewise
    "63016": Consequence.OUTSIDE_WINDOW,  # outside WhatsApp's 24 h window
    "63018": Consequence.RETRY,  # WhatsApp's rate
}

# ContentSid or ContentVariables refused: the same choices are then sent as numbered text.
TEMPLATE_CODES = frozenset({"21655", "21656"})

DELIVERIES = {
    "sent": Delivery.SENT,
    "delivered": Delivery.DELIVERED,
    "read": Delivery.READ,
    "undelivered": Delivery.FAILED,
    "failed": Delivery.FAILED,
    "canceled": Delivery.FAILED,
}


def consequence(code: str | None, status: int = 400) -> Consequence:
    """What a refusal means, by Twilio's own code first and by the HTTP status where the code is not known."""
    by_status = Consequence.RETRY if status in (401, 408, 429) or status >= 500 else Consequence.GIVE_UP
    return CONSEQUENCES.get(code or "", by_status)
