"""What every test may ask for. `pytest --language ar` runs one language alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from nlu.languages import load_languages
from tools.postgres import Postgres, postgres

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = tuple(load_languages().shipped)
PHRASES = yaml.safe_load((ROOT / "tests" / "phrases.yml").read_text("utf-8"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--language", action="append", choices=SHIPPED, help="run the tests of this language only")
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden conversations anew; then read the diff"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "language" in metafunc.fixturenames:
        metafunc.parametrize("language", metafunc.config.getoption("--language") or SHIPPED)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--language"):
        kept = [item for item in items if "language" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A real PostgreSQL for all tests of a run; `create(name)` makes a database of one's own. Not durable: quicker."""
    with postgres({"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}) as server:
        yield server
