"""The page on which staff look at their answers."""

from __future__ import annotations

import re
import shutil

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bot.cli.content_preview import Choice, application, page
from bot.content.render import Content
from nlu.languages import load_languages
from tests.content.conftest import FOLDER


@pytest.fixture
def own(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "content")
    return Content(tmp_path / "content", load_languages())


@pytest.mark.parametrize("country", ["", "ES"])
def test_every_answer_is_there_on_every_channel(content, language, country):
    html = page(content, Choice(language, country, ""), [])
    assert html.count('<section class="phone"') == 4 * html.count("<h2>")
    assert html.count("<h2>") > len(content.topics)
    assert all(f"<h2>{name}: " in html for name in content.topics)
    said = re.findall(r'<div class="said" dir="(\w+)">(.*?)</div>', html, re.DOTALL)
    assert {direction for direction, _ in said} == {content.direction(language)}
    assert all(text.strip() and "{" not in text for _, text in said)


def test_a_group_alone(content):
    whole, alone = (page(content, Choice("fr", "FR", group), []) for group in ("", "hiv"))
    assert 0 < alone.count("<h2>") < whole.count("<h2>")
    assert "<h2>hiv_basics: " in alone and "<h2>sti: " not in alone


async def test_an_edit_is_seen_at_once_and_a_fault_is_named(own, tmp_path):
    file = tmp_path / "content" / "answers" / "en" / "hiv.yml"
    async with TestClient(TestServer(application(own, Choice("en", "", "")))) as client:
        before = await client.get("/", params={"group": "hiv"})
        assert before.status == 200 and "default-src 'none'" in before.headers["Content-Security-Policy"]
        file.write_text(file.read_text("utf-8").replace("It is good that you ask.", "Good & <b>question</b>."), "utf-8")
        after = await (await client.get("/", params={"group": "hiv"})).text()
        assert "Good &amp; &lt;b&gt;question" in after and "<b>question" not in after
        file.write_text(file.read_text("utf-8").replace("state: draft", "state: 'draft"), "utf-8")
        faulty = await (await client.get("/", params={"group": "hiv"})).text()
        assert "answers/en/hiv.yml:" in faulty and "cannot be read" in faulty and "Good &amp;" in faulty


@pytest.mark.parametrize("asked", [{"language": "xx"}, {"country": "XX"}, {"language": "<script>"}])
async def test_what_is_not_there_is_not_found(content, asked):
    async with TestClient(TestServer(application(content, Choice("en", "", "")))) as client:
        assert (await client.get("/", params=asked)).status == 404
