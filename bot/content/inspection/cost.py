"""What it costs to say everything once as text messages, language by language."""

from __future__ import annotations

from dataclasses import dataclass

from bot.content import sms
from bot.content.render import Content
from bot.messages import ChannelTraits
from nlu.contract import Response


@dataclass(frozen=True)
class Cost:
    """Of the answers of a language as first sent: `segments` on average and at most, paid one by one; how many leave
    something to be read on; and how many are written in the cheap alphabet (GSM-7, 160 instead of 70 letters)."""

    language: str
    answers: int
    segments: float
    most: int
    cut: int
    cheap: int


def of_answers(content: Content, traits: ChannelTraits, country: str | None) -> list[Cost]:
    """One for each language, in the order they are offered; `traits` are those of a channel that pays by segment."""
    found = []
    for language in content.languages.shipped:
        counts, cut, cheap = [], 0, 0
        for topic in content.topics:
            response = [Response("topic", {"topic": topic})]
            said = content.render(response, language=language, country=country, traits=traits)
            counts.append(sum(sms.segments(message.text) for message in said.messages))
            cut += bool(said.rest)
            cheap += all(sms.fits_gsm(message.text) for message in said.messages)
        found.append(Cost(language, len(counts), sum(counts) / len(counts), max(counts), cut, cheap))
    return found
