"""Every route of the whole application has a decision about who may come in, and keeps to it."""

from __future__ import annotations

import re

import aiohttp
import pytest

from bot.app import application
from bot.channels.web import WebChat
from bot.console.console import Console
from bot.console.roles import ROLES, May
from bot.console.site import Open
from bot.content.page import page_words
from bot.content.render import Content
from bot.directory.api.server import DirectoryApi
from bot.gateway import Gateway
from bot.health import Health
from bot.referrals.page import ConfirmPage
from bot.settings import ROOT, Settings
from nlu.languages import load_languages

pytestmark = pytest.mark.asyncio(loop_scope="session")

OUTSIDE = {
    ("POST", "/webhooks/{name}"): "the provider's signature or secret, over the exact request",
    ("GET", "/health"): "says nothing about anybody",
    ("GET", "/health/live"): "says nothing about anybody",
    ("GET", "/health/ready"): "says nothing about anybody",
    ("GET", "/"): "the chat page; holds nothing about anybody",
    ("GET", "/chat/static/{name}"): "its files",
    ("GET", "/chat/words"): "its labels; the chat's session begins here",
    ("GET", "/chat/stream"): "the chat's session",
    ("POST", "/chat/messages"): "the chat's session",
    ("POST", "/chat/leave"): "the chat's session",
    ("GET", "/r"): "an empty form; holds nothing about anybody",
    ("GET", "/r/confirm.css"): "how it looks",
    ("POST", "/r"): "a referral code that nobody can guess, few tries of which are looked up",
}
"""Doors beside the console, and what opens them."""


def make_console() -> Console:
    settings = Settings(_env_file=None)
    return Console(settings, None, None, Content(ROOT / "content", load_languages()), None, {}, lambda: None)


CONSOLE = make_console()
DOORS = CONSOLE.doors()


def all_routes() -> set[tuple[str, str]]:
    content = Content(ROOT / "content", load_languages())
    chat = WebChat(accept=None, history=None, words=lambda tag: page_words(content, tag))
    health, partners = Health(None, lambda: 1), DirectoryApi(None, "http://127.0.0.1")
    confirm = ConfirmPage(None, content, None)
    app = application(Gateway(None, {}, "http://127.0.0.1"), health, chat, CONSOLE, confirm, partners)
    return {(route.method, route.resource.canonical) for route in app.router.routes() if route.method != "HEAD"}


async def test_every_route_has_a_decision():
    decided = {(door.method, f"/console{door.path}") for door in DOORS} | set(OUTSIDE)
    # What partners read is public, read only, and off unless it is turned on (tests/directory/test_api.py).
    public = {(method, path) for method, path in all_routes() if path.startswith("/hsds") and method != "POST"}
    assert all_routes() == decided | public
    assert all(isinstance(door.needs, May | Open) for door in DOORS)


async def test_no_route_is_added_past_the_guard():
    for route in CONSOLE.routes():
        assert hasattr(route.handler, "door"), route.path


async def test_every_action_changes_nothing_by_get():
    """What is asked for by GET can be opened by a picture on any page."""
    for door in DOORS:
        assert door.method in ("GET", "POST"), door.path


GUARDED = [door for door in DOORS if isinstance(door.needs, May) or door.needs is Open.ANY_OPERATOR]


def address(door) -> str:
    return "/console" + re.sub(r"\{(\w+)\}", "0" * 32, door.path)


@pytest.mark.parametrize("door", GUARDED, ids=lambda door: f"{door.method} {door.path}")
async def test_without_a_session_nothing_opens(farol, door):
    headers = {"Sec-Fetch-Site": "same-origin"}
    async with aiohttp.ClientSession(farol.address, headers=headers) as stranger:
        async with stranger.request(door.method, address(door), allow_redirects=False) as response:
            asked_in = response.status == 303 and response.headers["Location"] == "/console/sign-in"
            assert asked_in or response.status == 401


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_opens_what_it_may_and_nothing_else(farol, role):
    async with await farol.signed_in(role) as client:
        for door in GUARDED:
            if door.path in ("/sign-out", "/stream"):
                continue
            async with client.request(door.method, address(door), allow_redirects=False) as response:
                if isinstance(door.needs, May) and door.needs not in ROLES[role]:
                    assert response.status == 403, door
                elif door.method == "GET":
                    assert response.status in (200, 303, 404), (door, response.status)
                    assert response.headers.get("Location") != "/console/sign-in", door


@pytest.mark.parametrize("door", [d for d in GUARDED if d.method == "POST"], ids=lambda door: door.path)
async def test_a_form_without_its_token_does_nothing(farol, admin, door):
    for data in ({}, {"csrf": "0" * 64}):
        async with admin.post(address(door), data=data, allow_redirects=False) as response:
            assert response.status == 403


@pytest.mark.parametrize("door", [d for d in DOORS if d.method == "POST"], ids=lambda door: door.path)
@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"},
     {"Origin": "null"}],
    ids=str,
)  # fmt: skip
async def test_only_our_own_pages_may_post(farol, door, headers):
    async with aiohttp.ClientSession(farol.address, headers=headers) as stranger:
        async with stranger.post(address(door), data={}, allow_redirects=False) as response:
            assert response.status == 403


async def test_every_answer_is_hardened(farol, admin):
    for path in ("/console/sign-in", "/console/conversations", "/console/nothing", "/console/conversations/zz"):
        async with admin.get(path, allow_redirects=False) as response:
            if path == "/console/nothing":
                continue  # no door of ours
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_page_holds_no_script_and_no_style_of_its_own():
    """The policy would refuse them; better not to need to find out."""
    for path in (ROOT / "bot" / "console" / "templates").glob("*.html"):
        text = path.read_text("utf-8")
        assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)|\|\s*safe", text), path.name
