"""Who is let in: floods and, on SMS, countries that are not served end here, told 'received' and not kept.

Danger is let in from everywhere and has a bucket of its own, so that no flood can fill the one it needs.
"""

from __future__ import annotations

import structlog

from bot.conversation.lifeline import Lifeline
from bot.edge import Limits
from bot.messages import DeliveryStatus, Inbound
from bot.safety.screen import Screen
from bot.safety.whereabouts import country_of

log = structlog.get_logger("farol.admission")


class Admission:
    """Takes what the inbox takes. `sms_countries`: ISO 3166 codes of the numbers whose SMS are read; empty: all."""

    def __init__(
        self,
        inside: Lifeline,
        screen: Screen,
        sms_countries: frozenset[str] = frozenset(),
        limits: Limits | None = None,
        danger: Limits | None = None,
    ) -> None:
        self._inside = inside
        self._screen = screen
        self._countries = sms_countries
        self.limits = limits or Limits()
        self.danger = danger or Limits(each=(0.05, 10), all_together=(20, 200))
        self.abroad = 0

    async def accept(self, message: Inbound) -> bool:
        """Pass a message on, or not; False for one that was not stored. Raises NotStored."""
        if message.text and self._screen.crisis(message.text):
            allowed = self.danger.allow(message.channel, message.sender)
        elif self._is_abroad(message):
            self.abroad += 1
            log.info("country not served", channel=message.channel)
            return False
        else:
            allowed = self.limits.allow(message.channel, message.sender)
        if not allowed:
            log.warning("too many", channel=message.channel)
            return False
        return await self._inside.accept(message)

    async def delivered(self, status: DeliveryStatus) -> None:
        """Pass on what became of a message of ours."""
        await self._inside.delivered(status)

    def _is_abroad(self, message: Inbound) -> bool:
        """A number that tells no country (a short code, a name) is abroad, too: nobody there can be written to."""
        return (
            message.channel == "sms"
            and bool(self._countries)
            and country_of("sms", message.sender) not in self._countries
        )


def countries(text: str | None) -> frozenset[str]:
    """The codes of a setting like "FR, ES". Raises ValueError naming one that is none."""
    codes = frozenset(part.strip().upper() for part in (text or "").split(",") if part.strip())
    wrong = sorted(code for code in codes if not (len(code) == 2 and code.isascii() and code.isalpha()))
    if wrong:
        raise ValueError(f"FAROL_SMS_COUNTRIES: '{wrong[0]}' is not an ISO 3166 code (two letters, like FR)")
    return codes
