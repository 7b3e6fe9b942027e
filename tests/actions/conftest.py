"""The actions on the real content and a real directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.content.render import Content, Promises
from nlu.languages import load_languages

CONTENT = Path(__file__).resolve().parents[2] / "content"


@pytest.fixture(scope="session")
def content() -> Content:
    return Content(CONTENT, load_languages(), Promises())
