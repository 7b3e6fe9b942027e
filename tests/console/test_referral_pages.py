"""Codes confirmed where services and the team do it, by hand and in a real browser; and what the reports show of them."""

from __future__ import annotations

import re

import pytest
import pytest_asyncio
from playwright.async_api import expect
from sqlalchemy import delete, func, select

from bot.console.models import AuditEntry
from bot.content.render import Content
from bot.conversation.models import Tally
from bot.conversation.referral import Place, Referral
from bot.conversation.referral_code import new_code, shown
from bot.conversation.register import BY_TEAM, Register, issue
from bot.conversation.tallies import this_month
from bot.directory.hsds import Service, ServiceAtLocation
from bot.directory.listing import load
from bot.edge import Limits
from bot.referrals.page import ConfirmPage
from bot.settings import ROOT
from nlu.languages import load_languages
from tests.console.test_browser import CHROMIUM, DESK, PHONE, accessible, browser, picture, visit  # noqa: F401
from tests.directory.conftest import write_more

pytestmark = pytest.mark.asyncio(loop_scope="session")
needs_browser = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here (apt-get install chromium)")


@pytest_asyncio.fixture(loop_scope="session")
async def code(farol) -> str:
    """A code that was just given out."""
    return await give(farol)


async def give(farol, service_id: str = "no-such-place") -> str:
    code = new_code()
    async with farol.database.begin() as session:
        await issue(session, farol.vault, code, Place(service_id, "", "hiv_test", "CL"))
    return code


async def said(farol, step: str) -> int:
    async with farol.database.begin(read_only=True) as session:
        count = select(func.coalesce(func.sum(Tally.count), 0)).where(Tally.kind == f"referral_{step}")
        return await session.scalar(count)


async def ask(farol, **form) -> tuple[int, str]:
    async with farol.http.post(f"{farol.address}/r", data={"language": "en", **form}) as response:
        return response.status, await response.text()


async def test_a_service_confirms_once_and_learns_nothing_about_anybody(farol, code):
    before = await said(farol, "reached_service")
    status, page = await ask(farol, code=f" {shown(code).lower()} ")
    assert status == 200 and "This code is from Farol." in page and "HIV test" in page
    status, page = await ask(farol, code=code, said="reached")
    assert status == 200 and "It is counted." in page
    status, page = await ask(farol, code=code, said="away")
    assert "confirmed before" in page
    assert "confirmed before" in (await ask(farol, code=code))[1]
    assert await said(farol, "reached_service") == before + 1


async def test_slips_guesses_and_codes_taken_back_are_told_apart(farol, code):
    assert "character is not right" in (await ask(farol, code=shown(code)[:-1] + "2x"))[1]
    status, page = await ask(farol, code=new_code())
    assert status == 404 and "not valid" in page
    assert (await ask(farol, code=code, said="anything"))[0] == 200, "what is no answer is a question"


async def test_codes_are_in_no_address_and_the_page_is_hardened(farol, code):
    async with farol.http.get(f"{farol.address}/r", params={"code": code}) as response:
        page = await response.text()
        assert code not in page and shown(code) not in page
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "script" not in policy
        assert response.headers["Cache-Control"] == "no-store" and "Set-Cookie" not in response.headers
    assert "<script" not in page
    async with farol.http.post(f"{farol.address}/r", json={"code": code}) as response:
        assert response.status == 415


async def test_a_hostile_code_is_a_text(farol):
    for hostile in ('"><script>alert(1)</script>', "{{7*7}}", "\x00" * 10, "9" * 10_000, "' OR 1=1 --"):
        status, page = await ask(farol, code=hostile)
        assert status == 422 and "<script>alert" not in page and "49" not in re.findall(r'value="(.*?)"', page)


async def test_few_codes_are_looked_up_and_then_not_even_a_good_one(farol, code):
    class Request:
        content_type, remote, headers = "application/x-www-form-urlencoded", "192.0.2.1", {}

        def __init__(self, **form):
            self._form = form

        async def post(self):
            return self._form

    tries = Limits(each=(0, 2), all_together=(0, 100), clock=lambda: 0.0)
    content = Content(ROOT / "content", load_languages())

    async def nameless(service_id, language):
        return None

    page = ConfirmPage(Register(farol.database, farol.vault), content, nameless, tries)
    assert (await page.take(Request(code="22222"))).status == 422, "a slip costs nothing"
    assert [(await page.take(Request(code=new_code()))).status for _ in range(2)] == [404, 404]
    assert (await page.take(Request(code=code))).status == 429
    assert (await page.take(Request(code=code, said="reached"))).status == 429


async def test_the_page_speaks_every_language(farol, code, language):
    async with farol.http.get(f"{farol.address}/r", headers={"Accept-Language": f"{language};q=0.9"}) as response:
        page = await response.text()
    direction = "rtl" if language in ("ar", "fa") else "ltr"
    assert f'<html lang="{language}" dir="{direction}">' in page
    assert (await ask(farol, code=code, language=language))[0] == 200


