"""A whole night whose PostgreSQL is stopped hard in the middle of a load."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prefect.variables import Variable

from tasks.state import FIRST_RUN
from tests.conftest import new_database
from tests.integration import nights as n
from tests.integration.crashing import crash, own_server
from tests.integration.forker import Child, Kill
from tests.integration.nights import FIRST, Nights, Place
from tests.integration.snapshot import ALL

# a batch is committed, the next one is sent; then the process stands still.
STILL = Kill("after", "tasks.copying:copy", nth=2, of="call_logs", signal=signal.SIGSTOP)
# seconds between attempts: by the first one the server is back, on a busy machine by the second.
PATIENT = [2.0, 10.0]
LONGER = {
    f"tasks.{task}.retry_delay_seconds": "tests.integration.test_server_gone:PATIENT"
    for task in ("ingest:ingest", "load:load", "warehouse:run_dbt")
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with own_server(tmp_path_factory.mktemp("gone")) as server:
        yield server


@pytest.fixture(scope="module")
def after_first(
    nights: Nights, server: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A first night on that server."""
    Variable.unset(FIRST_RUN)
    with new_database(server.get_uri()) as dsn:
        place = Place(tmp_path_factory.mktemp("gone") / "home", dsn, server.get_uri())
        nights.run(place, FIRST)
        yield place


@contextmanager
def cut_off(
    nights: Nights, server: Any, after_first: Place, still: Kill, replace: dict[str, str]
) -> Iterator[tuple[Place, Child]]:
    """The second night on that server, which went down under it; it goes on and will notice."""
    Variable.set(FIRST_RUN, "false", overwrite=True)
    with after_first.copied() as place:
        child = nights.start(place, kill=still, replace=replace)
        assert child.wait() == -signal.SIGSTOP, child.said
        crash(server)
        child.go_on()
        yield place, child


def retries(child: Child, task: str) -> None:
    """Wait until the run says so."""
    while f"retrying   {task}" not in child.said:
        assert "failed" not in child.said, child.said
        time.sleep(0.02)  # what is waited for needs the processor


def test_it_comes_back(nights: Nights, server: Any, after_first: Place) -> None:
    """Within the time that a task is tried again: the run completes by itself, and exactly."""
    replace = n.NO_DBT | LONGER
    with cut_off(nights, server, after_first, STILL, replace) as (place, child):
        retries(child, "load_call_logs")
        server.start()
        assert child.wait() == 0, child.said
        assert n.left_at(place).differences(nights.second) == []


def test_in_the_middle_of_dbt(nights: Nights, server: Any, after_first: Place) -> None:
    """A build that lost its database is one that is tried again."""
    still = Kill("before", n.DBT_QUERY, nth=60, signal=signal.SIGSTOP)
    with cut_off(nights, server, after_first, still, LONGER) as (place, child):
        retries(child, "run_dbt")
        server.start()
        assert child.wait() == 0, child.said
        assert n.left_at(place).differences(nights.second, ALL) == []


def test_it_stays_away(nights: Nights, server: Any, after_first: Place) -> None:
    """The run fails cleanly; the next one, once the server is there, completes exactly."""
    with cut_off(nights, server, after_first, STILL, n.NO_DBT) as (place, child):
        assert child.wait() == 1
        assert "✘ load_call_logs failed: PostgreSQL" in child.said
        assert "Held back: run_dbt, cleanup_checkpoints." in child.said
        assert "Traceback" not in child.said
        server.start()
        nights.run(place)
        assert n.left_at(place).differences(nights.second) == []
    assert Variable.get(FIRST_RUN) == "false"
