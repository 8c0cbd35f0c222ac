"""A whole run whose PostgreSQL is stopped hard in the middle of a load, or a build."""

import signal
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from prefect.tasks import Task
from prefect.variables import Variable

from tasks import stage
from tasks.gate import FIRST_RUN
from tests.integration.crashing import crash
from tests.integration.daily_runs import DBT_QUERY, FIRST, NO_DBT, SECOND, DailyRuns, Place, left_at
from tests.integration.forker import Child, Kill
from tests.integration.snapshot import ALL

# a batch is committed, the next one is sent; then the process stands still.
STILL = Kill("after", "tasks.loading.copying:copy", nth=2, of="call_logs", signal=signal.SIGSTOP)
# seconds between attempts: by the first one the server is back, on a busy machine by the second.
PATIENT = [2.0, 10.0]
A_MOMENT = 0.5  # seconds
LONGER = {"flows.shared.run:patient": "tests.integration.test_server_gone:patient"}


def patient(task: Task[..., Any]) -> Task[..., Any]:
    """A task that waits so long before it is tried again."""
    found = stage.patient(task)
    found.retry_delay_seconds = PATIENT
    return found


@pytest.fixture
def place(daily_runs: DailyRuns) -> Iterator[Place]:
    """Where the second run begins."""
    Variable.set(FIRST_RUN, "false", overwrite=True)
    with daily_runs.after_first.copied() as place:
        yield place


@pytest.fixture
def server(place: Place, postgres_server: Any) -> Iterator[Any]:
    """Its server, the session's one, which is up again after the test, however that ended."""
    yield postgres_server
    postgres_server.start()


def cut_off(child: Child, server: Any) -> None:
    """The server goes down under a run that stands still; the run goes on and will notice."""
    assert child.wait() == -signal.SIGSTOP, child.said
    crash(server)
    child.go_on()


def retries(child: Child, task: str) -> None:
    """Wait until the run says so."""
    while f"retrying   {task}" not in child.said:
        assert "failed" not in child.said, child.said
        time.sleep(0.02)  # what is waited for needs the processor


def test_it_comes_back(daily_runs: DailyRuns, server: Any, place: Place) -> None:
    """Within the time that a task is tried again: the run completes by itself, and exactly."""
    child = daily_runs.start(place, kill=STILL, replace=NO_DBT | LONGER)
    cut_off(child, server)
    retries(child, "load_call_logs")
    server.start()
    assert child.wait() == 0, child.said
    assert left_at(place).differences(daily_runs.second) == []


def test_in_the_middle_of_dbt(daily_runs: DailyRuns, server: Any, place: Place) -> None:
    """A run that died there is loaded, and so skipped; the backfill builds the warehouse with it.
    A build that lost its database is tried again.
    """
    child = daily_runs.start(place, replace={}, kill=Kill("after", DBT_QUERY, nth=60))
    assert child.wait() == -signal.SIGKILL, child.said
    still = Kill("before", DBT_QUERY, nth=60, signal=signal.SIGSTOP)
    child = daily_runs.start_backfill(place, FIRST, SECOND, kill=still, replace=LONGER)
    cut_off(child, server)
    retries(child, "run_dbt")
    server.start()
    assert child.wait() == 0, child.said
    assert "0 of 0 days completed, 2 were complete in the ledger already" in child.said
    assert left_at(place).differences(daily_runs.second, ALL) == []


def test_a_table_that_dbt_needs_is_locked(daily_runs: DailyRuns, place: Place) -> None:
    """The run says who holds it, gives up after a while, and completes when it tries again."""
    limits = {
        "blocks.waiting:PATIENCE_SECONDS": "tests.integration.test_server_gone:A_MOMENT",
        "tasks.warehouse:LOCK_SECONDS": "tests.integration.test_server_gone:A_MOMENT",
    }
    still = Kill("before", "tasks.warehouse:_build", signal=signal.SIGSTOP)
    child = daily_runs.start(place, kill=still, replace=limits)
    assert child.wait() == -signal.SIGSTOP, child.said
    with psycopg.connect(place.dsn, application_name="a colleague") as holder:
        process = holder.info.backend_pid
        holder.execute("LOCK TABLE conformed.customers")
        child.go_on()
        retries(child, "run_dbt")
    assert child.wait() == 0, child.said
    who = f"session {process} of postgres (a colleague)"
    assert f"waiting for a lock of {who}" in child.said
    assert f"A lock was not free in time, because of {who}" in child.said
    assert left_at(place).differences(daily_runs.second, ALL) == []


def test_it_stays_away(daily_runs: DailyRuns, server: Any, place: Place) -> None:
    """The run fails cleanly; the next one, once the server is there, completes exactly."""
    child = daily_runs.start(place, kill=STILL, replace=NO_DBT)
    cut_off(child, server)
    assert child.wait() == 1
    assert "✘ load_call_logs failed: No connection to PostgreSQL" in child.said
    assert "Held back: run_dbt, cleanup_checkpoints." in child.said
    assert "Traceback" not in child.said
    server.start()
    daily_runs.run(place)
    assert left_at(place).differences(daily_runs.second) == []
    assert Variable.get(FIRST_RUN) == "false"
