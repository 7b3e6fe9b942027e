"""Golden conversations: what people read, word for word, in every language. `--update-golden` writes them anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

HERE = Path(__file__).resolve().parent
CONVERSATIONS = yaml.safe_load((HERE / "conversations.yml").read_text("utf-8"))

pytestmark = pytest.mark.asyncio(loop_scope="session")

# What changes from day to day: hours of the sample places.
_TODAY = re.compile(
    r"^(Open now|Opens .*|Hours: .*|Abierto ahora|Abre .*|Horario: .*|Ouvert .*|Ouvre .*|Horaires.*|مفتوح.*|يفتح.*|أوقات.*|ساعات.*)$",
    re.M,
)


def asking_back(language: str) -> set[str]:
    words = yaml.safe_load((ROOT / "content" / "interface" / f"{language}.yml").read_text("utf-8"))["words"]
    return {words["ask.which_topic"], words["ask.again"]}


@pytest.mark.parametrize("name", sorted(CONVERSATIONS))
async def test_conversation(name, language, people, request):
    conversation = CONVERSATIONS[name]
    assert language in conversation, f"conversations.yml: {name} has no messages in '{language}'"
    person = people(conversation["channel"])
    lines = []
    buttons = ()
    for step in conversation[language]:
        if "press" in step:
            button = buttons[step["press"] - 1]
            turn = await person.say(button.title, payload=button.payload)
            lines.append(f"[{button.title}]")
        else:
            turn = await person.say(step["say"])
            lines.append(f"> {step['say']}")
        for reply in turn.replies:
            lines.append(_TODAY.sub("(today's hours)", reply.text))
            if reply.text in asking_back(language):
                # Which subjects a meaningless text is nearest to changes with every training; that some are offered
                # does not.
                lines.append("  (choices)" if reply.buttons else "  (no choices)")
            else:
                lines += [f"  [{number}] {b.title}" for number, b in enumerate(reply.buttons, 1)]
            if reply.ask_location:
                lines.append(f"  [{reply.ask_location}]")
            if reply.location:
                lines.append("  (point on the map)")
            buttons = reply.buttons
        lines.append("")
    said = "\n".join(lines)
    golden = HERE / language / f"{name}.txt"
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(said, "utf-8")
    assert golden.is_file(), f"{golden.name} is new: look at it with --update-golden"
    assert said == golden.read_text("utf-8")
