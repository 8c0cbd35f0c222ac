"""Runs at the same time: static data loads once (G11), a run date belongs to one run (G12)."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prefect.variables import Variable

from blocks.errors import DatabaseUnavailableError
from blocks.resolving import resolve
from blocks.resources import Resources
from blocks.stores.local import LocalStore
from tasks.gate import FIRST_RUN
from tasks.loading import locks
from tests.integration import graph
from tests.integration.by_hand import load_all
from tests.integration.daily_runs import (
    FIRST,
    NO_DBT,
    SECOND,
    DailyRuns,
    Place,
    last_flow_run,
    left_at,
    published,
)
from tests.integration.forker import Kill
from tests.integration.graph import Bodies

THIRD = date(2025, 11, 22)


@contextmanager
def held(place: Place, *lock: object) -> Iterator[psycopg.Connection[Any]]:
    """One of the pipeline's locks, held by the test meanwhile."""
    with psycopg.connect(place.dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [locks.key(*lock)])
        yield connection
        connection.execute("SELECT pg_advisory_unlock(%s)", [locks.key(*lock)])


def until(connection: psycopg.Connection[Any], waiting: int) -> None:
    """Until so many sessions wait for an advisory lock."""
    while connection.execute(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database "
        "WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
    ).fetchone() != (waiting,):
        time.sleep(0.02)  # those that are waited for need the processor


def test_three_first_runs_of_three_dates(daily_runs: DailyRuns, tmp_path: Path) -> None:
    """All three see that nothing is loaded; one loads the static data, all three days are exact."""
    Variable.unset(FIRST_RUN)
    days = (FIRST, SECOND, THIRD)
    with daily_runs.before.copied() as place, daily_runs.before.copied() as apart:
        sources = published(tmp_path, days, place)
        # nobody gets on before all three wait: the first one in the queue will load.
        with held(place, "first run") as connection:
            children = []
            for waiting, day in enumerate(days, 1):
                children.append(daily_runs.start(place, day, environment=sources))
                until(connection, waiting)
        for child in children:
            assert child.wait() == 0, child.said
        assert Variable.get(FIRST_RUN) == "false"
        paths = {day: last_flow_run(f"daily-{day}").name.rpartition("-")[2] for day in days}
        assert paths == {FIRST: "initial", SECOND: "incremental", THIRD: "incremental"}

        by_hand = Resources(
            platform="by hand",
            source=LocalStore(tmp_path),
            lake=LocalStore(apart.home / "lake"),
            agents_url=None,
            warehouse_dsn=apart.dsn,
            web_forms_dsn=place.dsn,
        )
        load_all(by_hand, days)
        found, expected = left_at(place), left_at(apart)
        del found.tables["ops.checkpoints"], expected.tables["ops.checkpoints"]  # a run clears them
        assert found.differences(expected) == []


def test_one_date_twice(daily_runs: DailyRuns) -> None:
    """The second run ends at once, says why, and changed nothing; the first goes on."""
    Variable.set(FIRST_RUN, "false", overwrite=True)
    still = Kill("before", "tasks.loading.day:swap_in", of="call_logs", signal=signal.SIGSTOP)
    with daily_runs.after_first.copied() as place:
        first = daily_runs.start(place, kill=still)
        assert first.wait() == -signal.SIGSTOP, first.said
        no_grace = {"tasks.loading.locks:GRACE_MS": "tests.conftest:NO_GRACE_MS"}
        second = daily_runs.start(place, replace=NO_DBT | no_grace)
        assert second.wait() == 1
        assert f"✘ Another run is at work on run date {SECOND} (server process " in second.said
        assert "What to do: wait for it to end, then run again" in second.said
        assert "ingest" not in second.said
        first.go_on()
        assert first.wait() == 0, first.said
        assert left_at(place).differences(daily_runs.second) == []
        daily_runs.run(place)
        assert left_at(place).differences(daily_runs.second) == []


def test_a_date_is_claimed_once_the_database_is_back(
    bodies: Bodies, no_grace: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that couldn't know at first whether it was alone."""
    bodies.fail()
    Variable.set(FIRST_RUN, "false", overwrite=True)
    taken, away = locks.Lock.take, [True]

    def take(self: locks.Lock) -> bool:
        if away.pop() if away else False:
            raise DatabaseUnavailableError("away")
        return taken(self)

    monkeypatch.setattr(locks.Lock, "take", take)
    with locks.held(resolve().warehouse_dsn, "run date", graph.RUN_DATE):
        end = graph.run_daily()
    assert end.is_failed()
    assert "Another run is at work on run date" in (end.message or "")
    assert {name for name in bodies.ran if not name.startswith("ingest_")} == set(graph.SET_UP)
