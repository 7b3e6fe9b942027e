"""Makes both environments from uv.lock: run by `make setup`, with nothing but Python's standard library.

Finds or installs uv, finds a Python 3.10 for the engine, and says in one line what is missing and how to get it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV_VERSION = "0.13.9"
"""Installed when there is none: the release uv.lock was written with."""

ENVIRONMENTS = {
    ".venv": ("assistant", (3, 11)),
    ".venv-engine": ("engine", (3, 10)),
}


class Missing(Exception):
    """Something the machine lacks; the message says what, and how to get it."""


def main() -> int:
    """Bring both environments in step with uv.lock; quick when they are."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--tests", action="store_true", help="also what the tests need")
    chosen = options.parse_args()
    try:
        if sys.version_info < (3, 11):
            raise Missing(
                f"python3 is {sys.version.split()[0]}; Farol needs 3.11 or newer (make PYTHON=/path/to/python3.11)"
            )
        if not shutil.which("git") and not (ROOT / "uv.lock").is_file():
            raise Missing("uv.lock is missing; take a whole copy of the repository")
        for folder, (group, version) in ENVIRONMENTS.items():
            sync(folder, group, version, chosen.tests)
    except Missing as error:
        print(f"setup: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"setup: {' '.join(map(str, error.cmd[:3]))} failed; is the network there?", file=sys.stderr)
        return 1
    return 0


def sync(folder: str, group: str, version: tuple[int, int], tests: bool) -> None:
    """Make one environment what uv.lock says, unless its stamp says that it is."""
    stamp = ROOT / folder / ".farol-stamp"
    had_tests = stamp.is_file() and stamp.read_text().endswith("+test")
    wanted = fingerprint() + ("+test" if tests or had_tests else "")
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    groups = ["--group", group, *(["--group", "test"] if wanted.endswith("+test") else [])]
    python = sys.executable if version == (3, 11) else find_python(version)
    # The engine runs from the source tree; only the assistant needs the `farol` command.
    project = [] if group == "assistant" else ["--no-install-project"]
    print(f"setup: {folder} ({group})", file=sys.stderr, flush=True)
    command = [uv(), "sync", "--frozen", "--no-default-groups", *groups, *project, "--python", python]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "UV_PROJECT_ENVIRONMENT": folder}, check=True)
    stamp.write_text(wanted)


def uv() -> str:
    """A uv: the one on PATH, or our own in .uv."""
    own = ROOT / ".uv" / "bin" / "uv"
    if own.is_file():
        return str(own)
    found = shutil.which("uv")
    if found and version_of(found) >= (0, 9):
        return found
    print("setup: uv", file=sys.stderr, flush=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", str(ROOT / ".uv")], check=True, capture_output=True)
        pip = [str(ROOT / ".uv" / "bin" / "python"), "-m", "pip", "install", "--quiet", f"uv=={UV_VERSION}"]
        subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        shutil.rmtree(ROOT / ".uv", ignore_errors=True)
        raise Missing(
            "uv is not installed and could not be fetched; install it (https://docs.astral.sh/uv/) or python3-venv"
        ) from error
    return str(own)


def find_python(version: tuple[int, int]) -> str:
    """A working interpreter of this version: on PATH, under pyenv (whose shims hide it), from uv, or installed by uv."""
    name = f"python{version[0]}.{version[1]}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [
        shutil.which(name),
        *sorted(map(str, pyenv.glob(f"{version[0]}.{version[1]}.*/bin/python")), reverse=True),
    ]
    for candidate in filter(None, candidates):
        # A pyenv shim is there even for a version it does not run.
        if works(candidate, version):
            return candidate
    found = subprocess.run([uv(), "python", "find", ".".join(map(str, version))], capture_output=True, text=True)
    if found.returncode == 0:
        return found.stdout.strip()
    print(f"setup: {name}", file=sys.stderr, flush=True)
    if subprocess.run([uv(), "python", "install", ".".join(map(str, version))], capture_output=True).returncode == 0:
        return ".".join(map(str, version))
    raise Missing(
        f"Python {version[0]}.{version[1]} is needed for the engine (Rasa runs on no newer one) and could not be fetched; "
        f"install it (apt install {name}, or pyenv install {version[0]}.{version[1]})"
    )


def works(python: str, version: tuple[int, int]) -> bool:
    """Whether this interpreter runs and is of the version wanted."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        said = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.stdout.strip() == ".".join(map(str, version))


def version_of(uv_path: str) -> tuple[int, int]:
    """uv's version, (0, 0) when it does not say."""
    said = subprocess.run([uv_path, "--version"], capture_output=True, text=True).stdout.split()
    try:
        return tuple(int(part) for part in said[1].split(".")[:2])
    except (IndexError, ValueError):
        return (0, 0)


def fingerprint() -> str:
    """Of what decides the environments' contents, and of the interpreter."""
    digest = hashlib.sha256(sys.version.encode())
    for name in ("uv.lock", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
