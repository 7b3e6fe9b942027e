"""What docker/compose.scale.yml promises: sealed engines, a database nobody else reaches, a proxy that knows who is ready."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.test_docker import SECRETS, Settings

FOLDER = Path(__file__).resolve().parents[1] / "docker"
COMPOSE = yaml.safe_load((FOLDER / "compose.scale.yml").read_text("utf-8"))
SINGLE = yaml.safe_load((FOLDER / "compose.yml").read_text("utf-8"))
SERVICES = COMPOSE["services"]
CADDY = (FOLDER / "Caddyfile").read_text("utf-8")
ASSISTANTS = [name for name in SERVICES if name.startswith("assistant")]
ENGINES = [name for name in SERVICES if name.startswith("engine")]


def test_two_assistants_three_engines_a_database_and_a_proxy():
    assert (len(ASSISTANTS), len(ENGINES)) == (2, 3)
    assert set(SERVICES) == {*ASSISTANTS, *ENGINES, "postgres", "proxy"}


@pytest.mark.parametrize("name", ENGINES)
def test_engines_are_as_sealed_as_on_one_server(name):
    about, single = SERVICES[name], SINGLE["services"]["engine"]
    assert {key: about[key] for key in single} == single
    assert about["networks"] == ["private"] and COMPOSE["networks"]["private"]["internal"] is True


@pytest.mark.parametrize("name", ASSISTANTS)
def test_assistants_find_every_engine_and_are_found_by_them(name):
    environment = SERVICES[name]["environment"]
    assert environment["FAROL_ENGINE_URL"].split(",") == [f"http://{engine}:5005" for engine in ENGINES]
    assert "assistant" in SERVICES[name]["networks"]["private"]["aliases"]
    assert SERVICES["engine-1"]["environment"]["FAROL_ACTIONS_URL"] == "http://assistant:5055/actions"
    known = {field.validation_alias or f"FAROL_{setting.upper()}" for setting, field in Settings.model_fields.items()}
    assert set(environment) <= known
    Settings(_env_file=None, **{key.removeprefix("FAROL_").lower(): value for key, value in environment.items()})


def test_the_database_is_reached_by_assistants_only():
    assert SERVICES["postgres"]["networks"] == ["data"] and COMPOSE["networks"]["data"]["internal"] is True
    assert {name for name, about in SERVICES.items() if "data" in about["networks"]} == {"postgres", *ASSISTANTS}


def test_only_the_proxy_is_published():
    assert [name for name, about in SERVICES.items() if "ports" in about] == ["proxy"]


def test_the_proxy_asks_who_is_ready_and_leads_to_all():
    assert all(f"{name}:8080" in CADDY for name in ASSISTANTS)
    assert "health_uri /health/ready" in CADDY and "lb_try_duration" in CADDY and "output discard" in CADDY


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_sealed_bounded_and_comes_back(name):
    about = SERVICES[name]
    assert about["read_only"] is True and about["cap_drop"] == ["ALL"]
    assert about["security_opt"] == ["no-new-privileges:true"] and about["ulimits"] == {"core": 0}
    assert about["mem_limit"] == about["memswap_limit"] and about["pids_limit"] and about["restart"] == "unless-stopped"
    assert about["healthcheck"]["interval"]
    assert set(about.get("cap_add", [])) <= {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID", "NET_BIND_SERVICE"}
    assert not {"privileged", "pid", "ipc", "network_mode", "devices"} & set(about)
    for tmp in about["tmpfs"]:
        assert {"noexec", "nosuid", "nodev"} <= set(tmp.split(":")[1].split(","))


def test_no_secret_stands_in_the_file():
    written = (FOLDER / "compose.scale.yml").read_text("utf-8")
    lines = [line for line in written.splitlines() if not line.lstrip().startswith("#")]
    assert not [name for name in SECRETS for line in lines if name in line]
    assert "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?" in written


def test_there_is_time_to_leave():
    for name in ASSISTANTS:
        drain = float(SERVICES[name]["environment"]["FAROL_DRAIN_SECONDS"])
        # Workers may take 8 s more, the sender 5 (bot.conversation).
        assert float(SERVICES[name]["stop_grace_period"].rstrip("s")) >= drain + 8 + 5
