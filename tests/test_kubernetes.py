"""What docker/kubernetes promises: valid for Kubernetes, as sealed as the containers of Compose, no secret in a file."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.test_docker import SECRETS, Settings

FOLDER = Path(__file__).resolve().parents[1] / "docker" / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yml").read_text("utf-8"))
COMPOSE = yaml.safe_load((FOLDER.parent / "compose.scale.yml").read_text("utf-8"))["services"]
OBJECTS = [
    one for name in KUSTOMIZATION["resources"] for one in yaml.safe_load_all((FOLDER / name).read_text("utf-8"))
]


def of(kind: str, name: str) -> dict:
    return next(one for one in OBJECTS if (one["kind"], one["metadata"]["name"]) == (kind, name))


def pod(name: str) -> dict:
    return of({"assistant": "Deployment", "engine": "StatefulSet"}[name], name)["spec"]["template"]["spec"]


def environment(name: str) -> dict[str, str]:
    return {one["name"]: one["value"] for one in pod(name)["containers"][0]["env"]}


def test_every_file_is_among_the_resources():
    assert {path.name for path in FOLDER.glob("*.yml")} == {"kustomization.yml", *KUSTOMIZATION["resources"]}


@pytest.mark.parametrize("thing", OBJECTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_kubernetes_takes_it(thing):
    kubernetes_validate.validate(thing, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("name", ["assistant", "engine"])
def test_pods_are_sealed(name):
    about = pod(name)
    assert about["automountServiceAccountToken"] is False and about["enableServiceLinks"] is False
    assert about["securityContext"]["runAsNonRoot"] is True
    assert about["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = about["containers"]
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}
    }  # fmt: skip
    assert container["resources"]["limits"]["memory"]
    # Nothing that people wrote is put on a disk.
    assert all(volume["emptyDir"]["medium"] == "Memory" for volume in about["volumes"])


def test_the_engine_has_no_secret_and_no_way_out():
    (container,) = pod("engine")["containers"]
    assert "envFrom" not in container and not SECRETS & set(environment("engine"))
    policy = of("NetworkPolicy", "engine")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    # Pods of the cluster only: no block of addresses, and no rule without a peer.
    assert all(peer and "ipBlock" not in peer for rule in policy["egress"] for peer in rule["to"])


def test_settings_are_those_of_compose_but_for_names():
    engines = of("StatefulSet", "engine")["spec"]["replicas"]
    here, there = environment("assistant"), dict(COMPOSE["assistant-1"]["environment"])
    assert here["FAROL_ENGINE_URL"].split(",") == [f"http://engine-{n}.engine:5005" for n in range(engines)]
    # The image holds the content, at its own place.
    differ = {"FAROL_ENGINE_URL", "FAROL_CONTENT_DIR", "FAROL_PORT"}
    assert {k: v for k, v in here.items() if k not in differ} == {k: v for k, v in there.items() if k not in differ}
    assert environment("engine") == COMPOSE["engine-1"]["environment"]
    Settings(_env_file=None, **{key.removeprefix("FAROL_").lower(): value for key, value in here.items()})


def test_there_is_time_to_leave():
    drain = float(environment("assistant")["FAROL_DRAIN_SECONDS"])
    assert pod("assistant")["terminationGracePeriodSeconds"] >= drain + 8 + 5


def test_no_secret_stands_in_a_file():
    written = "\n".join(path.read_text("utf-8") for path in FOLDER.glob("*.yml"))
    lines = [line for line in written.splitlines() if not line.lstrip().startswith("#")]
    assert not [name for name in SECRETS for line in lines if name in line]
