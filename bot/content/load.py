"""Reads content/ and refuses it whole, with every fault named by file and entry, or hands over all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from bot.content.country_file import LINES, is_address, read_country
from bot.content.lines import lines_of
from bot.content.message_format import FormatFault, gaps
from bot.content.team import Team, read_team
from bot.content.texts import Country, Edition, Topic, TopicText, Words

SOURCE_LANGUAGE = "en"
"""The language the others are compared with."""

TITLE_LIMIT = 20
"""Characters of a button's title: WhatsApp's limit, the tightest."""

SERVICES = (
    "hiv_test self_test prep pep hiv_treatment condoms sti contraception abortion pregnancy child mental_health "
    "violence shelter legal interpreter drugs dentist general emergency lgbt tb_hepatitis social"
).split()

_SECTIONS = ("words", "buttons", "groups", "services", "page")


class ContentError(Exception):
    """Content that cannot be used. `faults` are sentences for the people who edit it, each with its file."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(f"{len(faults)} fault(s) in the content:\n" + "\n".join(f"  {fault}" for fault in faults))
        self.faults = faults


class Reader:
    """Collects faults while reading, so that staff see all of them at once, each with its file and line."""

    def __init__(self, folder: Path, languages: list[str]) -> None:
        self._folder = folder
        self._languages = languages
        self._file = ""
        """The one read last."""
        self._lines: dict[str, dict[tuple[str, ...], int]] = {}
        self.faults: list[str] = []

    def read(self) -> Edition:
        """Everything. Raises ContentError."""
        try:
            return self._read()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # A shape that is not foreseen, such as a topic without anything under it: a fault like any other.
            self._fault(self._file, f"cannot be read as content: {type(error).__name__}: {error}")
            raise ContentError(self.faults) from error

    def _read(self) -> Edition:
        schema = self._yaml("facts.yml").get("facts") or {}
        topics, groups = self._topics(schema)
        words = {code: self._words(code, topics, schema) for code in self._languages}
        self._compare(words)
        countries = {
            path.stem: self._country(f"countries/{path.name}", schema)
            for path in sorted((self._folder / "countries").glob("*.yml"))
        }
        team = self._team()
        if self.faults:
            raise ContentError(self.faults)
        return Edition(topics, tuple(groups), words, countries, team)

    def _team(self) -> Team:
        file = "team.yml"
        if not (self._folder / file).is_file():
            return Team()
        return read_team(self._yaml(file), self._languages, lambda what, *at: self._fault(file, what, *at))

    def _fault(self, file: str, what: str, *at: object) -> None:
        """`at` are the names that lead to the entry; one that is missing is looked for where it should be."""
        if file not in self._lines:
            self._lines[file] = lines_of(self._folder / file)
        line = self._lines[file].get(next((path for path in _upwards(at) if path in self._lines[file]), ()))
        self.faults.append(f"{self._folder.name}/{file}:{f'{line}:' if line else ''} {what}")

    def _yaml(self, file: str) -> dict[str, Any]:
        path, self._file = self._folder / file, file
        try:
            data = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        except FileNotFoundError:
            self._fault(file, "this file is missing")
        except UnicodeDecodeError:
            self._fault(file, "this file is not saved as UTF-8; save it again with that encoding")
        except yaml.MarkedYAMLError as error:
            what = f"cannot be read: {error.problem} (a missing quote or a wrong indent?)"
            line = f"{error.problem_mark.line + 1}:" if error.problem_mark else ""
            self.faults.append(f"{self._folder.name}/{file}:{line} {what}")
        else:
            if isinstance(data, dict):
                return data
            self._fault(file, "expected entries of the form `name: text`")
        return {}

    def _topics(self, schema: dict) -> tuple[dict[str, Topic], list[str]]:
        data = self._yaml("topics.yml")
        groups = data.get("groups") or []
        topics = {}
        for name, about in (data.get("topics") or {}).items():
            topics[name] = Topic(
                name,
                about.get("menu"),
                tuple(about.get("facts") or ()),
                tuple(about.get("lines") or ()),
                tuple(about.get("next") or ()),
                bool(about.get("urgent")),
                tuple(about.get("sources") or ()),
                about.get("review_by"),
            )
        for topic in topics.values():
            if topic.menu not in groups:
                self._fault(
                    "topics.yml",
                    f"{topic.name}: menu '{topic.menu}' is not one of the groups",
                    "topics",
                    topic.name,
                    "menu",
                )
            for fact in topic.facts:
                if fact not in schema:
                    self._fault(
                        "topics.yml", f"{topic.name}: fact '{fact}' is not in facts.yml", "topics", topic.name, "facts"
                    )
            for line in topic.lines:
                if line not in LINES:
                    self._fault(
                        "topics.yml",
                        f"{topic.name}: line '{line}' is not one of {', '.join(LINES)}",
                        "topics",
                        topic.name,
                        "lines",
                    )
            for step in topic.next:
                kind, _, service = step.partition(":")
                if not (
                    step in topics or step in ("talk_to_human", "show_menu") or kind == "find" and service in SERVICES
                ):
                    self._fault(
                        "topics.yml", f"{topic.name}: next '{step}' leads nowhere", "topics", topic.name, "next"
                    )
            if not topic.sources:
                self._fault("topics.yml", f"{topic.name}: where does it stand? Needs sources", "topics", topic.name)
            for source in topic.sources:
                if not (isinstance(source, dict) and source.get("title") and is_address(source.get("url"))):
                    what = f"{topic.name}: each source needs a title and a url that begins with https://"
                    self._fault("topics.yml", what, "topics", topic.name, "sources")
            if topic.review_by is not None and not isinstance(topic.review_by, date):
                self._fault(
                    "topics.yml",
                    f"{topic.name}: review_by must be a day, like 2027-11-22",
                    "topics",
                    topic.name,
                    "review_by",
                )
        return topics, groups

    def _words(self, code: str, topics: dict[str, Topic], schema: dict) -> Words:
        file = f"interface/{code}.yml"
        interface = self._yaml(file)
        sections = {name: self._texts(file, name, interface.get(name)) for name in _SECTIONS}
        for name in ("buttons", "groups", "services"):
            for key, text in sections[name].items():
                self._short(file, f"{name}: {key}", text, name, key)
        for service in SERVICES:
            if service not in sections["services"]:
                self._fault(file, f"services: '{service}' is missing", "services")
        texts: dict[str, TopicText] = {}
        for group in sorted({topic.menu for topic in topics.values() if topic.menu}):
            texts |= self._topic_texts(code, group)
        for name, topic in topics.items():
            if name not in texts:
                self._fault(f"answers/{code}/{topic.menu}.yml", f"{name}: this topic is missing", "topics")
        phrases = self._phrases(code, schema)
        return Words(code, **sections, topics=texts, facts=phrases)

    def _topic_texts(self, code: str, group: str) -> dict[str, TopicText]:
        file = f"answers/{code}/{group}.yml"
        data = self._yaml(file)
        found = {}
        for name, about in (data.get("topics") or {}).items():
            missing = [
                part
                for part in ("title", "text", "sms")
                if not isinstance(about.get(part), str) or not about[part].strip()
            ]
            if missing:
                self._fault(file, f"{name}: {' and '.join(missing)} missing or empty", "topics", name, missing[0])
                continue
            self._short(file, f"{name}: title", about["title"], "topics", name, "title")
            draft = about.get("state", data.get("state")) != "reviewed"
            found[name] = TopicText(about["title"].strip(), about["text"].strip(), about["sms"].strip(), draft)
        return found

    def _phrases(self, code: str, schema: dict) -> dict[str, dict[str, str]]:
        file = f"answers/{code}/facts.yml"
        facts = self._yaml(file).get("facts") or {}
        for fact, about in schema.items():
            for value, meaning in about["values"].items():
                phrase = (facts.get(fact) or {}).get(value)
                if not isinstance(phrase, str) or not phrase.strip():
                    self._fault(file, f"{fact}: no phrase for '{value}'", "facts", fact, value)
                    continue
                named = self._gaps(file, f"{fact}: {value}", phrase, code, "facts", fact, value) or set()
                strange = named - {*(meaning.get("details") or ()), "country"}
                if strange:
                    what = f"{fact}: {value}: {{{sorted(strange)[0]}}} cannot be filled in here"
                    self._fault(file, what, "facts", fact, value)
        return facts

    def _texts(self, file: str, section: str, data: Any) -> dict[str, str]:
        if not isinstance(data, dict):
            self._fault(file, f"the section '{section}' is missing")
            return {}
        for key, text in data.items():
            if not isinstance(key, str) or not isinstance(text, str):
                self._fault(file, f"{section}: '{key}' must be a text; put yes, no and numbers in quotes", section, key)
            elif not text.strip():
                self._fault(file, f"{section}: '{key}' is empty", section, key)
        return {str(key): str(text).strip() for key, text in data.items()}

    def _gaps(self, file: str, what: str, text: str, language: str, *at: str) -> set[str] | None:
        """The names of what is filled in; None, and a fault, for a sentence that cannot be."""
        try:
            return set(gaps(text, language))
        except FormatFault as fault:
            self._fault(file, f"{what}: {fault}", *at)
            return None

    def _gaps_quietly(self, text: str) -> set[str] | None:
        """Those of the source language, whose own faults are named once and not in every other language again."""
        try:
            return set(gaps(text, SOURCE_LANGUAGE))
        except FormatFault:
            return None

    def _short(self, file: str, what: str, text: str, *at: str) -> None:
        if len(re.sub(r"\{\w+\}", "00", text)) > TITLE_LIMIT:
            says = f"{what}: '{text}' has {len(text)} characters, at most {TITLE_LIMIT} fit on a button"
            self._fault(file, says, *at)

    def _country(self, file: str, schema: dict) -> Country:
        data = self._yaml(file)
        return read_country(Path(file).stem, data, schema, lambda what, *at: self._fault(file, what, *at))

    def _compare(self, words: dict[str, Words]) -> None:
        """Every language says what the source language says, with the same {placeholders}."""
        source = words.get(SOURCE_LANGUAGE)
        if source is None:
            return
        wanted = {
            (section, key): self._gaps_quietly(text)
            for section in _SECTIONS
            for key, text in getattr(source, section).items()
        }
        for code, other in words.items():
            for section in _SECTIONS:
                ours, theirs = getattr(source, section), getattr(other, section)
                file = f"interface/{code}.yml"
                for key in sorted(ours.keys() - theirs.keys()):
                    self._fault(file, f"{section}: '{key}' is missing", section)
                for key in sorted(theirs.keys() - ours.keys()):
                    self._fault(file, f"{section}: '{key}' is not used; a typing mistake?", section, key)
                for key in sorted(ours.keys() & theirs.keys()):
                    named = self._gaps(file, f"{section}: {key}", theirs[key], code, section, key)
                    if named is not None and wanted[section, key] not in (None, named):
                        what = f"{section}: {key}: the {{…}} must be the same as in interface/{SOURCE_LANGUAGE}.yml"
                        self._fault(file, what, section, key)


def _upwards(at: tuple[object, ...]) -> Iterator[tuple[str, ...]]:
    """The names that lead to an entry, then those to what it is in, up to the whole file."""
    names = tuple(map(str, at))
    return (names[:size] for size in range(len(names), -1, -1))
