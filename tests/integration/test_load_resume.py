"""A load that was interrupted: by an error, a lost connection, a kill at any of its steps."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from blocks.errors import DatabaseUnavailableError, RunDateBusyError, TerminalError
from blocks.resources import Resources
from tasks import copying, locks
from tasks.conform import load_day
from tasks.contracts import CALL_LOGS
from tasks.references import Silver
from tests.integration.days import DAY, call_logs, calls, known_parties, query

ROWS = 40  # six batches of seven


class _StopError(Exception):
    pass


def _stop_after(batches: int) -> Callable[[int], None]:
    left = iter(range(batches - 1))

    def on_rows(rows: int) -> None:
        if next(left, None) is None:
            raise _StopError

    return on_rows


@pytest.fixture
def silver(resources: Resources) -> Silver:
    known_parties(resources)
    rows = calls(ROWS)
    rows[3]["agent_id"] = None
    rows[38]["customer_id"] = "nobody"
    return call_logs(rows).write(resources)


def _tables(resources: Resources) -> list[Any]:
    return [
        query(resources, "SELECT * FROM conformed.call_logs ORDER BY call_id"),
        query(resources, "SELECT record_key, reason FROM quarantine.records ORDER BY 1"),
        query(resources, "SELECT rows_read, orphan, loaded FROM ops.ledger ORDER BY 1"),
        query(resources, "SELECT FROM pg_tables WHERE schemaname = 'staging'"),
        query(resources, "SELECT FROM pg_locks WHERE locktype = 'advisory'"),
    ]


def _whole(resources: Resources) -> None:
    """The tables are those of an undisturbed load."""
    found = _tables(resources)
    expected = [f"call-{i:05}" for i in range(ROWS) if i not in (3, 38)]
    assert [row[0] for row in found[0]] == expected
    assert found[1:] == [
        [("call-00003", "agent_id is missing"), ("call-00038", "customer_id is unknown")],
        [(2, 0, 2), (3, 0, 3), (40, 2, 38)],
        [],
        [],
    ]


def _interrupt(resources: Resources, silver: Silver, batches: int) -> None:
    with pytest.raises(_StopError):
        load_day(CALL_LOGS, silver, resources, on_rows=_stop_after(batches))


@pytest.mark.parametrize("batches", [1, 3, 6])
def test_committed_batches_are_not_copied_again(
    resources: Resources, silver: Silver, batches: int
) -> None:
    _interrupt(resources, silver, batches)
    assert query(resources, "SELECT * FROM conformed.call_logs") == []
    seen: list[int] = []
    loaded = load_day(CALL_LOGS, silver, resources, on_rows=seen.append)
    assert (loaded.batches_resumed, loaded.batches) == (batches, 6 - batches)
    assert sum(seen) == ROWS
    _whole(resources)


def test_a_load_goes_on_where_it_stopped_with_other_batches(
    resources: Resources, silver: Silver
) -> None:
    _interrupt(resources, silver, 2)
    loaded = load_day(CALL_LOGS, silver, replace(resources, batch_rows=20))
    assert (loaded.batches_resumed, loaded.batches) == (2, 2)
    _whole(resources)


def test_another_source_starts_afresh(resources: Resources, silver: Silver) -> None:
    _interrupt(resources, silver, 4)
    rows = calls(10, complaint_category="Network Failure")
    other = call_logs(rows, fingerprint="two").write(resources)
    loaded = load_day(CALL_LOGS, other, resources)
    assert (loaded.batches_resumed, loaded.batches, loaded.loaded) == (0, 2, 10)
    assert query(resources, "SELECT DISTINCT complaint_category FROM conformed.call_logs") == [
        ("Network Failure",)
    ]


def test_a_completed_day_is_loaded_afresh(resources: Resources, silver: Silver) -> None:
    for _ in range(2):
        loaded = load_day(CALL_LOGS, silver, resources)
        assert (loaded.batches_resumed, loaded.batches) == (0, 6)
        _whole(resources)


def test_an_interrupted_reload_leaves_the_old_day(resources: Resources, silver: Silver) -> None:
    load_day(CALL_LOGS, silver, resources)
    shorter = call_logs(calls(8), fingerprint="two").write(resources)
    _interrupt(resources, shorter, 1)
    assert query(resources, "SELECT count(*) FROM conformed.call_logs") == [(38,)]
    assert load_day(CALL_LOGS, shorter, resources).batches_resumed == 1
    assert query(resources, "SELECT count(*) FROM conformed.call_logs") == [(8,)]


def test_rows_that_postgres_rejects_are_not_resumed(resources: Resources, silver: Silver) -> None:
    rows = calls(20)
    rows[15]["call_id"] = rows[2]["call_id"]
    broken = call_logs(rows).write(resources)
    with pytest.raises(TerminalError, match="UniqueViolation"):
        load_day(CALL_LOGS, broken, resources)
    assert query(resources, "SELECT FROM ops.checkpoints") == []
    mended = call_logs(calls(20)).write(resources)
    assert load_day(CALL_LOGS, mended, resources).batches_resumed == 0


def test_a_file_that_is_not_its_reference_is_not_loaded(
    resources: Resources, silver: Silver
) -> None:
    with pytest.raises(copying.FileReplacedError):
        load_day(CALL_LOGS, replace(silver, rows=ROWS + 5), resources)
    load_day(CALL_LOGS, silver, resources)
    _whole(resources)


def test_a_cut_connection_is_transient_and_the_load_goes_on(
    resources: Resources, silver: Silver
) -> None:
    batches = []

    def cut(rows: int) -> None:
        batches.append(rows)
        if len(batches) == 3:
            query(
                resources,
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE application_name = 'coretelecoms call_logs 2025-11-21'",
            )

    with pytest.raises(DatabaseUnavailableError):
        load_day(CALL_LOGS, silver, resources, on_rows=cut)
    loaded = load_day(CALL_LOGS, silver, resources)
    assert (loaded.batches_resumed, loaded.batches) == (3, 3)
    _whole(resources)


def test_a_second_load_of_the_day_is_refused_and_told_by_whom(
    resources: Resources, silver: Silver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_GRACE_MS", 50)
    with locks.at_work(resources.warehouse_dsn, "call_logs", DAY) as holder:
        pid = holder.info.backend_pid
        expected = (
            rf"at work on call_logs 2025-11-21 \(server process {pid}, coretelecoms call_logs"
        )
        with pytest.raises(RunDateBusyError, match=expected):
            load_day(CALL_LOGS, silver, resources)
    load_day(CALL_LOGS, silver, resources)
    _whole(resources)


# the child stops at a named step and says so; it is killed there.
_CHILD = """
import pickle
import sys
from pathlib import Path
from blocks.resources import Resources
from blocks.stores import LocalStore
from tasks import conform, copying, swap
from tasks.contracts import CALL_LOGS

