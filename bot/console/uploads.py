"""Files that operators send: received within limits, looked at before they are opened, kept aside until they are used."""

from __future__ import annotations

import asyncio
import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path, PurePath

from aiohttp import BodyPartReader, web
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from bot.console.models import Upload
from bot.db import new_id, now

LARGEST = 3 * 1024 * 1024
"""Bytes of a file. All texts of a language are some 300 KB; longer lists of places go by `farol directory import`."""

UNPACKED = 60 * 1024 * 1024
"""Bytes of all that a workbook or an archive holds; ours unpack to a tenth of that."""

_MEMBERS = 500
_RATIO = 200
"""How much smaller a member may be packed: texts reach about 20, a bomb a thousand."""

_SECONDS = 60.0
_FIELD = 4096
KEPT = timedelta(hours=24)


class UploadFault(Exception):
    """A file that is not taken; `key` names the words that say why, `values` fill them."""

    def __init__(self, key: str, **values: str) -> None:
        super().__init__(key)
        self.key, self.values = key, values


@dataclass(frozen=True)
class Received:
    """A file and the fields of its form. `name` is what it was called, without any folder."""

    name: str
    body: bytes
    fields: dict[str, str] = field(default_factory=dict)


async def receive(request: web.Request, endings: tuple[str, ...]) -> Received:
    """The one file of a form, which is not read any further than it may be long. Raises UploadFault."""
    if request.content_type != "multipart/form-data":
        raise UploadFault("upload.none")
    if (request.content_length or 0) > LARGEST + 64 * 1024:
        raise UploadFault("upload.large", most=str(LARGEST // 1024 // 1024))
    name, body, fields = "", b"", {}
    try:
        async with asyncio.timeout(_SECONDS):
            async for part in await request.multipart():
                if not isinstance(part, BodyPartReader):
                    raise UploadFault("upload.none")
                if part.filename is None:
                    fields[part.name or ""] = (await _read(part, _FIELD)).decode("utf-8", "replace")
                else:
                    name, body = PurePath(part.filename.replace("\\", "/")).name, await _read(part, LARGEST)
    except (TimeoutError, ValueError, AssertionError) as error:
        raise UploadFault("upload.none") from error
    if not body:
        raise UploadFault("upload.none")
    name = re.sub(r"[^\w .()+-]", "_", name).lstrip(".~ ")[-100:]
    if not name.lower().endswith(endings):
        raise UploadFault("upload.ending", endings=", ".join(endings))
    _look_inside(name, body)
    return Received(name, body, fields)


async def _read(part: BodyPartReader, most: int) -> bytes:
    found = bytearray()
    while chunk := await part.read_chunk():
        found += chunk
        if len(found) > most:
            raise UploadFault("upload.large", most=str(LARGEST // 1024 // 1024))
    return bytes(found)


def _look_inside(name: str, body: bytes) -> None:
    """Refuse what unpacks to much more than it is, by the archive's own list of its members, before any is opened.

    A list that lies is found out by zipfile: a member is never read beyond what the list says of it.
    """
    with opened(name, body) as path:
        if not zipfile.is_zipfile(path):
            if path.suffix in (".xlsx", ".zip"):
                raise UploadFault("upload.broken")
            return
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except (zipfile.BadZipFile, ValueError, OSError) as error:
            raise UploadFault("upload.broken") from error
    sizes = [one.file_size for one in members]
    bomb = any(one.file_size > 1_000_000 and one.file_size > _RATIO * max(one.compress_size, 1) for one in members)
    if bomb or len(members) > _MEMBERS or sum(sizes) > UNPACKED:
        raise UploadFault("upload.bomb")


@contextmanager
def opened(name: str, body: bytes) -> Iterator[Path]:
    """The file on disk for as long as it is read, under its own name: faults are told by it."""
    named = name if len(name.encode()) < 200 else f"file{PurePath(name).suffix}"
    with tempfile.TemporaryDirectory(prefix="farol-upload-") as folder:
        path = (Path(folder) / named).with_suffix(PurePath(named).suffix.lower())
        path.write_bytes(body)
        yield path


async def keep(
    session: AsyncSession, kind: str, file: Received, operator: str, digest: str = "", dataset: str = ""
) -> str:
    """Keep a file aside; returns its id. Files that were forgotten about go."""
    await session.execute(delete(Upload).where(Upload.created_at < now() - KEPT))
    upload = Upload(
        id=new_id(), kind=kind, name=file.name, dataset=dataset, body=file.body, digest=digest, operator=operator
    )
    session.add(upload)
    return upload.id


async def find(session: AsyncSession, kind: str, upload_id: str) -> Upload | None:
    """A file that is kept aside."""
    found = await session.get(Upload, upload_id) if re.fullmatch("[0-9a-f]{32}", upload_id) else None
    return found if found and found.kind == kind and found.created_at > now() - KEPT else None


async def drop(session: AsyncSession, upload_id: str) -> bool:
    """Let go of a file. False when it is gone: somebody has used it already."""
    return bool((await session.execute(delete(Upload).where(Upload.id == upload_id))).rowcount)
