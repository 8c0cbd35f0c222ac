"""What is tried again and what isn't, with errors that PostgreSQL and S3 really give.

The graph's bodies are trivial; the ones under test meet a real error first.
"""

import re
import socket
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.states import State
from prefect.variables import Variable

from blocks.database import connect
from blocks.resolving import resolve
from blocks.stores.s3 import S3Store
from tasks.gate import FIRST_RUN
from tests.integration import graph
from tests.integration.graph import Bodies
from tests.integration.s3_server import S3

Meeting = Callable[[], object]


@pytest.fixture(autouse=True)
def _reset(bodies: Bodies) -> None:
    bodies.fail()
    Variable.set(FIRST_RUN, "false", overwrite=True)


def refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with connect(f"postgresql://nobody@127.0.0.1:{port}/nothing"):
        pass


def cut() -> None:
    with connect(resolve().warehouse_dsn) as connection:
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def deadlock() -> None:
    dsn = resolve().warehouse_dsn
    with connect(dsn) as one, connect(dsn) as two:
        one.execute("SELECT pg_advisory_xact_lock(1)")
        two.execute("SELECT pg_advisory_xact_lock(2)")
        two.execute("SET LOCAL deadlock_timeout = '1h'")  # the other one is the victim
        two.pgconn.send_query(b"SELECT pg_advisory_xact_lock(1)")
        waits = "SELECT FROM pg_locks WHERE pid = %s AND NOT granted"
        while one.execute(waits, [two.info.backend_pid]).fetchone() is None:
            pass  # else the victim looks for a deadlock before there is one, and never again
        one.execute("SET LOCAL deadlock_timeout = '1ms'")
        one.execute("SELECT pg_advisory_xact_lock(2)")


def serialization_failure() -> None:
    dsn = resolve().warehouse_dsn
    with connect(dsn) as one, connect(dsn) as two:
        for connection in (one, two):
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.execute("SELECT FROM conformed.customers")
        update = "UPDATE conformed.customers SET name = 'x'"
        one.execute(update)
        one.commit()
        two.execute(update)


def database_missing() -> None:
    with connect(resolve().warehouse_dsn.replace("/test_", "/missing_")):
        pass


def constraint_violated() -> None:
    with connect(resolve().warehouse_dsn) as connection:
        connection.execute("INSERT INTO ops.ledger (entity) VALUES ('call_logs')")


def nobody_foresaw() -> None:
    raise KeyError("an e-mail address")


def attempts(end: State[Any], name: str) -> list[str]:
    """The states that a task run went through, as the server has them."""
    failed = {name: "Failed"} if not end.is_completed() else {}
    ought = graph.expected(failed.keys(), "false").states
    run = graph.recorded(end, ought)[name]
    with get_client(sync_client=True) as client:
        states = client._client.get("/task_run_states/", params={"task_run_id": str(run.id)})
    found = sorted(states.json(), key=lambda state: state["timestamp"])
    return [state["name"] for state in found]


TRANSIENT: list[Meeting] = [refused, cut, deadlock, serialization_failure]
TERMINAL: list[Meeting] = [database_missing, constraint_violated, nobody_foresaw]


@pytest.mark.parametrize("meeting", TRANSIENT, ids=lambda meeting: meeting.__name__)
def test_a_transient_error_is_tried_twice_again(bodies: Bodies, meeting: Meeting) -> None:
    left = [meeting, meeting]
    bodies.doing["load_call_logs"] = lambda: left.pop()() if left else None
    end = graph.run_daily()
    assert end.is_completed(), end.message
    assert bodies.ran.count("load_call_logs") == 3
    assert attempts(end, "load_call_logs") == [
        *("Pending", "Running", "AwaitingRetry", "Retrying", "AwaitingRetry", "Retrying"),
        "Completed",
    ]


def test_three_times_is_enough(bodies: Bodies) -> None:
    bodies.doing["load_call_logs"] = cut
    end = graph.run_daily()
    assert end.is_failed()
    assert bodies.ran.count("load_call_logs") == 3
    assert "load_call_logs failed: PostgreSQL" in (end.message or "")


@pytest.mark.parametrize("meeting", TERMINAL, ids=lambda meeting: meeting.__name__)
def test_a_terminal_error_is_not_tried_again(bodies: Bodies, meeting: Meeting) -> None:
    bodies.doing["load_call_logs"] = meeting
    end = graph.run_daily()
    assert end.is_failed()
    assert bodies.ran.count("load_call_logs") == 1
    assert attempts(end, "load_call_logs") == ["Pending", "Running", "Failed"]
    assert "load_call_logs failed: " in (end.message or "")
    assert "e-mail" not in (end.message or "")


def test_s3_asks_to_slow_down(bodies: Bodies, s3: S3) -> None:
    """Longer than boto3's own patience, shorter than ours."""
    store = S3Store.at("s3://lake/prefix")
    store.write("a", b"A")
    s3.fail(503, "SlowDown")

    def read() -> None:
        if bodies.ran.count("ingest_call_logs") == 3:
            s3.fault = None
        assert store.read("a") == b"A"

    bodies.doing["ingest_call_logs"] = read
    end = graph.run_daily()
    assert end.is_completed(), end.message
    assert bodies.ran.count("ingest_call_logs") == 3


def test_s3_says_no(bodies: Bodies, s3: S3) -> None:
    store = S3Store.at("s3://lake/prefix")
    s3.fail(403, "InvalidAccessKeyId")
    bodies.doing["ingest_call_logs"] = lambda: store.read("a")
    end = graph.run_daily()
    assert end.is_failed()
    assert bodies.ran.count("ingest_call_logs") == 1


@pytest.mark.parametrize(
    "name", ["create_all_tables", "determine_load_type", "ingest_call_logs", "run_dbt"]
)
def test_every_stage_is_tried_again(bodies: Bodies, name: str) -> None:
    left = [cut]
    bodies.doing[name] = lambda: left.pop()() if left else None
    end = graph.run_daily()
    assert end.is_completed(), end.message
    assert bodies.ran.count(name) == 2


def test_the_wait_grows_and_differs_from_task_to_task(
    bodies: Bodies, caplog: pytest.LogCaptureFixture
) -> None:
    """The second wait is about twice the first, each with jitter: as Prefect says before it."""
    tasks = [f"ingest_{channel}" for channel in graph.CHANNELS]
    bodies.doing = dict.fromkeys(tasks, refused)
    assert graph.run_daily().is_failed()
    waits: dict[str, list[float]] = {name: [] for name in tasks}
    for record in caplog.records:
        if said := re.search(r"Retry ./2 will start (\S+) second", record.getMessage()):
            waits[record.task_run_name].append(float(said[1]))  # type: ignore[attr-defined]
    # CORETELECOMS_RETRY_SECONDS is 0.05 in tests, jitter at most a half of it.
    for first, second in waits.values():
        assert 0.025 <= first <= 0.075
        assert 0.05 <= second <= 0.15
    assert len({first for first, _ in waits.values()}) == len(tasks)
