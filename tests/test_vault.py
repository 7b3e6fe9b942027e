"""Sealing: only with the person's key, only in its own row."""

from __future__ import annotations

import secrets

import pytest

from bot.settings import Settings
from bot.vault import Vault, VaultError, open_vault

VAULT = Vault(secrets.token_bytes(32))


def test_what_is_sealed_can_be_opened_again():
    key = VAULT.new_key("p1")
    sealed = VAULT.seal(key, "نص ومعه text", "p1/inbox/1")
    assert b"text" not in sealed
    assert VAULT.open(key, sealed, "p1/inbox/1") == "نص ومعه text"


def test_a_value_moved_to_another_row_does_not_open():
    key = VAULT.new_key("p1")
    with pytest.raises(VaultError):
        VAULT.open(key, VAULT.seal(key, "x", "p1/inbox/1"), "p1/inbox/2")


def test_another_person_s_key_does_not_open():
    mine, theirs = VAULT.new_key("p1"), VAULT.new_key("p2")
    with pytest.raises(VaultError):
        VAULT.open(theirs, VAULT.seal(mine, "x", "p1/inbox/1"), "p2/inbox/1")


def test_another_master_key_opens_nothing():
    key = VAULT.new_key("p1")
    with pytest.raises(VaultError):
        Vault(secrets.token_bytes(32)).open(key, VAULT.seal(key, "x", "p1/a"), "p1/a")


def test_a_flipped_byte_is_noticed():
    key = VAULT.new_key("p1")
    sealed = bytearray(VAULT.seal(key, "x", "p1/a"))
    sealed[-1] ^= 1
    with pytest.raises(VaultError):
        VAULT.open(key, bytes(sealed), "p1/a")


def test_lookups_differ_by_channel_and_installation():
    number = "+15005550006"
    assert VAULT.lookup("sms", number) == VAULT.lookup("sms", number)
    assert VAULT.lookup("sms", number) != VAULT.lookup("whatsapp", number)
    assert VAULT.lookup("sms", number) != Vault(secrets.token_bytes(32)).lookup("sms", number)


def test_the_key_file_is_made_once_and_is_for_its_owner_only(tmp_path):
    settings = Settings(_env_file=None, data_dir=tmp_path / "var")
    first, second = open_vault(settings), open_vault(settings)
    path = tmp_path / "var" / "master.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert first.lookup("sms", "a") == second.lookup("sms", "a")


@pytest.mark.parametrize("key", ["", "not base64!", "c2hvcnQ="])
def test_a_wrong_key_is_named(tmp_path, key):
    (tmp_path / "master.key").write_text(key)
    with pytest.raises(ValueError, match="master.key"):
        open_vault(Settings(_env_file=None, data_dir=tmp_path))