step, lake, dsn, silver = sys.argv[1:]
resources = Resources(
    platform="test", source=LocalStore(Path(lake)), lake=LocalStore(Path(lake)), agents_url=None,
    warehouse_dsn=dsn, web_forms_dsn=dsn, batch_rows=7,
)

def stop(*_):
    print("here", flush=True)
    sys.stdin.read()

def before(module, name):
    function = getattr(module, name)
    setattr(module, name, lambda *a, **k: (stop(), function(*a, **k))[1])

def after(module, name):
    function = getattr(module, name)
    setattr(module, name, lambda *a, **k: (function(*a, **k), stop())[0])

on_rows = None
if step.startswith("batch "):
    left = iter(range(int(step.removeprefix("batch ")) - 1))
    on_rows = lambda rows: next(left, None) is None and stop()
else:
    when, module, name = step.split()
    {"before": before, "after": after}[when](
        {"conform": conform, "copying": copying, "swap": swap}[module], name
    )
conform.load_day(CALL_LOGS, pickle.loads(bytes.fromhex(silver)), resources, on_rows=on_rows)
"""


@contextmanager
def _stopped_at(step: str, resources: Resources, silver: Silver) -> Iterator[subprocess.Popen[str]]:
    """A process whose load of the day stands still at a step."""
    root = Path(__file__).parents[2]
    arguments = [step, resources.lake.url, resources.warehouse_dsn, pickle.dumps(silver).hex()]
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
        text=True,
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "here\n"
        yield child
        os.kill(child.pid, signal.SIGKILL)


_STEPS = {
    "before copying copy": 0,  # the staging table is there, and empty
    "after copying copy": 0,  # rows sent, neither they nor their checkpoint committed
    "batch 1": 1,
    "batch 5": 5,
    "batch 6": 6,
    "after conform _find_orphans": 6,
    "after conform replace_rejected": 6,
    "before conform swap_in": 6,  # built, not swapped in
    "after conform swap_in": 6,  # swapped in, not in the ledger
    "after conform write_ledger": 6,  # in the ledger, not committed
}


@pytest.mark.parametrize(
    ("step", "loads"),
    [(step, 0) for step in _STEPS] + [(step, 1) for step in _STEPS if "conform" in step],
    ids=lambda value: ("first load", "reload")[value] if isinstance(value, int) else value,
)
def test_killed_at(step: str, loads: int, resources: Resources, silver: Silver) -> None:
    if loads:
        old = call_logs(calls(5), fingerprint="old")
        load_day(CALL_LOGS, old.write(resources), resources)
        rows = calls(ROWS)
        rows[3]["agent_id"], rows[38]["customer_id"] = None, "nobody"
        silver = call_logs(rows).write(resources)
    with _stopped_at(step, resources, silver):
        pass
    assert query(resources, "SELECT count(*) FROM conformed.call_logs") == [(5 * loads,)]
    loaded = load_day(CALL_LOGS, silver, resources)
    assert (loaded.batches_resumed, loaded.batches) == (_STEPS[step], 6 - _STEPS[step])
    _whole(resources)


def test_a_killed_client_in_a_long_statement_holds_its_lock_no_longer(
    resources: Resources, silver: Silver
) -> None:
    code = (
        "import sys; from tasks import locks\n"
        "with locks.at_work(sys.argv[1], 'call_logs', '2025-11-21') as connection:\n"
        "    print('here', flush=True)\n"
        "    connection.execute('SELECT pg_sleep(3600)')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, resources.warehouse_dsn],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        text=True,
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "here\n"
        with psycopg.connect(resources.warehouse_dsn, autocommit=True) as connection:
            while (
                connection.execute(
                    "SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(3600)' "
                    "AND state = 'active'"
                ).fetchone()
                is None
            ):
                pass
        os.kill(child.pid, signal.SIGKILL)
    load_day(CALL_LOGS, silver, resources)
    _whole(resources)
