"""The conversation about a referral: a code, with the person's yes or no to one question later, and its answer.

Deciding reads and never writes; what must be written goes with the answer as a Deed, in the answer's transaction. The
engine has no part in it: what is pressed here are our own buttons.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.content.referrals import place_tag
from bot.content.render import Content
from bot.conversation import choices, register, tallies
from bot.conversation.leases import Held
from bot.conversation.referral import AWAY, OTHER, OUTCOMES, FollowUp, Place, Pledge, row_name
from bot.conversation.referral_code import new_code, shown
from bot.conversation.state import State
from bot.db import Database, new_id, now
from bot.vault import Vault
from nlu.contract import Response

MOST = 5
"""Codes a person may hold at a time: enough for anybody, and nobody fills the report alone."""

_PAYLOAD = re.compile(r"(refer|refer-yes|refer-no|refer-back):([0-9a-f]{12})|went:([0-9a-f]{32}):([a-z]{1,10})")


@dataclass(frozen=True)
class Deed:
    """What must be written with an answer. `what`: issue, take_back or outcome; `row_id` is the follow-up's.

    `ask_at` is set when the person agreed to be asked; `outcome` is what they said became of it.
    """

    what: str
    row_id: str
    pledge: Pledge
    ask_at: datetime | None = None
    outcome: str | None = None


@dataclass(frozen=True)
class Turn:
    """What a message about a referral leads to. Without responses the message goes on as if `payload` was pressed."""

    responses: list[Response]
    state: State
    deed: Deed | None = None
    payload: str | None = None


class Referring:
    """Answers the buttons and the word about codes.

    days: how long after a code was given its person is asked. can_ask: channels on which somebody can be written to when
    they have not written for so long; None: all. On others nobody is asked whether they may be.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        content: Content,
        days: int = 7,
        can_ask: Container[str] | None = None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._content = content
        self.days = days
        self._can_ask = can_ask

    def can_ask(self, channel: str) -> bool:
        """Whether people on a channel can be asked later."""
        return self._can_ask is None or channel in self._can_ask

    async def turn(self, held: Held, payload: str | None, text: str, language: str) -> Turn | None:
        """What to answer; None for a message that is about something else."""
        if payload is None:
            asked = next((one for one in held.state.asked if _same(text, one.title)), None)
            payload = asked.payload if asked else None
            if payload is None and choices.is_one_of(text, self._content.code_words()):
                return await self._mine(held)
        found = _PAYLOAD.fullmatch(payload or "")
        if not found:
            return None
        action, tag, row_id, outcome = found.groups()
        if action == "refer-back":
            return await self._take_back(held, tag)
        if row_id:
            return await self._went(held, row_id, outcome)
        return await self._give(held, action, tag, language)

    # --- the code ----------------------------------------------------------------------------------------------

    async def _give(self, held: Held, action: str, tag: str, language: str) -> Turn:
        state, place = held.state, held.state.shown
        if place is None or place_tag(place.id) != tag:
            # A button of a place that was shown before this one: which it was is not remembered.
            return Turn([Response("place")], state)
        mine = await self._pledges(held)
        again = next(((row_id, pledge) for row_id, pledge in mine if pledge.place.id == place.id), None)
        if again:
            return Turn([_told(*again)], state)
        if len(mine) >= MOST:
            return Turn([Response("referral.enough")], state)
        if action == "refer" and self.can_ask(held.channel):
            about = {"place": place.name, "days": self.days, "tag": tag}
            return Turn([Response("referral.ask", about)], state)
        ask_at = now() + timedelta(days=self.days) if action == "refer-yes" and self.can_ask(held.channel) else None
        row_id, pledge = new_id(), Pledge(new_code(), place, language)
        return Turn([_told(row_id, pledge, ask_at)], state, Deed("issue", row_id, pledge, ask_at))

    async def _mine(self, held: Held) -> Turn | None:
        mine = await self._pledges(held)
        if not mine:
            # The word means nothing to somebody who has no code.
            return None
        codes = [{"code": shown(pledge.code), "tag": row_id[:12]} for row_id, pledge in mine]
        return Turn([Response("referral.yours", {"codes": codes})], held.state)

    async def _take_back(self, held: Held, tag: str) -> Turn:
        for row_id, pledge in await self._pledges(held):
            if row_id.startswith(tag):
                state = replace(held.state, asked=(), to_ask=None)
                return Turn([Response("referral.taken_back")], state, Deed("take_back", row_id, pledge))
        return Turn([Response("referral.taken_back")], held.state)

    # --- what became of it ---------------------------------------------------------------------------------------

    async def _went(self, held: Held, row_id: str, outcome: str) -> Turn | None:
        if outcome not in OUTCOMES:
            return None
        pledge = next((pledge for one, pledge in await self._pledges(held) if one == row_id), None)
        # Pressed a second time it is answered again, and not counted again.
        deed = Deed("outcome", row_id, pledge, outcome=outcome) if pledge else None
        state = replace(held.state, asked=(), to_ask=None)
        kind = pledge.place.kind if pledge else None
        if outcome == OTHER:
            return Turn([], state, deed, payload=f"find:{kind}" if kind else "intent:find_service")
        if outcome == AWAY and state.country is None and pledge and pledge.place.country:
            # The place's country: where to complain is there.
            state = replace(state, country=pledge.place.country)
        return Turn([Response(f"referral.{outcome}", {"kind": kind})], state, deed)

    async def with_question(self, held: Held, said: list[Response], state: State) -> tuple[list[Response], State]:
        """An answer, with the question that was waiting for somebody to write again, if there is one."""
        if state.to_ask is None or self._content.urgent(said):
            return said, state
        row_id, state = state.to_ask, replace(state, to_ask=None)
        pledge = next((pledge for one, pledge in await self._pledges(held) if one == row_id), None)
        return [*said, question(row_id, pledge)] if pledge else said, state

    async def _pledges(self, held: Held) -> list[tuple[str, Pledge]]:
        query = select(FollowUp).where(FollowUp.conversation_id == held.conversation_id).order_by(FollowUp.created_at)
        async with self._database.begin(read_only=True) as session:
            rows = (await session.scalars(query)).all()
        return [(row.id, opened(self._vault, held.wrapped_key, held.person_id, row)) for row in rows]


