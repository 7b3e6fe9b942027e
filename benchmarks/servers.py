"""A server under measurement: started, timed until it answers, called over one connection, always stopped."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
ENGINE_PYTHON = str(ROOT / ".venv-engine" / "bin" / "python")

_START_LIMIT = 900
"""Seconds a server may take to answer for the first time."""
_CALL_LIMIT = 120
_SECRETS = ("FAROL_MASTER_KEY", "TWILIO_AUTH_TOKEN", "TELEGRAM_BOT_TOKEN", "FAROL_DATABASE_URL")
_COMMON = {
    "RASA_TELEMETRY_ENABLED": "false",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "PYTHONUNBUFFERED": "1",
}
"""For both contenders alike. The number of threads is left to each."""


class ServerFailed(RuntimeError):
    """A server or training did not do its work; the message holds the end of what it said."""


class Server:
    """A running server: `pid` of its first process, `port` on loopback, `start_seconds` until its first 200."""

    def __init__(self, name: str, pid: int, port: int, start_seconds: float) -> None:
        self.name, self.pid, self.port, self.start_seconds = name, pid, port, start_seconds


@contextmanager
def serving(name: str, command: Callable[[int], list[str]], folder: Path, health: str) -> Iterator[Server]:
    """Start `command(port)` in `folder`, wait until GET `health` answers 200, and stop it at the end.

    Raises ServerFailed with the end of its log when it ends or takes too long.
    """
    port = _free_port()
    with tempfile.TemporaryFile() as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            command(port),
            cwd=folder,
            env=environment(folder) | {"FAROL_ENGINE_CHILD": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            while not _healthy(port, health):
                if process.poll() is not None:
                    raise ServerFailed(f"{name} ended with {process.returncode} while starting:\n{_tail(log)}")
                if time.perf_counter() - started > _START_LIMIT:
                    raise ServerFailed(f"{name} gave no healthy answer within {_START_LIMIT} s:\n{_tail(log)}")
                time.sleep(0.02)
            yield Server(name, process.pid, port, round(time.perf_counter() - started, 2))
        finally:
            _stop(process)


class Line:
    """One kept-alive HTTP connection to a server, opened before anything is timed."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_CALL_LIMIT)
        self._connection.connect()

    def post(self, path: str, body: dict[str, Any]) -> tuple[Any, float]:
        """The JSON answer and the milliseconds from the object to send to the object received."""
        started = time.perf_counter()
        self._connection.request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        raw = response.read()
        if response.status != 200:
            # The sentences are public test sentences: nothing private can be in an answer.
            raise ServerFailed(f"{self._server.name}: POST {path} answered {response.status}: {raw[:300]!r}")
        data = json.loads(raw)
        return data, (time.perf_counter() - started) * 1000

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def run_timed(name: str, command: list[str], folder: Path, at: Callable[[str], None]) -> tuple[dict, str]:
    """Run to the end; ({"seconds", "cpu_seconds"} with all child processes, standard output). Raises ServerFailed."""
    with tempfile.TemporaryFile() as log, tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=log,
            start_new_session=True,
        )
        try:
            while True:
                pid, status, used = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    process.returncode = os.waitstatus_to_exitcode(status)
                    break
                at(name)
                time.sleep(0.05)
        finally:
            _stop(process)
        seconds = time.perf_counter() - started
        said = _read(output)
        if process.returncode != 0:
            raise ServerFailed(f"{name} ended with {process.returncode}:\n{said[-1000:]}\n{_tail(log)}")
        return {"seconds": round(seconds, 1), "cpu_seconds": round(used.ru_utime + used.ru_stime, 1)}, said


def environment(folder: Path) -> dict[str, str]:
    """Ours without secrets, with `folder` as the place modules are found in."""
    kept = {name: value for name, value in os.environ.items() if name not in _SECRETS}
    return kept | _COMMON | {"PYTHONPATH": str(folder)}


def _healthy(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen) -> None:
    """End the whole group, a server's children too: nothing is left behind when we are interrupted."""
    if process.returncode is not None:
        return  # reaped already: its number may be somebody else's by now
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(15)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _tail(log: Any) -> str:
    return "\n".join(_read(log).strip().splitlines()[-15:])


def _read(file: Any) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
