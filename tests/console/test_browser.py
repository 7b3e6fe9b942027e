"""The console in a real browser (Chromium, driven by Playwright): what an operator sees and does.

    FAROL_PICTURES=docs/pictures .venv/bin/python -m pytest tests/console/test_browser.py

writes the pictures of the documentation anew.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

from nlu.contract import Response
from tests.console.conftest import PASSWORD, Farol, understood
from tests.console.test_stepping_in import HUMAN, conversation_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PICTURES = os.environ.get("FAROL_PICTURES")

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here (apt-get install chromium)"),
]

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 860}
expect.set_options(timeout=15_000)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser():
    async with async_playwright() as playwright:
        # As root Chromium refuses to start with its sandbox; the pages are our own, on loopback.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(farol: Farol, browser: Browser):
    """A function that opens a browser window of an operator's, signed in by the form; it refuses any error on a page."""
    farol.engine.answers[HUMAN] = understood("talk_to_human", Response("human", effect="hand_off"))
    farol.engine.answers["what is prep"] = understood("prep_what")
    contexts, errors = [], []

    async def sign_in(role: str = "operator", language: str = "en", size: dict = DESK, **options) -> Page:
        context = await browser.new_context(base_url=farol.address, viewport=size, locale=language, **options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
        operator = await farol.operator(role)
        await page.goto("/console/")
        await page.locator("[name=name]").fill(operator.name)
        await page.locator("[name=password]").fill(PASSWORD)
        await page.locator("[name=code]").fill(operator.code())
        await page.locator("main button").click()
        await page.wait_for_url("**/console/c*")
        page.operator = operator
        return page

    yield sign_in
    for context in contexts:
        await context.close()
    assert not errors, errors


async def picture(page: Page, name: str) -> None:
    """A picture for the documentation, when they are asked for."""
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"console-{name}.png", full_page=False)


