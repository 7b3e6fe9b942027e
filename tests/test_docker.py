"""What docker/ promises, read from its files: an engine with no secret, no way out and nothing to build with."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import get_args
from urllib.parse import urlsplit

import pytest
import yaml
from pydantic import SecretStr

from bot.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
SECRETS = {
    field.validation_alias or f"FAROL_{name.upper()}"
    for name, field in Settings.model_fields.items()
    if SecretStr in (get_args(field.annotation) if isinstance(field.annotation, UnionType) else (field.annotation,))
}
TOOLS = re.compile(r"\b(uv|gcc|g\+\+|make|cc|build-essential|git|curl|wget|apt|apt-get|dpkg)\b|\bpip install\b")


@dataclass(frozen=True)
class Stage:
    """One stage of a Dockerfile: its base with arguments filled in, its name, its instructions in order."""

    base: str
    name: str
    instructions: list[tuple[str, str]]

    def all(self, kind: str) -> list[str]:
        return [value for word, value in self.instructions if word == kind]


def stages(service: str) -> list[Stage]:
    """The stages of docker/<service>.Dockerfile, comments and line breaks gone."""
    text = (ROOT / "docker" / f"{service}.Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    arguments: dict[str, str] = {}
    found: list[Stage] = []
    for line in re.sub(r"\\\n\s*", " ", lines).splitlines():
        word, _, value = line.strip().partition(" ")
        if word == "ARG" and not found:
            name, _, arguments_value = value.partition("=")
            arguments[name] = arguments_value
        elif word == "FROM":
            base, _, name = re.sub(r"\$\{(\w+)\}", lambda use: arguments[use[1]], value).partition(" AS ")
            found.append(Stage(base, name, []))
        elif word:
            found[-1].instructions.append((word, value))
    return found


both = pytest.mark.parametrize("service", ["assistant", "engine"])


def test_there_are_secrets_to_look_for():
    assert {"TWILIO_AUTH_TOKEN", "TELEGRAM_BOT_TOKEN", "FAROL_MASTER_KEY", "FAROL_DATABASE_URL"} <= SECRETS


# --- compose.yml ---------------------------------------------------------------------------------------------


def test_the_engine_is_given_nothing_but_its_addresses():
    engine = SERVICES["engine"]
    assert not {"env_file", "secrets", "configs", "volumes", "ports", "extra_hosts"} & set(engine)
    assert set(engine["environment"]) == {"FAROL_ENGINE_HOST", "FAROL_ENGINE_PORT", "FAROL_ACTIONS_URL"}


def test_the_engine_has_no_way_out():
    assert SERVICES["engine"]["networks"] == ["private"]
    assert COMPOSE["networks"]["private"]["internal"] is True


def test_the_assistant_reaches_the_engine_and_the_world():
    assert set(SERVICES["assistant"]["networks"]) == {"private", "outside"}
    assert not (COMPOSE["networks"]["outside"] or {}).get("internal")


def test_both_find_each_other():
    assistant, engine = SERVICES["assistant"]["environment"], SERVICES["engine"]["environment"]
    to_engine, to_actions = urlsplit(assistant["FAROL_ENGINE_URL"]), urlsplit(engine["FAROL_ACTIONS_URL"])
    assert (to_engine.hostname, str(to_engine.port)) == ("engine", engine["FAROL_ENGINE_PORT"])
    assert (to_actions.hostname, str(to_actions.port)) == ("assistant", assistant["FAROL_ACTIONS_PORT"])
    assert to_actions.path == "/actions"
    assert assistant["FAROL_ACTIONS_HOST"] == engine["FAROL_ENGINE_HOST"] == "0.0.0.0"


def test_every_variable_is_one_that_is_read():
    known = {field.validation_alias or f"FAROL_{name.upper()}" for name, field in Settings.model_fields.items()}
    assert set(SERVICES["assistant"]["environment"]) <= known
    door = (ROOT / "nlu" / "service.py").read_text(encoding="utf-8")
    assert all(f'"{name}"' in door for name in SERVICES["engine"]["environment"])


def test_only_loopback_is_published():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8080:8080"]


def test_no_secret_stands_in_the_file():
    written = (ROOT / "docker" / "compose.yml").read_text(encoding="utf-8")
    assert not [name for name in SECRETS if name in written]


def test_the_assistant_waits_for_the_engine():
    assert SERVICES["assistant"]["depends_on"] == {"engine": {"condition": "service_healthy"}}


@both
def test_a_service_can_do_no_more_than_it_must(service):
    about = SERVICES[service]
    assert about["read_only"] is True
    assert about["cap_drop"] == ["ALL"] and "cap_add" not in about
    assert about["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "user", "pid", "ipc", "network_mode", "devices"} & set(about)


@both
def test_a_service_is_bounded_and_comes_back(service):
    about = SERVICES[service]
    assert about["mem_limit"] == about["memswap_limit"]
    assert about["pids_limit"] and about["healthcheck"]["interval"]
    assert about["restart"] == "unless-stopped"


@both
def test_only_temporary_files_are_written_outside_the_volume(service):
    [tmp] = SERVICES[service]["tmpfs"]
    folder, _, options = tmp.partition(":")
    assert folder == "/tmp"
    assert {"noexec", "nosuid", "nodev"} <= set(options.split(",")) and "size=" in options
    writable = [volume for volume in SERVICES[service].get("volumes", []) if not volume.endswith(":ro")]
    assert writable == (["data:/var/lib/farol"] if service == "assistant" else [])


# --- The images ----------------------------------------------------------------------------------------------


@both
def test_bases_are_pinned_by_version(service):
    version = {"assistant": "3.11", "engine": "3.10"}[service]
    for stage in stages(service):
        assert re.fullmatch(rf"python:{re.escape(version)}-slim-bookworm(@sha256:[0-9a-f]{{64}})?", stage.base)


@both
def test_the_lock_file_decides_what_is_installed(service):
    build = stages(service)[0]
    syncs = [run for run in build.all("RUN") if "uv sync" in run]
    assert syncs and all(f"uv sync --frozen --no-default-groups --group {service}" in run for run in syncs)
    [wanted] = re.findall(r'^UV_VERSION = "(.+)"', (ROOT / "tools" / "bootstrap.py").read_text(encoding="utf-8"), re.M)
    assert f"pip install --no-cache-dir uv=={wanted}" in build.all("RUN")


@both
def test_nothing_is_built_or_fetched_in_the_final_stage(service):
    final = stages(service)[-1]
    assert not [run for run in final.all("RUN") if TOOLS.search(run)]
    assert any("pip uninstall" in run and run.split("&&")[0].split()[-1] == "pip" for run in final.all("RUN"))
    assert not final.all("ADD")


def test_the_engine_image_holds_packages_code_and_models_only():
    taken = [shlex.split(copy) for copy in stages("engine")[-1].all("COPY")]
    assert {source for _, *sources, _ in taken for source in sources} == {"/app/.venv/", "/app/nlu/", "/app/models/"}
    assert all(source == "--from=build" for source, *_ in taken)


@both
def test_it_runs_as_nobody_in_particular(service):
    final = stages(service)[-1]
    [user] = final.all("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    after = [word for word, _ in final.instructions[final.instructions.index(("USER", user)) + 1 :]]
    assert not {"RUN", "COPY"} & set(after)
    assert all(f"--{kind} {user.split(':')[0]}" in " ".join(final.all("RUN")) for kind in ("uid", "gid"))


@both
def test_it_stops_when_asked_and_says_how_it_is(service):
    final = stages(service)[-1]
    assert final.all("STOPSIGNAL") == ["SIGTERM"]
    [check] = final.all("HEALTHCHECK")
    command = json.loads(check.partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    compile(command[2], "HEALTHCHECK", "exec")
    [start] = map(json.loads, final.all("CMD"))
    assert start[0] in ("farol", "python")


@both
def test_no_image_carries_a_secret(service):
    for stage in stages(service):
        for _, value in stage.instructions:
            assert not [name for name in SECRETS if name in value]


# --- .dockerignore -------------------------------------------------------------------------------------------


def test_only_named_files_can_enter_an_image():
    lines = [
        line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
    ]
    assert lines[0] == "*"
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert not {".", "*", ".env", "var", "models", ".git"} & let_in
    assert "**/.env*" in lines[max(map(lines.index, (f"!{name}" for name in let_in))) :]
    for service in ("assistant", "engine"):
        for stage in stages(service):
            for copy in stage.all("COPY"):
                if not copy.startswith("--from="):
                    sources = {source.rstrip("/") for source in shlex.split(copy)[:-1]}
                    assert sources <= let_in and all((ROOT / source).exists() for source in sources)
