"""Farol's engine as a contender: all shipped languages in one process, called as the assistant calls it."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Iterator

from benchmarks.servers import ENGINE_PYTHON, ROOT, Line, Server, run_timed, serving
from benchmarks.turns import Turn
from nlu.contract import Hints, TurnRequest

NAME = "Farol"


@contextmanager
def serve(actions_url: str, models: Path = ROOT / "models") -> Iterator[Server]:
    """The engine with every language, until the end of the block."""
    command = [ENGINE_PYTHON, "-W", "ignore", "-m", "nlu.service", "--models", str(models), "--actions", actions_url]
    with serving(NAME, lambda port: [*command, "--port", str(port)], ROOT, "/health") as server:
        yield server


class Talk:
    """A conversation through POST /turn: events and language travel with each message, as the assistant sends them."""

    def __init__(self, server: Server) -> None:
        self._line = Line(server)
        self._sender = uuid.uuid4().hex
        self._events: list[dict[str, Any]] = []
        self._earlier: str | None = None

    def say(self, text: str) -> Turn:
        hints = Hints(earlier=self._earlier)
        request = TurnRequest(self._sender, text, self._events, hints).to_json()
        reply, ms = self._line.post("/turn", request)
        self._events, self._earlier = reply["events"], reply["language"]
        return Turn(ms, bool(reply["responses"]))

    def close(self) -> None:
        self._line.close()


def parse(line: Line, text: str) -> tuple[dict[str, Any], float]:
    """Parse of one text, its language found by the engine, and milliseconds."""
    data, ms = line.post("/parse", {"texts": [text], "language": "auto"})
    return data["parses"][0], ms


def training_times(at: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Train all languages and the dialogue twice: from nothing ("cold"), then with the embeddings kept ("kept").

    In a copy of the sources: the models in use, and the embeddings kept beside them, are not touched.
    """
    with tempfile.TemporaryDirectory(prefix="farol-bench-") as scratch:
        tree = Path(scratch)
        for folder in ("nlu", "stories"):
            shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
        command = [
            ENGINE_PYTHON,
            "-W",
            "ignore",
            "-m",
            "nlu.train",
            "--force",
            "--json",
            "--models",
            str(tree / "made"),
        ]
        found = {}
        for kind in ("cold", "kept"):
            used, said = run_timed(f"Farol, {kind}", command, tree, at)
            report = json.loads(said[said.index("{") :])
            found[kind] = used | {"models": {name: about["seconds"] for name, about in report.items()}}
        return found


class ActionStub:
    """Stands where the assistant answers custom actions: does nothing, at once, and counts how often it is asked.

    The sentences are chosen so that it should never be.
    """

    def __enter__(self) -> ActionStub:
        stub = self
        self.calls = 0

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                stub.calls += 1
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b'{"events": [], "responses": []}'
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/actions"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