async def accessible(page: Page) -> None:
    """axe-core finds nothing serious, and the page is no wider than the window."""
    found = await Axe().run(page)
    serious = [one for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
    assert not serious, [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in serious]
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "wider than the window"


async def wrote(farol: Farol, body: str, language: str = "en") -> tuple[str, str]:
    """Somebody writes by WhatsApp and is answered; returns their number and the conversation's id."""
    sender = farol.number()
    await farol.whatsapp(sender, body)
    await farol.twilio.sent_to(f"whatsapp:{sender}")
    return sender, await conversation_of(farol, "whatsapp", sender)


async def test_enrolment_in_the_browser(farol, browser):
    token = await farol.accounts.add("new-colleague", "operator")
    secret = (await farol.accounts.invitation(token)).secret
    context = await browser.new_context(base_url=farol.address, viewport=DESK)
    context.set_default_timeout(15_000)
    page = await context.new_page()
    await page.goto(f"/console/enrol/{token}")
    await expect(page.locator(".qr svg")).to_be_visible()
    assert (await page.locator(".secret").inner_text()).replace(" ", "") == secret
    await accessible(page)
    await picture(page, "enrol")
    from tests.console.conftest import Person

    await page.locator("[name=password]").fill("short")
    await page.locator("[name=again]").fill("short")
    assert not await page.evaluate("document.querySelector('form').checkValidity()")
    await page.locator("[name=password]").fill(PASSWORD)
    await page.locator("[name=again]").fill(PASSWORD)
    await page.locator("[name=code]").fill(Person("", secret).code())
    await page.locator("main button").click()
    await expect(page.locator("h1")).to_have_text("Conversations")
    await page.locator(".out button").click()
    await page.wait_for_url("**/sign-in")
    await page.goto("/console/conversations")
    await page.wait_for_url("**/sign-in")
    await context.close()


async def test_a_message_arrives_while_the_list_is_open(farol, visit):
    page = await visit("viewer")
    await expect(page.locator(".count")).to_be_visible()
    _, conversation = await wrote(farol, "what is prep")
    await expect(page.locator(f'a[href$="{conversation}"]')).to_be_visible()


async def test_somebody_in_danger_comes_to_the_top_by_itself(farol, visit):
    page = await visit("viewer")
    await wrote(farol, "what is prep")
    _, conversation = await wrote(farol, "I want to kill myself")
    mine = page.locator(f'.entry:has(a[href$="{conversation}"])')
    await expect(mine).to_have_class("entry crisis")
    levels = await page.locator(".entries .entry").evaluate_all("all => all.map(one => one.className)")
    first_other = next((i for i, level in enumerate(levels) if "crisis" not in level), len(levels))
    assert all("crisis" in level for level in levels[:first_other])
    assert not any("crisis" in level for level in levels[first_other:])
    await accessible(page)
    await picture(page, "list")


async def test_take_over_answer_and_hand_back(farol, visit):
    page = await visit("operator")
    sender, conversation = await wrote(farol, HUMAN)
    await page.locator(f'a[href$="{conversation}"]').click()
    await page.get_by_role("button", name="Take over").click()
    await page.locator("#canned").select_option(index=1)
    text = page.locator("#text")
    assert "How can I help you?" in await text.input_value()
    await expect(page.locator("#cost")).to_contain_text("characters")
    await text.fill("Good evening. Which town are you in?")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".line.team .said")).to_have_text("Good evening. Which town are you in?")
    assert (await farol.twilio.sent_to(f"whatsapp:{sender}", 4))[3]["Body"] == "Good evening. Which town are you in?"
    await farol.whatsapp(sender, "I am in Sevilla")
    await expect(page.locator(".line.person .said").last).to_have_text("I am in Sevilla")
    # What is being typed stays while the page follows.
    await text.fill("I am looking")
    await farol.whatsapp(sender, "Thank you")
    await expect(page.locator(".line.person .said").last).to_have_text("Thank you")
    assert await text.input_value() == "I am looking"
    await accessible(page)
    await picture(page, "conversation")
    await page.get_by_role("button", name="Hand back").click()
    await expect(page.get_by_role("button", name="Take over")).to_be_visible()
    assert "computer program again" in (await farol.twilio.sent_to(f"whatsapp:{sender}", 5))[4]["Body"]


async def test_a_colleague_who_takes_over_is_seen(farol, visit):
    ana, eva = await visit("operator"), await visit("operator")
    _, conversation = await wrote(farol, HUMAN)
    for page in (ana, eva):
        await page.goto(f"/console/conversations/{conversation}")
    await ana.get_by_role("button", name="Take over").click()
    await expect(eva.locator(".facts")).to_contain_text(f"with {ana.operator.name}")
    await eva.get_by_role("button", name="Take over").click()
    await expect(eva.locator("#fault")).to_contain_text(ana.operator.name)


async def test_sms_segments_are_counted_while_typing(farol, visit):
    page, sender = await visit("operator"), farol.number()
    await farol.sms(sender, HUMAN)
    await farol.twilio.sent_to(sender)
    await page.goto(f"/console/conversations/{await conversation_of(farol, 'sms', sender)}")
    await page.get_by_role("button", name="Take over").click()
    await page.locator("#text").press_sequentially("a" * 5)
    await expect(page.locator("#cost")).to_contain_text("1 SMS segment")
    await page.locator("#text").fill("مرحبا " * 20)
    await expect(page.locator("#cost")).to_contain_text("2 SMS segments")
    await expect(page.locator("#cost")).to_contain_text("0.1 EUR")


