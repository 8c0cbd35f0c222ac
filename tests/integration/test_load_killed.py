"""A process that is killed in the middle of a load, at each of its steps."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from blocks.resources import Resources
from tasks.entities.contracts import CALL_LOGS
from tasks.entities.references import Silver
from tasks.loading.day import load_day
from tests.integration.days import (
    assert_forty_calls,
    call_logs,
    calls,
    forty_calls,
    known_parties,
    query,
)


@pytest.fixture
def silver(resources: Resources) -> Silver:
    known_parties(resources)
    return forty_calls(resources)


# the child stops at a named step and says so; it is killed there.
_CHILD = """
import pickle
import sys
from pathlib import Path
from blocks.resources import Resources
from blocks.stores.local import LocalStore
from tasks.entities.contracts import CALL_LOGS
from tasks.loading import copying, day, swap

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
        {"day": day, "copying": copying, "swap": swap}[module], name
    )
day.load_day(CALL_LOGS, pickle.loads(bytes.fromhex(silver)), resources, on_rows=on_rows)
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
    "after day find_orphans": 0,
    "after day replace_rejected": 6,
    "before day swap_in": 6,  # built, not swapped in
    "after day swap_in": 6,  # swapped in, not in the ledger
    "after day write_ledger": 6,  # in the ledger, not committed
}


@pytest.mark.parametrize(
    ("step", "loads"),
    [(step, 0) for step in _STEPS] + [(step, 1) for step in _STEPS if "swap_in" in step],
    ids=lambda value: ("first load", "reload")[value] if isinstance(value, int) else value,
)
def test_killed_at(step: str, loads: int, resources: Resources, silver: Silver) -> None:
    if loads:
        old = call_logs(calls(5), fingerprint="old")
        load_day(CALL_LOGS, old.write(resources), resources)
        silver = forty_calls(resources)
    with _stopped_at(step, resources, silver):
        pass
    assert query(resources, "SELECT count(*) FROM conformed.call_logs") == [(5 * loads,)]
    loaded = load_day(CALL_LOGS, silver, resources)
    assert (loaded.batches_resumed, loaded.batches) == (_STEPS[step], 6 - _STEPS[step])
    assert_forty_calls(resources)


def test_a_killed_client_in_a_long_statement_holds_its_lock_no_longer(
    resources: Resources, silver: Silver
) -> None:
    code = (
        "import sys; from tasks.loading import locks\n"
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
                time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
    load_day(CALL_LOGS, silver, resources)
    assert_forty_calls(resources)
