"""Every hostile text, through each channel, before an operator's eyes and in the chat page, in a real browser: text, and
nothing more. No script runs, no dialog opens, nothing is asked of anybody else, nothing stands over the page's edge."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.console.test_browser import CHROMIUM, PHONE, browser, visit  # noqa: F401
from tests.console.test_stepping_in import conversation_of
from tests.payloads import TEXTS

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here (apt-get install chromium)"),
]

SENT = {name: text.encode("utf-8", "replace").decode() for name, text in TEXTS.items() if name != "800 KB"}
"""Lone surrogates cannot be sent as UTF-8; what is above 64 KiB is refused at the door (tests/trust/test_edge.py)."""


def watched(page: Page, ours: str) -> list[str]:
    """Whatever a hostile text might bring about on a page, as it happens."""
    happened: list[str] = []

    async def dialog(one) -> None:
        happened.append(f"dialog: {one.message}")
        await one.dismiss()

    page.on("dialog", dialog)
    page.on("popup", lambda one: happened.append("another window"))
    page.on("download", lambda one: happened.append("a download"))
    page.on("request", lambda one: None if one.url.startswith((ours, "data:")) else happened.append(one.url))
    return happened


async def inert(page: Page, where: str) -> None:
    """The texts are texts, each in a box of its own direction, and the page is no wider than its window."""
    found = await page.evaluate(
        """where => {
          const all = [...document.querySelectorAll(where)];
          return {
            count: all.length,
            inside: all.reduce((sum, one) => sum + one.querySelectorAll('img,script,svg,b,iframe,form,input').length, 0),
            apart: all.every(one => ['isolate', 'plaintext', 'isolate-override'].includes(
              getComputedStyle(one).unicodeBidi)),
            boxed: all.every(one => one.getBoundingClientRect().right <= window.innerWidth + 1
              && one.getBoundingClientRect().left >= -1),
            title: document.title,
            wide: document.documentElement.scrollWidth > window.innerWidth,
          };
        }""",
        where,
    )
    assert found["count"] and not found["inside"], found
    assert found["apart"] and found["boxed"] and not found["wide"], found
    assert "canary" not in found["title"], found


@pytest.mark.parametrize("channel", ["whatsapp", "sms"])
async def test_an_operator_sees_text(farol, visit, channel):  # noqa: F811
    page = await visit("viewer", size=PHONE)
    happened = watched(page, farol.address)
    # Both channels are one form of Twilio's: for SMS some of each kind will do.
    for name, text in list(SENT.items())[:: 1 if channel == "whatsapp" else 4]:
        sender = farol.number()
        await (farol.whatsapp if channel == "whatsapp" else farol.sms)(sender, text[:4000])
        await farol.twilio.sent_to(f"whatsapp:{sender}" if channel == "whatsapp" else sender)
        await page.goto(f"/console/conversations/{await conversation_of(farol, channel, sender)}")
        await inert(page, ".line .said")
        assert not happened, (name, happened)
    await page.goto("/console/conversations")
    await expect(page.locator(".entries")).to_be_visible()
    assert not happened and await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def test_the_chat_page_shows_text(farol, browser):  # noqa: F811
    context = await browser.new_context(base_url=farol.address, viewport=PHONE)
    context.set_default_timeout(15_000)
    for group in [list(SENT)[start : start + 6] for start in range(0, len(SENT), 6)]:
        # As somebody new each time: who sends many strange texts in a row is taken for a machine, and not answered.
        await context.clear_cookies()
        page = await context.new_page()
        happened = watched(page, farol.address)
        await page.goto("/")
        for number, name in enumerate(group, 1):
            # As if pasted: typed key by key, four thousand new lines would take minutes.
            await page.locator("#text").evaluate("(box, text) => { box.value = text; }", SENT[name][:4096])
            before = await page.locator(".row .bubble").count()
            await page.locator("#text").press("Enter")
            if SENT[name].strip():
                await expect(page.locator(".row .bubble").nth(before)).to_be_visible()
            assert not happened, (name, happened)
        await inert(page, ".row .bubble [dir=auto], .row .bubble .said")
        await page.close()
    await context.close()
