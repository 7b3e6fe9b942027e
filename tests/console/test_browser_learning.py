"""Learning, changing texts and the directory in a real browser: on a telephone, right to left, by keyboard, with axe."""

from __future__ import annotations

import pytest
import pytest_asyncio
from playwright.async_api import expect
from sqlalchemy import delete, func, select

from bot.conversation.lessons import Lesson
from bot.db import now
from nlu.contract import Response
from tests.console.conftest import PASSWORD, understood
from tests.console.test_browser import CHROMIUM, DESK, PHONE, accessible, browser, picture  # noqa: F401
from tests.console.test_changing_content import KEY, places, sheet_with
from tests.console.test_stepping_in import arrive

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here (apt-get install chromium)"),
]

UNSURE = {
    "en": "would the pill be bad with my hormones, mail me at canary@example.org",
    "es": "quiero la pastilla, vivo en calle Mayor 3 y mi numero es 600 123 456",
    "ar": "اسمي سامي واريد الحبة",
}


@pytest_asyncio.fixture(loop_scope="session")
async def visit(editable, browser):  # noqa: F811
    """A function that opens a window of an operator's of the Farol whose content may be changed."""
    contexts, errors = [], []

    async def sign_in(role: str = "editor", language: str = "en", size: dict = DESK, **options):
        context = await browser.new_context(base_url=editable.address, viewport=size, locale=language, **options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
        operator = await editable.operator(role)
        await page.goto("/console/")
        await page.locator("[name=name]").fill(operator.name)
        await page.locator("[name=password]").fill(PASSWORD)
        await page.locator("[name=code]").fill(operator.code())
        await page.locator("main button").click()
        await page.wait_for_url("**/console/c*")
        return page

    yield sign_in
    for context in contexts:
        await context.close()
    assert not errors, errors


@pytest_asyncio.fixture(loop_scope="session")
async def sentences(editable):
    """Three that wait to be labelled."""
    async with editable.database.begin() as session:
        await session.execute(delete(Lesson))
    for language, text in UNSURE.items():
        editable.engine.answers[text] = understood(
            "prep_side_effects", Response("ask.again"), decision="ask_back", confidence=0.3, language=language
        )
        await arrive(editable, editable.number(), text, 2)


async def left(editable) -> int:
    async with editable.database.begin(read_only=True) as session:
        return await session.scalar(select(func.count()).select_from(Lesson).where(Lesson.label.is_(None)))


async def go_to(page, locator) -> None:
    for _ in range(150):
        if await locator.evaluate("one => one === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError("the Tab key does not lead there")


async def test_one_click_labels_and_the_file_is_downloaded(editable, visit, sentences):
    page = await visit("editor")
    await page.goto("/console/learn")
    card = page.locator(".sentences li", has_text="would the pill")
    await expect(card.locator("mark")).to_have_text("link")
    assert "canary" not in await page.content()
    await card.locator(".choices button").first.click()
    await expect(page.locator(".notice")).to_contain_text("Noted")
    await page.locator(".sentences li", has_text="quiero la pastilla").locator("select").select_option("prep_access")
    await page.locator(".sentences li", has_text="quiero la pastilla").get_by_role("button", name="Set").click()
    await expect(page.locator(".sentences li")).to_have_count(1)
    async with page.expect_download() as found:
        await page.get_by_role("button", name="Download 2 labelled sentences").click()
    assert (await found.value).suggested_filename.startswith("farol-learned-")
    assert await left(editable) == 1


async def test_labelling_by_keyboard_alone(editable, visit, sentences):
    page = await visit("operator", size=PHONE)
    await page.goto("/console/learn")
    button = page.locator(".sentences li").first.get_by_role("button", name="None of these")
    await go_to(page, button)
    await page.keyboard.press("Enter")
    await expect(page.locator(".notice")).to_contain_text("Noted")
    assert await left(editable) == 2
    choice = page.locator(".sentences li").first.locator("select")
    await go_to(page, choice)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator(".sentences li")).to_have_count(1)


async def test_texts_are_changed_in_the_browser(editable, visit, tmp_path):
    page = await visit("editor", size=PHONE)
    file = tmp_path / "farol-fr.xlsx"
    sheet_with(editable.settings.content_dir, file, interface__words__goodbye="Prenez soin de vous, à demain.")
    await page.goto("/console/content")
    await page.get_by_role("link", name="Change texts").click()
    await page.locator("[type=file]").set_input_files(file)
    await page.get_by_role("button", name="Check the file").click()
    await expect(page.locator(".change .after")).to_have_text("Prenez soin de vous, à demain.")
    await expect(page.locator(".change code")).to_have_text(KEY)
    await accessible(page)
    await picture(page, "content-proposal-phone")
    await page.get_by_role("button", name="Use it now").click()
    await expect(page.locator(".notice")).to_contain_text("1 text was changed")


async def test_a_place_is_verified_and_closed_in_the_browser(editable, visit, tmp_path):
    page = await visit("editor")
    file = tmp_path / "faro.csv"
    file.write_bytes(places({"id": "faro-1", "name": "Casa do Farol"}, {"id": "faro-2", "latitude": "x"}))
    await page.goto("/console/directory")
    await page.get_by_role("link", name="Take a list over").click()
    await page.locator("[type=file]").set_input_files(file)
    await page.get_by_role("button", name="Check the file").click()
    await expect(page.locator("table")).to_contain_text("faro.csv:3")
    await accessible(page)
    await page.get_by_role("button", name="Use it now").click()
    await page.locator("[name=words]").fill("casa do farol")
    await page.get_by_role("button", name="Show").click()
    await page.locator('a[href*="faro-1"]').click()
    await accessible(page)
    await page.get_by_role("button", name="Verified").click()
    await expect(page.locator(".notice")).to_contain_text("Noted")
    await page.locator("form[action$=close] [name=day]").fill(now().date().isoformat())
    await page.get_by_role("button", name="Closed until that day").click()
    await expect(page.locator("dl")).to_contain_text("closed until")
    # For good needs no day.
    await page.get_by_role("button", name="Closed for good").click()
    await expect(page.locator("dl")).to_contain_text("closed")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("tongue", "size"), [("en", DESK), ("ar", PHONE)], ids=["en-desk", "ar-phone"])
async def test_the_pages_of_editors_read_well(editable, visit, sentences, tongue, size, scheme):
    page = await visit("admin", tongue, size, color_scheme=scheme)
    for path in ("learn", "learn/missing", "content/change", "directory", "directory/place?id=sample-harbour-checkpoint",
                 "directory/lists"):  # fmt: skip
        await page.goto(f"/console/{path}")
        await accessible(page)
        name = path.split("?")[0].replace("/", "-")
        await picture(page, f"{name}-{tongue}-{scheme}-{'phone' if size is PHONE else 'desk'}")


async def test_without_javascript_a_sentence_is_labelled(editable, visit, sentences):
    page = await visit("operator", java_script_enabled=False)
    await page.goto("/console/learn")
    await page.locator(".sentences li").first.get_by_role("button", name="Do not use").click()
    await expect(page.locator(".sentences li")).to_have_count(2)
