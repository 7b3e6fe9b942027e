"""Locks what must not be read by somebody who takes the disk.

Every person has a key of their own (AES-256-GCM), kept only wrapped by a master key that lives outside the database.
Forgetting a person is destroying their key. Addresses are found again by an HMAC with a key derived from the master
key: whoever has the database alone cannot try phone numbers against it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.settings import Settings

_NONCE = 12
_VERSION = b"\x01"
"""First byte of every sealed value: the master key version a later rotation counts up."""


class VaultError(Exception):
    """A value cannot be opened: another key, another row, or a changed byte. The message names the row, never a value."""


class Vault:
    """Seals and opens values. `row` binds a sealed value to its place, so that it cannot be moved to another row."""

    def __init__(self, master: bytes) -> None:
        if len(master) != 32:
            raise ValueError("the master key must be 32 bytes (FAROL_MASTER_KEY: their base64)")
        self._wrapping = AESGCM(_derive(master, b"farol wrap"))
        self._lookup = _derive(master, b"farol lookup")

    def new_key(self, person_id: str) -> bytes:
        """A fresh personal key, wrapped; store it with the person."""
        return self._seal(self._wrapping, secrets.token_bytes(32), f"key:{person_id}")

    def seal(self, wrapped: bytes, text: str, row: str) -> bytes:
        """Lock `text` with a person's wrapped key for the row named."""
        return self._seal(self._personal(wrapped, row), text.encode(), row)

    def open(self, wrapped: bytes, sealed: bytes, row: str) -> str:
        """Unlock what `seal` locked for the same row. Raises VaultError."""
        return self._open(self._personal(wrapped, row), sealed, row).decode()

    def lookup(self, channel: str, address: str) -> str:
        """What an address is found by: 64 hexadecimal digits that cannot be turned back."""
        return hmac.new(self._lookup, f"{channel}\0{address}".encode(), hashlib.sha256).hexdigest()

    def _personal(self, wrapped: bytes, row: str) -> AESGCM:
        person_id = row.split("/", 1)[0]
        return AESGCM(self._open(self._wrapping, wrapped, f"key:{person_id}"))

    @staticmethod
    def _seal(cipher: AESGCM, value: bytes, row: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + cipher.encrypt(nonce, value, row.encode())

    @staticmethod
    def _open(cipher: AESGCM, sealed: bytes, row: str) -> bytes:
        if sealed[:1] != _VERSION:
            raise VaultError(f"{row}: sealed by a version this program does not know")
        try:
            return cipher.decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], row.encode())
        except InvalidTag as error:
            raise VaultError(f"{row}: cannot be opened with this key") from error


def open_vault(settings: Settings) -> Vault:
    """The vault of this installation; makes a key file on first use, readable by its owner only.

    Raises ValueError naming the setting or file when the key is not 32 bytes of base64.
    """
    if settings.master_key:
        return Vault(_decode(settings.master_key.get_secret_value(), "FAROL_MASTER_KEY"))
    path = settings.data_dir / "master.key"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return Vault(_decode(path.read_text(encoding="ascii"), str(path)))
    key = secrets.token_bytes(32)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(base64.b64encode(key).decode() + "\n")
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)
    return Vault(key)


def _decode(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError as error:
        raise ValueError(f"{where}: expected base64 of 32 random bytes") from error
    if len(key) != 32:
        raise ValueError(f"{where}: expected base64 of 32 random bytes, found {len(key)}")
    return key


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(master)


def _sync_folder(folder: Path) -> None:
    # A key that is lost in a power cut locks every message for good.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
