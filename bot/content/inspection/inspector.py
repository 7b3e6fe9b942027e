"""What staff should look at in content that can be used: words that hurt, texts that are long, hard, old or out of step."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from bot.content import sms
from bot.content.exchange.entries import Entry, entries_of
from bot.content.inspection import in_step, readability, wording
from bot.content.inspection.finding import Finding
from bot.content.lines import lines_of
from bot.content.load import SOURCE_LANGUAGE
from bot.content.texts import Edition

_READ_AGAIN = timedelta(days=365)
"""A source read longer ago than this may say something else by now."""


def inspect(folder: Path, edition: Edition, today: date) -> list[Finding]:
    """Everything there is to say of the content under `folder`, of which `edition` was read; language by language.

    Raises WordingFault for a list of words that cannot be read.
    """
    source = entries_of(folder, SOURCE_LANGUAGE)
    found = [*_expired(folder, edition, today), *_sources_read_long_ago(folder, edition, today)]
    for language in edition.words:
        own = entries_of(folder, language)
        found += _wording(folder, language, own)
        found += _reading(folder, language, own)
        found += _long_for_sms(folder, own)
        if language != SOURCE_LANGUAGE:
            found += _out_of_step(folder, language, source, own)
    return found


def _expired(folder: Path, edition: Edition, today: date) -> Iterator[Finding]:
    lines = lines_of(folder / "topics.yml")
    for topic in edition.topics.values():
        if topic.review_by and topic.review_by < today:
            shown = "it is urgent, so it is still shown" if topic.urgent else "it is not shown to anybody any more"
            yield Finding(
                f"{folder.name}/topics.yml",
                lines.get(("topics", topic.name, "review_by")),
                f"{topic.name}: was to be read again by {topic.review_by}; {shown}",
            )


def _sources_read_long_ago(folder: Path, edition: Edition, today: date) -> Iterator[Finding]:
    for code, country in sorted(edition.countries.items()):
        old = {
            name: fact.source["read"]
            for name, fact in country.facts.items()
            if fact.source and isinstance(fact.source.get("read"), date) and fact.source["read"] < today - _READ_AGAIN
        }
        lines = lines_of(folder / "countries" / f"{code}.yml") if old else {}
        for name, day in old.items():
            file, line = f"{folder.name}/countries/{code}.yml", lines.get(("facts", name))
            yield Finding(file, line, f"{name}: its source was last read on {day}; read it again")


def _wording(folder: Path, language: str, own: dict[str, Entry]) -> Iterator[Finding]:
    words = wording.load(folder, language)
    for entry in own.values():
        for word in wording.avoided(entry.text, words):
            what = f"says '{word.said.rstrip('*')}'; better '{word.instead}' ({wording.FILE})"
            yield _finding(folder, entry, what, is_fault=True)


def _reading(folder: Path, language: str, own: dict[str, Entry]) -> Iterator[Finding]:
    for entry in own.values():
        ease = readability.ease(entry.text, language) if entry.path[-1] == "text" else None
        if ease is not None and ease < readability.SCALES[language].plain:
            yield _finding(
                folder,
                entry,
                f"is hard to read: {ease:.0f}, at least {readability.SCALES[language].plain:.0f} is plain;"
                " shorter sentences and shorter words help",
            )


def _long_for_sms(folder: Path, own: dict[str, Entry]) -> Iterator[Finding]:
    for entry in own.values():
        if entry.path[-1] == "sms" and (count := sms.segments(sms.economical(entry.text))) > sms.SEGMENTS:
            yield _finding(
                folder, entry, f"costs {count} text messages; people get {sms.SEGMENTS} and must ask for more"
            )


def _out_of_step(folder: Path, language: str, source: dict[str, Entry], own: dict[str, Entry]) -> Iterator[Finding]:
    for key in in_step.out_of_step(folder, language, source, own):
        yield _finding(
            folder,
            own[key],
            f"the English text has changed since this was translated; when it fits again: farol content in-step"
            f" --language {language} {key}",
        )


def _finding(folder: Path, entry: Entry, what: str, is_fault: bool = False) -> Finding:
    file = f"{folder.name}/{entry.file.relative_to(folder).as_posix()}"
    return Finding(file, entry.line, f"{'/'.join(entry.key.split('/')[1:])}: {what}", is_fault)
