"""From a search by text message to a code that a service confirms, through the real engine and every door."""

from __future__ import annotations

import re

import pytest

from bot.content import sms
from tests.journeys.conftest import Farol

pytestmark = pytest.mark.asyncio(loop_scope="session")

ME = "+15005550991"


class Phone:
    """Somebody's phone: says something and waits for the answer."""

    def __init__(self, farol: Farol) -> None:
        self.farol, self.heard = farol, 0

    async def __call__(self, text: str, answers: int = 1) -> str:
        await self.farol.text(ME, text)
        sent = await self.farol.twilio.sent_to(ME, self.heard + answers)
        self.heard += answers
        said = sent[self.heard - 1]["Body"]
        assert sms.segments(said) <= sms.SEGMENTS
        return said

    @staticmethod
    def number(said: str, title: str) -> str:
        """What to reply to choose this."""
        return re.search(rf"^(\d+) {re.escape(title)}$", said, re.MULTILINE).group(1)


async def test_a_code_is_taken_by_sms_and_confirmed_by_the_service(farol: Farol):
    say = Phone(farol)
    await say("where can I get an HIV test", 2)
    places = await say("Sampleville")
    details = await say(say.number(places, "More about 1"))
    asked = await say(say.number(details, "Get a code"))
    assert "once, in 7 days" in asked
    given = await say(say.number(asked, "Yes, write to me"))
    code = re.search(r"^Your code: ([2-9A-Z-]{11})$", given, re.MULTILINE).group(1)
    async with farol.http.post(f"{farol.address}/r", data={"code": code, "language": "es"}) as response:
        page = await response.text()
        assert response.status == 200 and "Este código es de Farol." in page and "SAMPLE" in page
    async with farol.http.post(f"{farol.address}/r", data={"code": code, "said": "reached"}) as response:
        assert response.status == 200
    again = await say("code")
    assert code in again
    gone = await say(say.number(again, "Take the code back"))
    assert "not valid any more" in gone
    async with farol.http.post(f"{farol.address}/r", data={"code": code}) as response:
        assert response.status == 404
    assert not any(code in line or code.replace("-", "") in line for line in farol.logged)