async def test_the_team_confirms_and_the_log_names_no_code(farol, code):
    async with await farol.signed_in("operator") as client:
        async with client.get("/console/referrals") as response:
            page = await response.text()
            assert response.status == 200 and shown(code) not in page and code not in page
        token = re.search(r'name="csrf" value="(\w+)"', page).group(1)
        async with client.post("/console/referrals", data={"csrf": token, "code": shown(code)}) as response:
            assert "This code is ours" in await response.text()
        for answer in ("It is counted.", "confirmed this code before"):
            data = {"csrf": token, "code": shown(code), "said": "reached"}
            async with client.post("/console/referrals", data=data) as response:
                assert answer in await response.text()
        name = client.name
    assert (await Register(farol.database, farol.vault).find(code, BY_TEAM)).said == "reached"
    async with farol.database.begin(read_only=True) as session:
        entries = (
            await session.scalars(select(AuditEntry).filter_by(operator=name, action="referral_confirmed"))
        ).all()
    assert len(entries) == 1 and code not in repr(vars(entries[0]))


async def test_a_viewer_sees_counts_and_cannot_confirm(farol):
    async with await farol.signed_in("viewer") as client, client.get("/console/referrals") as response:
        page = await response.text()
    assert response.status == 200 and 'name="code"' not in page


async def filled(farol) -> None:
    """A month of invented counts, so that the tables can be looked at."""
    day, rows = f"{this_month()}-01", []
    topics = {
        "prep_what": 61,
        "hiv_test_how": 48,
        "right_without_papers": 44,
        "sti": 12,
        "refused_care": 9,
        "abortion": 3,
    }
    for topic, count in topics.items():
        parts = {"es": count // 2, "fr": count // 4, "ar": count - count // 2 - count // 4}
        rows += [("topic_language", f"{topic} {one}", n) for one, n in parts.items()]
        places = {"CL": count // 2, "FR": count // 4, "XX": count - count // 2 - count // 4}
        rows += [("topic_country", f"{topic} {one}", n) for one, n in places.items()]
        rows.append(("topic", topic, count))
    for step, times in (("made", 20), ("asked", 14), ("reached_person", 8), ("reached_service", 6), ("away_person", 5)):
        for kind, part in (("hiv_test", 1.0), ("prep", 0.6), ("general", 0.2)):
            rows += [(f"referral_{step}", f"{kind} CL", round(times * part)), (f"referral_{step}", f"{kind} FR", 2)]
    rows += [("people_country", "CL", 71), ("people_country", "FR", 33), ("waited", "5m", 12), ("waited", "1h", 6)]
    async with farol.database.begin() as session:
        await session.execute(delete(Tally))
        session.add_all(Tally(day=day, kind=kind, key=key, count=n) for kind, key, n in rows if n)


@needs_browser
@pytest.mark.parametrize(("spoken", "size"), [("en", DESK), ("en", PHONE), ("ar", DESK), ("ar", PHONE)], ids=str)
async def test_tables_can_be_read_at_any_width(farol, visit, spoken, size):  # noqa: F811
    await filled(farol)
    page = await visit("operator", language=spoken, size=size)
    for path in ("referrals", "reports"):
        await page.goto(f"/console/{path}")
        await expect(page.locator(".cross").first).to_be_visible()
        await accessible(page)
        await picture(page, f"{path}-{spoken}-{'phone' if size is PHONE else 'desk'}")
        if path == "reports":
            await page.locator("#activity").scroll_into_view_if_needed()
            await picture(page, f"activity-{spoken}-{'phone' if size is PHONE else 'desk'}")
    assert await page.locator(".cross td.number").count() > 20
    assert "PDF" in await page.locator("[data-print]").inner_text()


@needs_browser
@pytest.mark.parametrize("spoken", ["en", "ar"])
async def test_a_report_printed_by_the_browser_is_whole(farol, visit, spoken, tmp_path):  # noqa: F811
    await filled(farol)
    page = await visit("viewer", language=spoken)
    await page.goto("/console/reports")
    pdf = await page.pdf(prefer_css_page_size=True, path=tmp_path / "report.pdf")
    assert pdf.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 3
    await page.emulate_media(media="print")
    assert not await page.locator(".bar").is_visible() and not await page.locator(".filters").first.is_visible()
    widths = await page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert widths[0] <= widths[1]
    await picture(page, f"report-print-{spoken}")


@needs_browser
@pytest.mark.parametrize("spoken", ["en", "ar"])
async def test_a_service_confirms_on_its_phone(farol, browser, spoken, tmp_path):  # noqa: F811
    rows = [{"id": "harbour", "name": "Harbour Checkpoint", "kinds": "hiv_test"}]
    await load(farol.database, write_more(tmp_path / "in", *rows))
    async with farol.database.begin(read_only=True) as session:
        query = select(ServiceAtLocation.id).join(Service, Service.id == ServiceAtLocation.service_id)
        place = await session.scalar(query.where(Service.name == "Harbour Checkpoint"))
    code = await give(farol, place)
    context = await browser.new_context(base_url=farol.address, viewport=PHONE, locale=spoken)
    context.set_default_timeout(15_000)
    page = await context.new_page()
    await page.goto("/r")
    await accessible(page)
    await picture(page, f"confirm-{spoken}")
    await page.locator("#code").fill("abc")
    await page.keyboard.press("Enter")
    await expect(page.locator("#said.fault")).to_be_visible()
    await page.locator("#code").fill(shown(code).lower().replace("-", " "))
    await page.keyboard.press("Enter")
    await expect(page.locator("dl")).to_contain_text("Harbour Checkpoint")
    await accessible(page)
    await picture(page, f"confirm-found-{spoken}")
    await page.locator("button[value=reached]").click()
    await expect(page.locator("#said.good")).to_be_visible()
    await accessible(page)
    await context.close()
    async with farol.database.begin(read_only=True) as session:
        assert "reached" in set(await session.scalars(select(Referral.service_said)))
