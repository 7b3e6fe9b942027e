"""The shape of the project, kept true: imports point one way, rooms are named, every setting is explained."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bot.settings import Settings

ROOT = Path(__file__).resolve().parent.parent

MAY_IMPORT = {
    "bot.messages": set(),
    "bot.settings": set(),
    "bot.metrics": set(),
    "bot.tracing": set(),
    "bot.keyring": {"bot.settings"},
    "bot.vault": {"bot.settings", "bot.keyring"},
    "bot.db": set(),
    "bot.channels": {"bot.messages"},
    "bot.content": {"bot.messages", "nlu.contract", "nlu.languages"},
    "bot.directory": {"bot.messages", "bot.db", "bot.settings"},
    "bot.safety": set(),
    "bot.languages": {"bot.content.load", "bot.safety", "nlu.languages"},
    "bot.conversation": {
        "bot.messages", "bot.db", "bot.vault", "bot.channels.base", "bot.content", "bot.safety",
        "nlu.contract",
    },
    "actions": {"bot.db", "bot.content", "bot.directory"},
    "bot.edge": set(),
    "bot.admission": {"bot.messages", "bot.conversation", "bot.safety", "bot.edge"},
    "bot.gateway": {
        "bot.messages", "bot.channels.base", "bot.conversation", "bot.admission", "bot.edge", "bot.db",
    },
    "bot.health": {"bot.db"},
    "bot.backup": {"bot.migrations", "bot.conversation.models", "bot.db"},
    "bot.referrals": {"bot.content", "bot.conversation", "bot.edge"},
    "bot.reports": {"bot.db", "bot.conversation.models", "bot.conversation.tallies"},
    "bot.learning": {"bot.db", "bot.vault", "bot.conversation", "bot.reports"},
    "bot.console": {
        "bot.messages", "bot.db", "bot.vault", "bot.settings", "bot.content", "bot.conversation", "bot.directory",
        "bot.edge", "bot.learning", "bot.reports", "nlu.contract", "nlu.languages",
    },
    "bot.migrations": {
        "bot.db", "bot.console.models", "bot.conversation.card", "bot.conversation.lessons",
        "bot.conversation.models", "bot.conversation.referral", "bot.conversation.understanding",
        "bot.directory.models",
    },
    "nlu": set(),
}  # fmt: skip
"""Room -> the rooms it may import besides itself. app and cli wire everything and may import all."""

FREE = ("bot.app", "bot.cli", "bot.__main__")


def modules() -> list[tuple[str, Path]]:
    found = []
    for top in ("bot", "nlu", "actions"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return found


def imports_of(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in ("bot", "nlu", "actions")}


def room_of(module: str) -> str:
    return max((room for room in MAY_IMPORT if _inside(module, room)), key=len)


def _inside(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


@pytest.mark.parametrize(("module", "path"), [m for m in modules() if not m[0].startswith(FREE) and m[0] != "bot"])
def test_imports_point_one_way(module, path):
    room = room_of(module)
    allowed = MAY_IMPORT[room] | {room}
    wrong = {name for name in imports_of(path) if not any(_inside(name, a) for a in allowed)}
    assert not wrong, f"{module} ({room}) may not import {sorted(wrong)}"


def test_the_contract_needs_the_standard_library_only():
    tree = ast.parse((ROOT / "nlu" / "contract.py").read_text("utf-8"))
    names = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)} | {
        a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names
    }
    assert names <= {"__future__", "dataclasses", "typing"}


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_explained(name):
    assert Settings.model_fields[name].description


@pytest.mark.parametrize(("module", "path"), modules())
def test_no_room_without_a_name(module, path):
    assert path.stem not in {"util", "utils", "helper", "helpers", "common", "misc", "manager"}


def test_words_for_people_live_in_content():
    """No response text in the domain: only keys."""
    import yaml

    domain = yaml.safe_load((ROOT / "stories" / "domain.yml").read_text("utf-8"))
    for name, variants in domain["responses"].items():
        assert all(set(variant) == {"custom"} for variant in variants), name


def test_domain_and_intents_agree():
    import yaml

    domain = yaml.safe_load((ROOT / "stories" / "domain.yml").read_text("utf-8"))
    groups = yaml.safe_load((ROOT / "nlu" / "intents.yml").read_text("utf-8"))
    named = [intent for group in groups.values() for intent in group]
    assert len(named) == 58
    assert set(domain["intents"]) == {*named, "nlu_fallback", "choose"}


def test_country_questions_follow_the_topics():
    """A topic asks for the country exactly when it has facts and is not urgent."""
    import yaml

    topics = yaml.safe_load((ROOT / "content" / "topics.yml").read_text("utf-8"))["topics"]
    rules = yaml.safe_load((ROOT / "stories" / "rules.yml").read_text("utf-8"))["rules"]
    by_name = {rule["rule"]: {step["intent"] for step in rule["steps"][0].get("or", [])} for rule in rules}
    asking = {name for name, about in topics.items() if about.get("facts") and not about.get("urgent")}
    assert by_name["ask for the country once, when the answer depends on it"] == asking
    assert by_name["answer for the country that is known"] == asking
    assert by_name["answer at once"] == set(topics) - asking
