"""What all commands share: quiet logs, one way to fail, one way to run a coroutine."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

import click
import structlog
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from bot.content.load import ContentError
from bot.conversation.engine import EngineDown, EngineRefused
from bot.conversation.engine_process import EngineMissing
from bot.settings import Settings

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def run(work: Coroutine[Any, Any, int | None]) -> NoReturn:
    """Run a command to its end and leave with its exit code; known faults become one clear message."""
    try:
        code = asyncio.run(work)
    except ContentError as error:
        fail(str(error))
    except (EngineMissing, ValueError, OSError) as error:
        fail(str(error))
    except (EngineDown, EngineRefused) as error:
        fail(f"the engine gave no answer: {error}", 1)
    except KeyboardInterrupt:
        code = 130
    sys.exit(code or 0)


def fail(message: str, code: int = 2) -> NoReturn:
    """Say what is wrong on standard error and leave."""
    err.print(f"[bold red]farol:[/] {message}" if err.is_terminal else f"farol: {message}", markup=err.is_terminal)
    sys.exit(code)


def print_table(heads: list[str], rows: list[list[str]], caption: str, words: int) -> None:
    """A table where a person looks, tab-separated lines when piped; the first `words` columns are words, not numbers."""
    if not out.is_terminal:
        for row in [heads, *rows]:
            print("\t".join(row))
        return
    table = Table(caption=caption)
    for number, head in enumerate(heads):
        table.add_column(head, justify="left" if number < words else "right")
    for row in rows:
        table.add_row(*row)
    out.print(table)


def read_settings() -> Settings:
    """The settings; leaves with the name of the one that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        fail(f"setting {name}: {first['msg']} (farol settings explains each)")


def quiet_logs(level: int = logging.WARNING, as_json: bool = False) -> None:
    """Plain lines, or JSON objects, on standard error. Ids and counts only: nothing logs what people wrote."""
    colors = sys.stderr.isatty()
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=colors)
    structlog.configure(
        processors=[
            # The id of the message that is worked on, which the engine logs too.
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    plain = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=logging.WARNING, format=plain)
    if as_json:
        through = structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
        for handler in logging.getLogger().handlers:
            handler.setFormatter(through)


def language_option(**options: Any) -> Any:
    """--language auto|xx, the same everywhere."""
    return click.option("--language", default="auto", metavar="auto|xx", show_default=True, **options)
