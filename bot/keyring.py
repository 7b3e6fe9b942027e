"""The master keys of an installation, in versions, and the one that addresses are looked up with.

They live outside the database: in FAROL_MASTER_KEY or in `master.key` in the data folder. Both are written alike, one
entry a line (or after a comma):

    1:cbzYBWnWtEUv...      version 1 (1 to 255) and the base64 of 32 random bytes
    2:7Fq0kDwRjMX0...      the last version written seals; the older ones only open
    lookup:0lZkq3oVvP...   finds addresses; appears with the first rotation and stays the same ever after

A bare base64 is version 1, which is all that an installation has that never rotated.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.settings import Settings

_SIZE = 32
_LAST = 255
"""A wrapped key begins with its master's version, in one byte; after 255 the numbers that are free are used again."""


@dataclass(frozen=True)
class Keyring:
    """Master keys by version, in the order they were made (the last one seals), and the look-up key."""

    masters: Mapping[int, bytes]
    lookup: bytes

    @property
    def newest(self) -> int:
        """The version that seals."""
        return next(reversed(self.masters))

    def with_new(self) -> Keyring:
        """The same and one more, which seals from now on."""
        free = [self.newest % _LAST + 1, *range(1, _LAST + 1)]
        version = next((one for one in free if one not in self.masters), None)
        if version is None:
            raise ValueError("255 master keys are in use: run farol keys retire first")
        return _ring({**self.masters, version: secrets.token_bytes(_SIZE)}, self.lookup)

    def newest_only(self) -> Keyring:
        """Without the older ones: what they locked can never be opened again."""
        return _ring({self.newest: self.masters[self.newest]}, self.lookup)

    def with_others_of(self, other: Keyring) -> Keyring:
        """The same, and in front of it the versions that only the other has, to open with."""
        return _ring(
            {**{v: key for v, key in other.masters.items() if v not in self.masters}, **self.masters}, self.lookup
        )

    def to_text(self) -> str:
        """As it is kept in the file."""
        entries = [*self.masters.items(), ("lookup", self.lookup)]
        return "".join(f"{name}:{base64.b64encode(key).decode()}\n" for name, key in entries)


def keyring_of(master: bytes) -> Keyring:
    """The keyring of an installation that has one master key and never rotated; the look-up key comes from it."""
    if len(master) != _SIZE:
        raise ValueError("the master key must be 32 bytes (FAROL_MASTER_KEY: their base64)")
    return _ring({1: master}, derive(master, b"farol lookup"))


def read_keyring(text: str, where: str) -> Keyring:
    """The keyring written in `text`; raises ValueError that names `where` and never repeats a key."""
    masters: dict[int, bytes] = {}
    lookup = None
    for number, entry in enumerate((part for part in re.split(r"[\s,]+", text) if part), 1):
        name, colon, key = entry.rpartition(":")
        if name == "lookup":
            lookup = _decode(key, f"{where}: lookup")
            continue
        if colon and not (re.fullmatch("[1-9][0-9]{0,2}", name) and int(name) <= _LAST):
            raise ValueError(f"{where}: entry {number}: expected a version from 1 to 255, a colon and a key")
        version = int(name) if colon else 1
        if version in masters:
            raise ValueError(f"{where}: version {version} is there twice")
        masters[version] = _decode(key, f"{where}: entry {number}")
    if not masters:
        raise ValueError(f"{where}: expected base64 of 32 random bytes")
    if lookup is None:
        if len(masters) > 1:
            raise ValueError(f"{where}: several master keys need the entry lookup:... as farol keys rotate writes it")
        lookup = derive(next(iter(masters.values())), b"farol lookup")
    return _ring(masters, lookup)


def derive(master: bytes, purpose: bytes) -> bytes:
    """A key for one purpose, from which neither the master nor any other can be found (HKDF-SHA256, RFC 5869)."""
    return HKDF(algorithm=hashes.SHA256(), length=_SIZE, salt=None, info=purpose).derive(master)


class KeyFile:
    """`master.key`: made on first use, readable by its owner only, replaced as a whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_at: tuple[int, int] | None = None

    def open(self) -> Keyring:
        """What is in the file; makes one with a fresh key where there is none. Raises ValueError naming the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return self._read()
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(base64.b64encode(secrets.token_bytes(_SIZE)).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(self.path.parent)
        return self._read()

    def changed(self) -> Keyring | None:
        """What is in the file now, if another process has written it since it was last read here."""
        return self._read() if self._stamp() != self._read_at else None

    def write(self, ring: Keyring) -> None:
        """Replace the file. The old bytes are overwritten first: on a plain disk the retired keys are then gone."""
        with (fresh := self.path.with_name(self.path.name + ".new")).open("w", encoding="ascii") as file:
            os.chmod(fresh, 0o600)
            file.write(ring.to_text())
            file.flush()
            os.fsync(file.fileno())
        old = os.open(self.path, os.O_WRONLY)
        os.replace(fresh, self.path)
        _sync_folder(self.path.parent)
        with os.fdopen(old, "wb") as file:
            file.write(b"\0" * os.fstat(file.fileno()).st_size)
            file.flush()
            os.fsync(file.fileno())
        self._read_at = self._stamp()

    def age(self, now: float) -> float:
        """Seconds since the file was last written."""
        return now - self.path.stat().st_mtime

    def _read(self) -> Keyring:
        while True:
            self._read_at = self._stamp()
            text = self.path.read_text(encoding="utf-8", errors="replace")
            if self._stamp() == self._read_at:
                return read_keyring(text, str(self.path))
            # Replaced, and the old bytes overwritten, while we read: read the new ones.

    def _stamp(self) -> tuple[int, int]:
        about = self.path.stat()
        return about.st_mtime_ns, about.st_ino


def key_file(settings: Settings) -> KeyFile | None:
    """The file that holds the keys, or None where FAROL_MASTER_KEY does."""
    return None if settings.master_key else KeyFile(settings.data_dir / "master.key")


def _ring(masters: dict[int, bytes], lookup: bytes) -> Keyring:
    return Keyring(MappingProxyType(masters), lookup)


def _decode(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{where}: expected base64 of 32 random bytes") from None
    if len(key) != _SIZE:
        raise ValueError(f"{where}: expected base64 of 32 random bytes, found {len(key)}")
    return key


def _sync_folder(folder: Path) -> None:
    # A key that is lost in a power cut locks every message for good.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