async def carry_out(session: AsyncSession, vault: Vault, held: Held, deed: Deed) -> None:
    """Write what an answer promised, and count it."""
    pledge = deed.pledge
    if deed.what == "issue":
        await register.issue(session, vault, pledge.code, pledge.place)
        sealed = vault.seal(held.wrapped_key, pledge.to_text(), row_name(held.person_id, deed.row_id))
        row = FollowUp(id=deed.row_id, conversation_id=held.conversation_id, sealed=sealed, due_at=deed.ask_at)
        session.add(row)
        return
    mine = (FollowUp.id == deed.row_id, FollowUp.conversation_id == held.conversation_id)
    gone = await session.execute(delete(FollowUp).where(*mine))
    if not gone.rowcount:
        return
    if deed.what == "take_back":
        await register.take_back(session, vault, pledge.code, pledge.place)
    else:
        await tallies.count_referral(session, f"{deed.outcome}_person", pledge.place.country, pledge.place.kind)


async def forget(session: AsyncSession, conversation_id: str) -> None:
    """Somebody wants no messages, or has left in a hurry: nothing here may write to them or be found by another. The
    codes stay good."""
    await session.execute(delete(FollowUp).where(FollowUp.conversation_id == conversation_id))


def opened(vault: Vault, wrapped: bytes, person_id: str, row: FollowUp) -> Pledge:
    """A follow-up's pledge."""
    return Pledge.from_text(vault.open(wrapped, row.sealed, row_name(person_id, row.id)))


def question(row_id: str, pledge: Pledge) -> Response:
    """The one question."""
    return Response("referral.follow_up", {"code": shown(pledge.code), "id": row_id})


def last_shown(responses: list[Response], language: str) -> Place | None:
    """The place whose details are among these responses."""
    for response in responses:
        place = response.args.get("place") if response.key == "place" else None
        if place:
            kinds = place.get("kinds") or ["general"]
            wanted = response.args.get("service")
            kind = wanted if wanted in kinds else kinds[0]
            country = place.get("country") or ""
            name = (place.get("names") or {}).get(language, place["name"])
            return Place(place["id"], name, kind, country if country != "XX" else "")
    return None


def _told(row_id: str, pledge: Pledge, ask_at: datetime | None = None) -> Response:
    about = {"code": shown(pledge.code), "place": pledge.place.name, "tag": row_id[:12]}
    return Response("referral.code", {**about, "ask_on": ask_at.date().isoformat() if ask_at else None})


def _same(text: str, title: str) -> bool:
    return choices.is_one_of(text, {title})