async def test_hostile_messages_do_nothing_in_the_page(farol, visit):
    page, sender = await visit("viewer"), farol.number()
    hostile = [
        "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>",
        "\u202egnirts desrever\u2066\u2067 <b>x</b>",
        "Z" + "\u0335\u0321\u0322" * 300,
        "a" * 1500,
    ]
    await page.goto("/console/conversations")
    for number, text in enumerate(hostile, 2):
        await farol.whatsapp(sender, text)
        await farol.twilio.sent_to(f"whatsapp:{sender}", number)
    await page.goto(f"/console/conversations/{await conversation_of(farol, 'whatsapp', sender)}")
    assert await page.title() != "owned"
    assert await page.locator(".said img, .said script, .said b").count() == 0
    assert await page.locator(".line.person .said").nth(1).inner_text() == hostile[1]
    await farol.whatsapp(sender, "<i>live</i>")
    await expect(page.locator(".line.person .said").last).to_have_text("<i>live</i>")
    assert await page.locator(".said i").count() == 0
    await accessible(page)
    await picture(page, "hostile")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tongue", ["en", "ar"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_every_page_reads_well(farol, visit, tongue, scheme, size):
    """In both directions, both lights and both widths: no serious finding, nothing cut off."""
    _, conversation = await wrote(farol, HUMAN)
    await farol.whatsapp(farol.number(), "ما هو PrEP؟")
    page = await visit("admin", tongue, size, color_scheme=scheme)
    assert await page.locator("html").get_attribute("dir") == ("rtl" if tongue == "ar" else "ltr")
    paths = ["/conversations", f"/conversations/{conversation}"]
    paths += [await link.get_attribute("href") for link in await page.locator("nav a").all()][1:]
    for path in paths:
        await page.goto(path if path.startswith("/console") else f"/console{path}")
        await accessible(page)
        kind = "conversation" if conversation in path else path.split("/")[-1]
        await picture(page, f"{kind}-{tongue}-{scheme}-{'phone' if size is PHONE else 'desk'}")


async def test_by_keyboard_alone(farol, visit):
    page = await visit("operator")
    sender, conversation = await wrote(farol, HUMAN)
    await expect(page.locator(f'a[href$="{conversation}"]')).to_be_visible()

    async def go_to(locator) -> None:
        for _ in range(150):
            if await locator.evaluate("one => one === document.activeElement"):
                return
            await page.keyboard.press("Tab")
        raise AssertionError("the Tab key does not lead there")

    await page.keyboard.press("Tab")
    assert "Skip" in await page.evaluate("document.activeElement.textContent")
    await page.keyboard.press("Enter")
    await go_to(page.locator(f'a[href$="{conversation}"]'))
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/{conversation}")
    await go_to(page.get_by_role("button", name="Take over"))
    await page.keyboard.press("Enter")
    await go_to(page.locator("#text"))
    await page.keyboard.type("Hello from the keyboard")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".line.team .said")).to_have_text("Hello from the keyboard")
    assert (await farol.twilio.sent_to(f"whatsapp:{sender}", 4))[3]["Body"] == "Hello from the keyboard"


async def test_without_javascript_everything_still_works(farol, browser, visit):
    sender, conversation = await wrote(farol, HUMAN)
    page = await visit("operator", java_script_enabled=False)
    await page.goto(f"/console/conversations/{conversation}")
    await page.get_by_role("button", name="Take over").click()
    await page.locator("#text").fill("Without any script")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".line.team .said")).to_have_text("Without any script")


async def test_a_stream_that_is_refused_is_asked_for_again(farol, visit):
    page = await visit("viewer")
    refused = []

    async def refuse_once(route):
        if refused:
            await route.continue_()
        else:
            refused.append(route)
            await route.fulfill(status=503, body="try again")

    await page.route("**/console/stream*", refuse_once)
    await page.reload()
    await expect(page.locator("#live")).to_be_visible()
    await expect(page.locator("#live")).to_be_hidden()
    assert refused


async def test_a_session_that_is_over_leaves_the_page_by_itself(farol, visit):
    page = await visit("viewer")
    await farol.accounts.remove(page.operator.name)
    await wrote(farol, "what is prep")
    await page.wait_for_url("**/sign-in")
