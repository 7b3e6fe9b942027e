"""The engine: no secret in its environment, nobody but a private network in front of it, and no network behind it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-engine" / "bin" / "python"
CLEAN = {
    "PATH": os.defpath,
    "PYTHONPATH": str(ROOT),
    "PYTHONWARNINGS": "ignore",
    "HOME": os.environ.get("HOME", "/tmp"),
}

PROBE = """
import json, os, signal, subprocess, sys, urllib.request
subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
import socket
try:
    socket.create_connection(("192.0.2.1", 80), 2)
    sys.exit("there is a network here")
except OSError:
    pass
engine = subprocess.Popen([sys.executable, "-m", "nlu.service", "--port", "0"], stdout=subprocess.PIPE, text=True)
try:
    ready = json.loads(next(line for line in engine.stdout if line.startswith('{"ready"')))
    request = urllib.request.Request(
        f"http://127.0.0.1:{ready['port']}/parse", json.dumps({"texts": ["what is prep"]}).encode(),
        {"Content-Type": "application/json"})
    answer = json.load(urllib.request.urlopen(request, timeout=60))
    print(answer["parses"][0]["intent"]["name"])
finally:
    engine.send_signal(signal.SIGTERM)
    engine.wait(20)
"""


def start(arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PYTHON), "-m", "nlu.service", *arguments],
        env={**CLEAN, **environment}, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["FAROL_MASTER_KEY", "FAROL_DATABASE_URL", "TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_SID", "TELEGRAM_WEBHOOK_SECRET"],
)
def test_it_refuses_to_start_with_a_secret_and_does_not_repeat_it(name):
    ended = start([], **{name: "canary-secret"})
    assert ended.returncode == 2 and name in ended.stderr and "canary-secret" not in ended.stderr + ended.stdout


@pytest.mark.parametrize("host", ["8.8.8.8", "farol.example.org", "2001:4860:4860::8888"])
def test_it_refuses_a_public_address(host):
    ended = start(["--host", host])
    assert ended.returncode == 2 and host in ended.stderr


def test_it_answers_without_any_network():
    """In a network namespace of its own, in which there is nothing but loopback."""
    tried = subprocess.run(["unshare", "-rn", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"network namespaces are not allowed here: {tried.stderr.strip()}")
    if not (ROOT / "models" / "manifest.json").is_file():
        pytest.skip("no models are trained here: make train")
    ended = subprocess.run(
        ["unshare", "-rn", str(PYTHON), "-c", PROBE],
        env=CLEAN, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ended.stdout.strip() == "prep_what", ended.stderr[-2000:]
