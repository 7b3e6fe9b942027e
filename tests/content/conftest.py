from __future__ import annotations

from pathlib import Path

import pytest

from bot.content.render import Content, Promises
from nlu.languages import load_languages

FOLDER = Path(__file__).resolve().parents[2] / "content"


@pytest.fixture(scope="session")
def content() -> Content:
    return Content(FOLDER, load_languages(), Promises(human_contact="contact@example.org"))
