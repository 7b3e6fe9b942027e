"""Looks for dangerous code: bandit's rules and our own for semgrep. Run by `make lint-security`.

Every finding is mended, or stands in security-findings.toml with the reason why it is right as it is. One that is not
listed fails, and so does a listed one that is gone: the list says what is true.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

from bootstrap import uv

ROOT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).with_name("security-findings.toml")
LOOKED_AT = ("bot", "actions", "nlu", "tools")
BANDIT, SEMGREP = "bandit==1.8.6", "semgrep==1.182.0"

Finding = tuple[str, str]
"""File and rule."""


def main() -> int:
    """0 when everything found is listed and everything listed is found; 1 with the differences; 2 when a tool fails."""
    try:
        found, where = Counter[Finding](), {}
        for finding, place in [*bandit(), *semgrep()]:
            found[finding] += 1
            where.setdefault(finding, []).append(place)
    except (subprocess.CalledProcessError, ValueError) as error:
        print(f"lint-security: {error}; the tools come from PyPI: is the network there?", file=sys.stderr)
        return 2
    listed = Counter({(one["file"], one["rule"]): one["count"] for one in justified()})
    for finding, count in sorted((found - listed).items()):
        print(f"new: {finding[0]}: {finding[1]}, {count} more than listed: {'; '.join(where[finding])}")
    for finding, count in sorted((listed - found).items()):
        print(f"gone: {finding[0]}: {finding[1]}, {count} fewer than listed in {LIST.name}")
    wrong = (found - listed) + (listed - found)
    if not wrong:
        print(f"lint-security: nothing new; {sum(listed.values())} findings are listed with their reasons")
    return 1 if wrong else 0


def justified() -> list[dict]:
    """The list: file, rule, count, why."""
    return tomllib.loads(LIST.read_text(encoding="utf-8"))["finding"]


def bandit() -> list[tuple[Finding, str]]:
    """What bandit finds, at every severity."""
    said = run(BANDIT, ["bandit", "-q", "-r", *LOOKED_AT, "-f", "json"], fine=(0, 1))
    if said["errors"]:
        raise ValueError(f"bandit could not read {said['errors'][0]['filename']}")
    return [
        ((one["filename"].removeprefix("./"), one["test_id"]), f"line {one['line_number']}: {one['issue_text']}")
        for one in said["results"]
    ]


def semgrep() -> list[tuple[Finding, str]]:
    """What our rules find."""
    rules = str(Path(__file__).with_name("semgrep.yml"))
    options = ["--metrics=off", "--disable-version-check", "--quiet", "--json", "--no-git-ignore", "--config", rules]
    said = run(SEMGREP, ["semgrep", "scan", *options, *LOOKED_AT], fine=(0,))
    if said["errors"]:
        raise ValueError(f"semgrep: {said['errors'][0].get('message', said['errors'][0])}")
    return [
        ((one["path"], one["check_id"].rpartition(".")[2]), f"line {one['start']['line']}: {one['extra']['message']}")
        for one in said["results"]
    ]


def run(package: str, command: list[str], fine: tuple[int, ...]) -> dict:
    """The JSON a tool of PyPI's writes. Raises CalledProcessError, ValueError."""
    whole = [uv(), "tool", "run", "--from", package, *command]
    done = subprocess.run(whole, cwd=ROOT, capture_output=True, text=True)
    if done.returncode not in fine:
        raise ValueError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
