"""Edits are taken up while the assistant runs, or refused whole."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

import pytest

from bot.content import live
from bot.content.live import ContentWatch
from bot.content.render import Content
from bot.safety.screen import load_screen
from nlu.contract import Response
from nlu.languages import load_languages
from tests.content.conftest import FOLDER


class Assistant:
    """Content and screen over a folder of its own, as bot.app wires them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.languages = load_languages()
        self.content = Content(folder, self.languages)
        self.screen = load_screen(folder / "safety", self.languages.shipped)
        self.watch = ContentWatch(folder, self._read)

    def _read(self):
        edition = self.content.read()
        rules = load_screen(self.folder / "safety", self.languages.shipped)
        return lambda: (self.content.adopt(edition), self.screen.adopt(rules))

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    def title(self) -> str:
        return self.content.words("en").topics["right_to_care"].title


@pytest.fixture
def assistant(tmp_path) -> Assistant:
    shutil.copytree(FOLDER, tmp_path / "content")
    return Assistant(tmp_path / "content")


RIGHTS = "answers/en/rights.yml"


async def test_a_change_is_taken_up_at_the_second_look(assistant):
    await assistant.watch.look()
    assistant.edit(RIGHTS, 'title: "Right to health care"', 'title: "Your right to care"')
    await assistant.watch.look()
    assert assistant.title() == "Right to health care"
    await assistant.watch.look()
    assert assistant.title() == "Your right to care"
    assert assistant.watch.faults == []


async def test_a_fault_is_refused_whole_and_the_last_good_words_stay(assistant):
    await assistant.watch.look()
    assistant.edit(RIGHTS, 'title: "Right to health care"', 'title: "Your right to care"')
    assistant.edit("interface/fr.yml", "words:", "words")
    for _ in range(2):
        await assistant.watch.look()
    assert assistant.title() == "Right to health care"
    assert any("fr.yml" in fault for fault in assistant.watch.faults)
    assert (assistant.watch.taken_up, assistant.watch.refused) == (0, 1)
    assistant.edit("interface/fr.yml", "words", "words:")
    for _ in range(2):
        await assistant.watch.look()
    assert assistant.title() == "Your right to care"
    assert assistant.watch.faults == []


async def test_a_shape_nobody_expected_is_refused_too(assistant):
    await assistant.watch.look()
    assistant.edit(
        "topics.yml", "  right_to_care:\n    menu: rights\n", "  right_to_care:\n  another:\n    menu: rights\n"
    )
    for _ in range(2):
        await assistant.watch.look()
    assert assistant.watch.faults and assistant.title() == "Right to health care"


async def test_a_faulty_safety_rule_is_refused_and_a_good_one_taken_up(assistant):
    assert assistant.screen.crisis("the lighthouse has gone dark forever") is None
    sign = '  crisis_suicide:\n    phrases:\n      - "lighthouse has gone dark"\n'
    assistant.edit("safety/en.yml", "  crisis_suicide:\n    phrases:\n", sign.replace('dark"', "dark"))
    for _ in range(2):
        await assistant.watch.look()
    assert assistant.watch.faults
    assistant.edit("safety/en.yml", '"lighthouse has gone dark\n', '"lighthouse has gone dark"\n')
    for _ in range(2):
        await assistant.watch.look()
    assert assistant.screen.crisis("the lighthouse has gone dark forever").name == "crisis_suicide"


async def test_while_it_runs_a_change_is_taken_up(assistant, monkeypatch):
    monkeypatch.setattr(live, "_EVERY", 0.2)
    await assistant.watch.start()
    try:
        assistant.edit(RIGHTS, 'title: "Right to health care"', 'title: "Your right to care"')
        until = time.monotonic() + 60
        while assistant.title() == "Right to health care" and time.monotonic() < until:
            await asyncio.sleep(0.05)
        assert assistant.title() == "Your right to care"
    finally:
        await assistant.watch.stop()


def test_what_is_rendered_changes_with_the_edition(assistant):
    from bot.channels.web import WebChat

    def said() -> str:
        made = assistant.content.render(
            [Response("topic", {"topic": "right_to_care"}, None)], language="en", country=None, traits=WebChat.traits
        )
        return made.messages[0].text

    assistant.edit(
        RIGHTS,
        "You have rights, wherever you come from.\n      International",
        "Everybody has rights.\n      International",
    )
    assert said().startswith("You have rights")
    assistant.content.adopt(assistant.content.read())
    assert said().startswith("Everybody has rights.")
