"""Golden answers: every answer on every channel in three languages, one of them right to left, word for word.

`--update-golden` writes them anew. Marks that cannot be seen (U+200F, U+2068, U+2069) are written <R>, <[> and <]>.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli.local import TRAITS
from bot.content.render import Content, Promises
from bot.messages import Outbound
from nlu.contract import Response
from nlu.languages import load_languages
from tests.conftest import ROOT

HERE = Path(__file__).resolve().parent / "answers"
CASES = [("en", "GB"), ("fr", "FR"), ("ar", "GR")]
"""Language, and the country whose facts are told."""

_SEEN = str.maketrans({"\u200f": "<R>", "\u2068": "<[>", "\u2069": "<]>"})


@pytest.fixture(scope="module")
def content():
    return Content(ROOT / "content", load_languages(), Promises(transcript_days=7))


@pytest.mark.parametrize("channel", sorted(TRAITS))
@pytest.mark.parametrize(("code", "country"), CASES, ids=[case[0] for case in CASES])
def test_every_answer(content, code, country, channel, request):
    parts = []
    for topic in content.topics:
        parts.append(f"=== {topic}")
        response = Response("topic", {"topic": topic})
        while response:
            made = content.render([response], language=code, country=country, traits=TRAITS[channel])
            parts += map(_shown, made.messages)
            response = Response("rest", {"text": made.rest}) if made.rest else None
    said = "\n".join(parts) + "\n"
    golden = HERE / f"{code}.{channel}.txt"
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(said, "utf-8")
    assert golden.is_file(), f"{golden.name} is new: look at it with --update-golden"
    assert said == golden.read_text("utf-8")


def _shown(message: Outbound) -> str:
    lines = ["---", message.text.translate(_SEEN), *(f"  [{button.title}]" for button in message.buttons)]
    return "\n".join([*lines, *([f"  [{message.ask_location}]"] if message.ask_location else [])])
