"""farol content preview: every answer as the phones show it, beside each other, while its file is being edited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import click
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, select_autoescape

from bot.app import load_content
from bot.cli.console import err, fail, out, read_settings
from bot.cli.local import TRAITS
from bot.content.countries import country_name, region_name
from bot.content.load import ContentError
from bot.content.render import Content
from bot.content.sms import fits_gsm, segments
from bot.content.texts import sources_of
from bot.messages import ChannelTraits, Outbound
from nlu.contract import Response

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_NAMES = {"sms": "SMS", "whatsapp": "WhatsApp", "telegram": "Telegram", "web": "Web"}
_TALK = "talk"
"""The group of what Farol says besides answers."""
_SAYINGS = (
    "greeting.first menu ask.country ask.service ask.place human privacy about out_of_scope ask.again ask.erase "
    "language.changed"
).split()


@dataclass(frozen=True)
class Choice:
    """What is to be seen. `country` may be empty, when the person has not said where they are, or a part of one, GB-NIR."""

    language: str
    country: str
    group: str


@dataclass(frozen=True)
class Screen:
    """A channel's messages for one answer; `note` is what they cost, `rest` what is sent on request."""

    channel: str
    messages: tuple[Outbound, ...]
    note: str
    rest: str


@dataclass(frozen=True)
class Answer:
    """One answer on all channels, with where it comes from and when it is to be read again."""

    name: str
    draft: bool
    screens: list[Screen]
    sources: tuple[dict, ...] = ()
    review_by: date | None = None


@click.command("preview")
@click.option("--language", default="en", show_default=True, metavar="xx", help="The language to begin with.")
@click.option("--country", default="", metavar="CC", help="The country to begin with.")
@click.option("--port", default=8090, show_default=True, help="Port to listen on, on this machine only.")
@click.option("--to", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write one page there instead.")
def preview(language: str, country: str, port: int, path: Path | None) -> None:
    """Look at every answer on every channel, in any language and for any country, in the browser."""
    settings = read_settings()
    try:
        content = load_content(settings)
    except ContentError as error:
        fail(str(error))
    begin = Choice(language, country.upper(), "")
    if language not in content.edition.words:
        fail(f"--language {language}: not one of {', '.join(content.edition.words)}")
    if begin.country not in _places(content):
        fail(f"--country {country}: not one of {', '.join(sorted(filter(None, _places(content))))}")
    if path:
        path.write_text(page(content, begin, []), encoding="utf-8")
        out.print(f"{path}: all answers in {language}")
        return
    err.print(f"Farol's answers are at http://127.0.0.1:{port}   (edit, save, reload; stop with Ctrl-C)")
    web.run_app(application(content, begin), host="127.0.0.1", port=port, print=None, access_log=None)


def application(content: Content, begin: Choice) -> web.Application:
    """A page that reads the files anew each time it is looked at; of files with a fault, it shows the last good ones."""

    async def show(request: web.Request) -> web.Response:
        faults: list[str] = []
        try:
            content.adopt(content.read())
        except ContentError as error:
            faults = error.faults
        wanted = {name: request.query.get(name, getattr(begin, name)) for name in ("language", "country", "group")}
        if wanted["language"] not in content.edition.words or wanted["country"] not in _places(content):
            raise web.HTTPNotFound
        policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"
        text = page(content, Choice(**wanted), faults)
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})

    app = web.Application()
    app.add_routes([web.get("/", show)])
    return app


def page(content: Content, choice: Choice, faults: list[str]) -> str:
    """The page as HTML: the answers of a group, or of all groups where it names none."""
    templates = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=select_autoescape(), trim_blocks=True)
    texts = content.words(choice.language).topics
    answers = [
        Answer(
            f"{name}: {texts[name].title}",
            texts[name].draft,
            _screens(content, choice, Response("topic", {"topic": name})),
            tuple(sources_of(topic, content.countries.get(choice.country[:2]), choice.country)),
            topic.review_by,
        )
        for name, topic in content.topics.items()
        if choice.group in ("", topic.menu)
    ]
    if choice.group in ("", _TALK):
        answers += [Answer(key, False, _screens(content, choice, Response(key, {}))) for key in _SAYINGS]
    return templates.get_template("preview.html").render(
        choice=choice,
        answers=answers,
        faults=faults,
        direction=content.direction(choice.language),
        languages=[(code, content.languages.shipped[code].name) for code in content.edition.words],
        countries=sorted((name, code) for code, name in _places(content).items() if code),
        groups=[*content.words(choice.language).groups.items(), (_TALK, "greeting, questions back")],
    )


def _places(content: Content) -> dict[str, str]:
    """What can be chosen: no country, each country, and each part of one with answers of its own, with their names."""
    found = {"": ""}
    for code, country in content.countries.items():
        found[code] = country_name(code, "en")
        found |= {region: f"{found[code]}, {region_name(region, 'en')}" for region in country.regions}
    return found


def _screens(content: Content, choice: Choice, response: Response) -> list[Screen]:
    return [_screen(content, choice, response, _NAMES[name], traits) for name, traits in TRAITS.items()]


def _screen(content: Content, choice: Choice, response: Response, name: str, traits: ChannelTraits) -> Screen:
    shown = content.render(
        [response],
        language=choice.language,
        country=choice.country[:2] or None,
        region=choice.country,
        traits=traits,
        draft_noted=True,
    )
    note = ""
    if traits.segments:
        count = sum(segments(message.text) for message in shown.messages)
        alphabet = "GSM-7" if all(fits_gsm(message.text) for message in shown.messages) else "UCS-2"
        note = f"{count} × SMS, {alphabet}"
    return Screen(name, shown.messages, note, shown.rest)
