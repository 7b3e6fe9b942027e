"""The visible list: every name leads to a channel of that name, and listing them costs nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from bot.channels import CHANNELS

SETTINGS = {
    "sms": {"name": "sms", "account_sid": "AC1", "auth_token": "t", "sender": "+14155550100"},
    "whatsapp": {"name": "whatsapp", "account_sid": "AC1", "auth_token": "t", "sender": "+14155550199"},
    "telegram": {"token": "1:a"},
}


@pytest.mark.parametrize("name", CHANNELS)
def test_a_listed_channel_has_its_name(name: str) -> None:
    module, _, kind = CHANNELS[name].partition(":")
    channel = getattr(import_module(module), kind)(**SETTINGS[name])
    assert channel.traits.name == name
    for method in ("start", "stop", "send", "verify", "parse"):
        assert callable(getattr(channel, method))


def test_the_list_imports_no_provider() -> None:
    code = "import sys, bot.channels; sys.exit(bool({'twilio', 'telegram'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
