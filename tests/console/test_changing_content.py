"""Texts and places changed in the console: checked, shown, and used with a second click, all or nothing."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from markupsafe import escape
from sqlalchemy import func, select

from bot.console import uploads
from bot.console.models import AuditEntry, Upload
from bot.console.proposals import writable
from bot.content.exchange import sheet as sheets
from bot.content.exchange.entries import entries_of
from bot.content.exchange.proposal import sheet_of
from bot.content.exchange.sheet import Row, Sheet
from bot.db import now
from bot.directory import browsing
from bot.directory.models import Listing
from bot.directory.rows import COLUMNS
from tests.console.test_stepping_in import page
from tests.directory.conftest import GOOD

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = "interface/words/goodbye"


@pytest_asyncio.fixture(loop_scope="session")
async def editor(editable):
    async with await editable.signed_in("editor") as client:
        client.csrf = re.search(r'data-csrf="(\w+)"', await page(client, "/console/content"))[1]
        yield client


def sheet_with(folder: Path, path: Path, **texts: str) -> bytes:
    """The French texts as a translator sends them back; `texts` by key with __ for /."""
    found = sheet_of(folder, "fr")
    named = {key.replace("__", "/"): text for key, text in texts.items()}
    rows = [Row(row.key, row.note, row.source, named.get(row.key, row.text)) for row in found.rows]
    sheets.write(Sheet(found.source, found.language, tuple(rows)), path, False)
    return path.read_bytes()


async def send(client, path: str, name: str, body: bytes, **fields: str) -> tuple[int, str, str]:
    """Upload a file; returns the status, where it leads to, and the page."""
    data = aiohttp.FormData()
    for key, value in fields.items():
        data.add_field(key, value)
    data.add_field("file", body, filename=name)
    async with client.post(f"{path}?csrf={client.csrf}", data=data, allow_redirects=False) as response:
        return response.status, response.headers.get("Location", ""), await response.text()


async def press(client, path: str, **fields: str) -> tuple[int, str, str]:
    async with client.post(path, data={"csrf": client.csrf, **fields}, allow_redirects=False) as response:
        return response.status, response.headers.get("Location", ""), await response.text()


async def kept_aside(farol) -> int:
    async with farol.database.begin(read_only=True) as session:
        return await session.scalar(select(func.count()).select_from(Upload))


def version_on(shown: str) -> str:
    return re.search(r'name="version" value="(\w+)"', shown)[1]


@pytest.mark.parametrize("ending", ["xlsx", "csv", "po"])
async def test_a_translators_file_is_shown_and_then_used(editable, editor, tmp_path, ending):
    folder = editable.settings.content_dir
    new = f"À bientôt ({ending}) <b>!"
    body = sheet_with(folder, tmp_path / f"fr.{ending}", interface__words__goodbye=new)
    status, where, _ = await send(editor, "/console/content/change", f"farol-fr.{ending}", body)
    assert status == 303
    shown = await page(editor, where)
    assert (
        KEY in shown
        and f"À bientôt ({ending}) &lt;b&gt;!" in shown
        and str(escape(entries_of(folder, "fr")[KEY].text)) in shown
    )
    assert entries_of(folder, "fr")[KEY].text != new, "nothing is used before the second click"
    status, there, _ = await press(editor, where, version=version_on(shown))
    assert status == 303 and there == "/console/content?language=fr&changed=1"
    assert entries_of(folder, "fr")[KEY].text == new
    assert "1 text was changed" in await page(editor, there)
    status, _, _ = await press(editor, where, version=version_on(shown))
    assert status == 404, "used once"
    async with editable.database.begin(read_only=True) as session:
        done = (
            await session.execute(select(AuditEntry.action, AuditEntry.about).where(AuditEntry.operator == editor.name))
        ).all()
    assert ("content_changed", f"farol-fr.{ending}: 1 (fr)") in [tuple(row) for row in done]


async def test_a_file_with_a_fault_changes_nothing_and_says_why(editable, editor, tmp_path):
    folder, before = editable.settings.content_dir, await kept_aside(editable)
    body = sheet_with(folder, tmp_path / "fr.xlsx", interface__words__privacy="Sans {gap} connue")
    status, _, shown = await send(editor, "/console/content/change", "fr.xlsx", body)
    assert status == 400 and "privacy" in shown and "cannot be used" in shown
    assert await kept_aside(editable) == before


async def test_what_changed_meanwhile_is_looked_at_again(editable, editor, tmp_path):
    folder = editable.settings.content_dir
    body = sheet_with(folder, tmp_path / "fr.csv", interface__words__goodbye="Salut")
    _, where, _ = await send(editor, "/console/content/change", "fr.csv", body)
    version = version_on(await page(editor, where))
    with (folder / "interface" / "fr.yml").open("a") as file:
        file.write("# somebody was here\n")
    status, _, shown = await press(editor, where, version=version)
    assert status == 409 and "changed since you looked" in shown
    assert entries_of(folder, "fr")[KEY].text != "Salut"
    status, there, _ = await press(editor, f"{where}/drop")
    assert status == 303
    async with editor.get(where) as response:
        assert response.status == 404


def bomb() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 80_000_000)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [("a.xlsx", bomb(), "unpack"), ("a.xlsx", b"PK\x03\x04 no workbook", "broken"), ("a.csv", b"x" * (uploads.LARGEST + 1), "larger"),
     ("a.exe", b"MZ", "must end in"), ("../../a.sh", b"x", "must end in"), ("a.csv", b"", "no file"),
     ("a.csv", b"key,note,en\n", "columns"), ("a.po", b"\xff\xfe", "cannot be read"), ("a.csv", b"\xff\xff", "UTF-8")],
    ids=["bomb", "not a workbook", "too large", "a program", "a path", "empty", "columns", "no catalogue", "letters"],
)  # fmt: skip
async def test_hostile_and_broken_files_are_refused(editable, editor, name, body, says):
    before = await kept_aside(editable)
    status, _, shown = await send(editor, "/console/content/change", name, body)
    assert status == 400 and says in shown, shown[-900:]
    if name.endswith((".xlsx", ".csv")):
        status, _, shown = await send(editor, "/console/directory/lists", name, body)
        assert status == 400
    assert await kept_aside(editable) == before


async def test_a_file_without_the_forms_token_is_not_read(editable, editor):
    for token in ("", "0" * 64):
        data = aiohttp.FormData()
        data.add_field("file", b"x" * 100_000, filename="a.csv")
        async with editor.post(f"/console/content/change?csrf={token}", data=data) as response:
            assert response.status == 403
    status, _, shown = await press(editor, f"/console/content/change?csrf={editor.csrf}")
    assert status == 400 and "no file" in shown


async def test_a_file_forgotten_for_a_day_is_gone(editable, editor, tmp_path):
    body = sheet_with(editable.settings.content_dir, tmp_path / "fr.csv", interface__words__goodbye="Adieu")
    _, where, _ = await send(editor, "/console/content/change", "fr.csv", body)
    await editable.older("upload", "created_at", timedelta(hours=25))
    async with editor.get(where) as response:
        assert response.status == 404


async def test_a_disk_that_cannot_be_written_to_is_known(tmp_path):
    assert writable(tmp_path)
    assert not writable(Path("/proc")) and not writable(tmp_path / "nowhere")
    assert not list(tmp_path.iterdir())


# --- places ------------------------------------------------------------------------------------------------------------


def places(*rows: dict) -> bytes:
    made = io.StringIO()
    writer = csv.DictWriter(made, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows({**{name: "" for name in COLUMNS}, **GOOD, **row} for row in rows)
    return made.getvalue().encode()


async def test_a_list_of_places_is_tried_out_and_then_taken_over(editable, editor):
    body = places({"id": "lx-one", "name": "Casa <i>Um</i>"}, {"id": "lx-two", "latitude": "north"})
    status, where, _ = await send(editor, "/console/directory/lists", "Lisbon-2026.csv", body)
    assert status == 303
    shown = await page(editor, where)
    assert "lisbon-2026" in shown and "latitude" in shown and "Lisbon-2026.csv:3" in shown

    async def known() -> set[str]:
        async with editable.database.begin(read_only=True) as session:
            return set(await session.scalars(select(Listing.id).where(Listing.dataset == "lisbon-2026")))

    assert await known() == set(), "a dry run"
    status, there, _ = await press(editor, where)
    assert status == 303 and await known() == {"lx-one"}
    shown = await page(editor, there)
    assert "Casa &lt;i&gt;Um&lt;/i&gt;" in shown and "1 place" in shown
    # A newer edition without it, and the old place no longer shown.
    status, where, _ = await send(
        editor, "/console/directory/lists", "other.csv", places({"id": "lx-three"}), dataset="lisbon-2026"
    )
    assert "lx-one" in await page(editor, where)
    await press(editor, where, retire="yes")
    async with editable.database.begin(read_only=True) as session:
        gone = await browsing.place(session, "lx-one")
        assert gone is None or gone.closed
        assert (await browsing.place(session, "lx-three")).town


async def test_the_staffs_own_list_has_no_other_door(editable, editor):
    status, _, shown = await send(editor, "/console/directory/lists", "a.csv", places({"id": "x"}), dataset="content")
    assert status == 400 and "your own files" in shown


async def test_a_place_is_found_verified_and_closed(editable, editor):
    _, where, _ = await send(
        editor, "/console/directory/lists", "porto.csv", places({"id": "porto-1", "name": "Farol Porto"})
    )
    await press(editor, where)
    assert "porto-1" in await page(editor, "/console/directory?words=farol+PORTO")
    assert "porto-1" not in await page(editor, "/console/directory?words=farol+nowhere%25_")
    today = now().date()
    status, there, _ = await press(editor, "/console/directory/verify", id="porto-1", day=today.isoformat())
    assert status == 303
    shown = await page(editor, there)
    assert editor.name in shown and "Noted" in shown
    status, _, shown = await press(
        editor, "/console/directory/verify", id="porto-1", day=(today + timedelta(days=2)).isoformat()
    )
    assert status == 409 and "future" in shown
    until = today + timedelta(days=3)
    status, _, _ = await press(editor, "/console/directory/close", id="porto-1", day=until.isoformat(), how="until")
    assert status == 303
    async with editable.database.begin(read_only=True) as session:
        assert (await browsing.place(session, "porto-1")).closed_until == until
    status, _, _ = await press(editor, "/console/directory/close", id="porto-1", day="", how="good")
    assert status == 303
    assert "porto-1" in await page(editor, "/console/directory?state=closed")
    async with editor.get("/console/directory/place?id=nowhere") as response:
        assert response.status == 404


async def test_a_place_of_the_staffs_files_is_noted_in_its_file(editable, editor):
    id_, today = "sample-prep-corner", now().date().isoformat()
    status, _, _ = await press(editor, "/console/directory/verify", id=id_, day=today)
    assert status == 303
    file = editable.settings.content_dir / "directory" / "sample.csv"
    row = next(one for one in csv.DictReader(file.open()) if one["id"] == id_)
    assert row["last_verified"] == today and row["verified_by"] == editor.name
    status, there, _ = await press(editor, "/console/directory/close", id=id_, how="good")
    assert status == 303 and id_ not in file.read_text()
    assert "closed" in await page(editor, there)


async def test_who_only_reads_changes_nothing(editable):
    async with await editable.signed_in("operator") as client:
        client.csrf = re.search(r'data-csrf="(\w+)"', await page(client, "/console/directory"))[1]
        assert (await press(client, "/console/directory/verify", id="sample-prep-corner", day="2026-01-01"))[0] == 403
        assert (await send(client, "/console/directory/lists", "a.csv", places({"id": "x"})))[0] == 403
        assert (await send(client, "/console/content/change", "a.csv", b"x"))[0] == 403
