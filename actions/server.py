"""Answers the engine: POST /actions in the protocol of rasa-sdk, on a private address only."""

from __future__ import annotations

import structlog
from aiohttp import web

from actions.base import Action, Told
from actions.forms import AskCountry, AskPlace, ValidateCountry, ValidateErase, ValidateFindService
from actions.services import FindService, MoreResults, ServiceDetails
from actions.talk import ChangeLanguage, Erase
from bot.content.render import Content
from bot.db import Database

log = structlog.get_logger("farol.actions")


def all_actions(database: Database, content: Content) -> list[Action]:
    """The visible list: every custom action of stories/domain.yml."""
    return [
        FindService(database),
        MoreResults(database, content),
        ServiceDetails(database, content),
        ChangeLanguage(content),
        Erase(),
        AskCountry(),
        AskPlace(),
        ValidateCountry(content),
        ValidateFindService(content, database),
        ValidateErase(),
    ]


class ActionServer:
    """Serves the actions. `url` is what the engine is told after `start`."""

    def __init__(self, actions: list[Action], host: str, port: int) -> None:
        self._actions = {action.name: action for action in actions}
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen; port 0 takes any free one. Raises OSError when the port is taken."""
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_post("/actions", self._run)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        self.url = f"http://{self._host}:{port}/actions"

    async def stop(self) -> None:
        """Stop listening; safe to call twice."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _run(self, request: web.Request) -> web.Response:
        try:
            told = Told.from_json(await request.json())
        except (KeyError, TypeError, ValueError) as error:
            return web.json_response({"error": f"not a request of the action protocol: {error}"}, status=422)
        action = self._actions.get(told.action)
        if action is None:
            return web.json_response({"error": f"no action '{told.action}'", "action_name": told.action}, status=404)
        result = await action.run(told)
        return web.json_response(result.to_json())
