"""Locks what must not be read by somebody who takes the disk.

Every person has a key of their own (AES-256-GCM), kept only wrapped by a master key that lives outside the database
(bot.keyring). Forgetting a person is destroying their key. Addresses are found again by an HMAC with a key that is not
in the database either: whoever has the database alone cannot try phone numbers against it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.keyring import Keyring, derive, key_file, keyring_of, read_keyring
from bot.settings import Settings

_NONCE = 12
_VERSION = b"\x01"
"""First byte of a sealed text: how it is sealed. (A wrapped key begins with the version of its master instead.)"""


class VaultError(Exception):
    """A value cannot be opened: another key, another row, or a changed byte. The message names the row, never a value."""


class Vault:
    """Seals and opens values. `row` binds a sealed value to its place, so that it cannot be moved to another row.

    keys: a keyring, or the one master key there is.
    changed: gives the keyring when another process has changed it, else None. Looked at before a new key is made, and
        when a key is met that no known master opens: so keys are rotated while everything runs.
    """

    def __init__(self, keys: Keyring | bytes, changed: Callable[[], Keyring | None] = lambda: None) -> None:
        self._ring = keys if isinstance(keys, Keyring) else keyring_of(keys)
        self._changed = changed
        self._wrapping = _ciphers(self._ring)

    @property
    def newest(self) -> int:
        """The version of the master key that new personal keys are wrapped by."""
        return self._ring.newest

    def new_key(self, person_id: str) -> bytes:
        """A fresh personal key, wrapped by the newest master; store it with the person."""
        self._refresh()
        return self._wrap(secrets.token_bytes(32), person_id)

    def rewrapped(self, wrapped: bytes, person_id: str) -> bytes | None:
        """The same personal key wrapped by the newest master; None when it is already. Raises VaultError."""
        if version_of(wrapped) == self._ring.newest:
            return None
        return self._wrap(self._unwrap(wrapped, person_id), person_id)

    def seal(self, wrapped: bytes, text: str, row: str) -> bytes:
        """Lock `text` with a person's wrapped key for the row named."""
        return _VERSION + _encrypt(self._personal(wrapped, row), text.encode(), row)

    def open(self, wrapped: bytes, sealed: bytes, row: str) -> str:
        """Unlock what `seal` locked for the same row. Raises VaultError."""
        if sealed[:1] != _VERSION:
            raise VaultError(f"{row}: sealed by a version this program does not know")
        return _decrypt(self._personal(wrapped, row), sealed, row, row).decode()

    def lookup(self, channel: str, address: str) -> str:
        """What an address is found by: 64 hexadecimal digits that cannot be turned back."""
        return hmac.new(self._ring.lookup, f"{channel}\0{address}".encode(), hashlib.sha256).hexdigest()

    def _personal(self, wrapped: bytes, row: str) -> AESGCM:
        return AESGCM(self._unwrap(wrapped, row.split("/", 1)[0]))

    def _wrap(self, key: bytes, person_id: str) -> bytes:
        version = self._ring.newest
        return bytes([version]) + _encrypt(self._wrapping[version], key, f"key:{person_id}")

    def _unwrap(self, wrapped: bytes, person_id: str) -> bytes:
        version = version_of(wrapped)
        if version not in self._wrapping:
            self._refresh()
        if version not in self._wrapping:
            raise VaultError(f"key:{person_id}: wrapped by master key {version}, which is not here")
        return _decrypt(self._wrapping[version], wrapped, f"key:{person_id}", person_id)

    def _refresh(self) -> None:
        ring = self._changed()
        if ring is not None:
            # A key retired meanwhile still opens what this process holds in its hands; a restart forgets it.
            self._ring = ring.with_others_of(self._ring)
            self._wrapping = _ciphers(self._ring)


def version_of(wrapped: bytes) -> int:
    """The version of the master key that a personal key is wrapped by; 0 for an empty one (a backup without keys)."""
    return wrapped[0] if wrapped else 0


def open_vault(settings: Settings) -> Vault:
    """The vault of this installation; makes a key file on first use, readable by its owner only.

    Raises ValueError naming the setting or file when a key is not 32 bytes of base64.
    """
    file = key_file(settings)
    if file is None:
        return Vault(read_keyring(settings.master_key.get_secret_value(), "FAROL_MASTER_KEY"))
    return Vault(file.open(), file.changed)


def _ciphers(ring: Keyring) -> dict[int, AESGCM]:
    return {version: AESGCM(derive(master, b"farol wrap")) for version, master in ring.masters.items()}


def _encrypt(cipher: AESGCM, value: bytes, row: str) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, value, row.encode())


def _decrypt(cipher: AESGCM, sealed: bytes, row: str, name: str) -> bytes:
    try:
        return cipher.decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], row.encode())
    except InvalidTag as error:
        raise VaultError(f"{name}: cannot be opened with this key") from error
