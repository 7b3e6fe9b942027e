"""What Farol is made of: every package pinned with a hash, and no secret among the files."""

from __future__ import annotations

import re
import subprocess

import pytest
import tomllib

from tests.conftest import ROOT

LOCK = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))

SECRETS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
    "a Twilio account": r"\bAC[0-9a-f]{32}\b",
    "a Twilio key": r"\bSK[0-9a-f]{32}\b",
    "a bot token": r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b",
    "a master key": r"FAROL_MASTER_KEY=[A-Za-z0-9+/]{43}=",
    "a cloud key": r"\bAKIA[0-9A-Z]{16}\b",
    "a forge token": r"\bgh[pousr]_[A-Za-z0-9]{36}\b|\bglpat-[A-Za-z0-9_-]{20}\b",
    "a password in an address": r"://[A-Za-z0-9_.-]+:(?!\$|\{|<)[^@\s/\"'<>{}]{6,}@(?!127\.0\.0\.1|localhost)",
}
INVENTED = re.compile(r"AC0{31}1|AC([0-9a-f])\1{31}|example|never-in-a-log|user:password@")


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git work tree")
    return [name for name in listed.stdout.decode().split("\0") if name]


@pytest.mark.parametrize("package", LOCK["package"], ids=lambda package: package["name"])
def test_every_package_has_hashes(package):
    source = package["source"]
    if source.keys() & {"editable", "virtual"}:
        assert package["name"] == "farol"
        return
    assert set(source) == {"registry"}, "from a registry, not from a branch or an address of somebody's"
    files = [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]
    assert files and all(re.fullmatch("sha256:[0-9a-f]{64}", file["hash"]) for file in files)


def test_no_secret_is_among_the_files():
    found = []
    for name in tracked():
        path = ROOT / name
        if not path.is_file() or path.stat().st_size > 4_000_000:
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        for what, pattern in SECRETS.items():
            found += [f"{name}: {what}" for hit in re.finditer(pattern, text) if not INVENTED.search(hit[0])]
    assert not found


def test_nothing_private_is_tracked():
    private = re.compile(r"(^|/)(\.env(\..*)?|master\.key|.*\.(db|sqlite|pem|key|p12))$")
    assert not [name for name in tracked() if private.search(name)]


def test_every_finding_that_is_let_be_has_its_reason():
    """`make lint-security` holds the list against the code; here, that it is a list of reasons."""
    listed = tomllib.loads((ROOT / "tools" / "security-findings.toml").read_text("utf-8"))["finding"]
    keys = [(one["file"], one["rule"]) for one in listed]
    assert len(keys) == len(set(keys)) and all((ROOT / file).is_file() for file, _ in keys)
    assert all(one["count"] > 0 and len(one["why"]) > 8 for one in listed)


def test_what_is_installed_is_what_the_lock_file_says():
    """uv holds every file against the lock's hash; no way in the project installs without it."""
    bootstrap = (ROOT / "tools" / "bootstrap.py").read_text("utf-8")
    assert '"sync", "--frozen"' in bootstrap and "--no-verify-hashes" not in bootstrap
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert all("--require-hashes" in line for line in makefile.splitlines() if "pip-audit" in line and "run" in line)
