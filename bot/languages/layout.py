"""The files of one more language, with everything but the words."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import yaml

from bot.content.load import SOURCE_LANGUAGE
from bot.safety.screen import CRISES, WORDS
from nlu.languages import Language

_PLAIN = re.compile(r"[A-Za-z_][\w.]*")
_NEW = "# {name} ({code}). Nobody has written this yet: fill in what stands between the quotation marks.\n"


class AlreadyThere(ValueError):
    """The language, or one of its files, exists; nothing was written."""


def lay_out(root: Path, content: Path, language: Language, like: str = SOURCE_LANGUAGE) -> list[Path]:
    """Write the files of a language and announce it in nlu/languages.yml; returns the paths.

    `like` is the language whose texts stand beside the gaps as comments. Raises AlreadyThere before writing anything.
    """
    code = language.code
    head = _NEW.format(name=language.name, code=code)
    files = {content / "interface" / f"{code}.yml": head + _gaps(content / "interface" / f"{like}.yml")}
    for path in sorted((content / "answers" / like).glob("*.yml")):
        files[content / "answers" / code / path.name] = head + _gaps(path)
    files[content / "safety" / f"{code}.yml"] = _signs(content / "safety" / f"{like}.yml", head)
    groups = _load(root / "nlu" / "intents.yml")
    for group, intents in groups.items():
        files[root / "nlu" / "data" / code / f"{group}.yml"] = _examples(head, intents)
    files[root / "nlu" / "data" / code / "entities.yml"] = _lookups(root / "nlu" / "data" / like / "entities.yml", head)
    files[root / "tests" / "understanding" / f"{code}.yml"] = _tests(code, head, groups)
    register = root / "nlu" / "languages.yml"
    listed = _announced(register.read_text(encoding="utf-8"), language)
    taken = [path for path in files if path.exists()]
    if taken:
        raise AlreadyThere(f"{taken[0]}: is there already; nothing was written")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    scratch = register.with_suffix(".new")
    scratch.write_text(listed, encoding="utf-8")
    os.replace(scratch, register)
    return [*files, register]


def _announced(register: str, language: Language) -> str:
    """The list of languages with one more, no longer among those that another stands in for."""
    code = language.code
    if code in yaml.safe_load(register)["languages"]:
        raise AlreadyThere(f"nlu/languages.yml: '{code}' is there already; nothing was written")
    name = language.name if re.fullmatch(r"\w[\w '-]*", language.name) else json.dumps(language.name)
    line = f"  {code}: {{name: {name}, script: {language.script}, direction: {language.direction}, ready: false}}\n"
    before, mark, after = register.partition("default:")
    after = re.sub(rf"(?<![\w]){code}: \w+(?:, ?|(?=\}}))", "", after)
    return before + line + mark + after


def _gaps(path: Path) -> str:
    return "\n".join(_blank(_load(path), "")) + "\n"


def _blank(data: dict[str, Any], indent: str) -> list[str]:
    """The entries with each text emptied and standing above as a comment."""
    lines = []
    for key, value in data.items():
        name = key if _PLAIN.fullmatch(str(key)) and str(key).lower() not in _WORDS_OF_YAML else json.dumps(str(key))
        if isinstance(value, dict):
            lines += [f"{indent}{name}:", *_blank(value, indent + "  ")]
        elif key == "state":
            lines.append(f"{indent}state: draft")
        elif isinstance(value, str):
            lines += [f"{indent}# {line}" for line in value.strip().splitlines()]
            lines.append(f'{indent}{name}: ""')
    return lines


_WORDS_OF_YAML = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}


def _signs(like: Path, head: str) -> str:
    """The rules of danger without a phrase, under the explanation of how phrases compare."""
    lines = [line for line in like.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    lines += ["state: draft", "crisis:"]
    for name in CRISES:
        lines += [f"  {name}:", "    phrases: []", '    # - "what people say"', "    not: []"]
    lines += ["words:", *(f"  {name}: []" for name in WORDS)]
    return head + "\n".join(lines) + "\n"


def _examples(head: str, intents: dict[str, str]) -> str:
    lines = ['version: "3.1"', "nlu:"]
    for intent, meaning in intents.items():
        lines += [f"# {meaning}", f"- intent: {intent}", "  examples: |", "    - "]
    return head + "\n".join(lines) + "\n"


def _lookups(like: Path, head: str) -> str:
    """The values that words are listed for, without the words."""
    lines = ['version: "3.1"', "nlu:"]
    for block in _load(like)["nlu"]:
        kind = next(key for key in ("synonym", "lookup", "regex") if key in block)
        lines += [f"- {kind}: {block[kind]}", "  examples: |", "    - "]
    return head + "\n".join(lines) + "\n"


def _tests(code: str, head: str, groups: dict[str, dict]) -> str:
    lines = [f"language: {code}", "sentences:"]
    for intents in groups.values():
        for intent, meaning in intents.items():
            lines += [f"  # {meaning}", "  # - {text: what somebody might write, kind: plain}", f"  {intent}: []"]
    return head + "\n".join(lines) + "\n"


def _load(path: Path) -> dict:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
