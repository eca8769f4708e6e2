"""Both databases, the same promises: every test that takes `trading_url` or `history_url` runs on each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.store.migrate import migrate
from tests.support.postgres import Cluster, NoPostgres, running_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with ExitStack() as stack:
        try:
            started = stack.enter_context(running_cluster())
        except NoPostgres as reason:
            pytest.skip(f"no PostgreSQL: {reason}")
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'desk.db'}"
    server: Cluster = request.getfixturevalue("cluster")
    return server.url()


@pytest.fixture
def trading_url(empty_url: str) -> str:
    migrate(empty_url, "trading")
    return empty_url


@pytest.fixture
def history_url(empty_url: str) -> str:
    migrate(empty_url, "history")
    return empty_url
