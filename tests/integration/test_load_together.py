"""Loads while others read, and while others load."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from blocks.errors import DatabaseUnavailableError
from blocks.resources import Resources
from tasks.entities.contracts import AGENTS, CALL_LOGS, COMPLAINTS
from tasks.entities.model import Entity
from tasks.entities.references import Loaded, Silver
from tasks.loading import swap
from tasks.loading.day import load_day
from tasks.loading.static import load_static
from tests.integration.days import DAY, Day, call_logs, calls, known_parties, query


@pytest.fixture(autouse=True)
def _parties(resources: Resources) -> None:
    known_parties(resources)


class _Reader:
    """Reads in a loop, no query longer than a second; keeps every answer that is new."""

    def __init__(self, resources: Resources, statement: str) -> None:
        self.answers: list[Any] = []
        self.error: psycopg.Error | None = None
        self._reads = 0
        self._read_once_more = threading.Condition()
        self._stop = threading.Event()
        self._statement, self._dsn = statement, resources.warehouse_dsn
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        try:
            with psycopg.connect(self._dsn, autocommit=True) as connection:
                connection.execute("SET statement_timeout = '1s'")
                while not self._stop.is_set():
                    answer = connection.execute(self._statement).fetchall()
                    if answer not in self.answers[-1:]:
                        self.answers.append(answer)
                    with self._read_once_more:
                        self._reads += 1
                        self._read_once_more.notify_all()
        except psycopg.Error as error:
            self.error = error

    def catch_up(self) -> None:
        """Wait for the answer to a query that began after this call."""
        with self._read_once_more:
            enough = self._reads + 2
            assert self._read_once_more.wait_for(lambda: self._reads >= enough, 60)

    def __enter__(self) -> "_Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        assert self.error is None


def test_readers_see_whole_days_and_never_wait_a_second(resources: Resources) -> None:
    days = {
        word: call_logs(calls(number, complaint_category=word), fingerprint=word)
        for word, number in (("old", 400), ("new", 700))
    }
    load_day(CALL_LOGS, days["old"].write(resources), resources)
    statement = (
        "SELECT complaint_category, count(*) FROM conformed.call_logs JOIN conformed.customers "
        "USING (customer_id) JOIN conformed.agents USING (agent_id) GROUP BY 1"
    )
    with _Reader(resources, statement) as one, _Reader(resources, statement) as two:
        for word in ("new", "old", "new"):
            for reader in (one, two):
                reader.catch_up()
            load_day(CALL_LOGS, days[word].write(resources), resources)
        for reader in (one, two):
            reader.catch_up()
    old, new = [("old", 400)], [("new", 700)]
    assert [old, new, old, new] == one.answers == two.answers


@contextmanager
def _long_reader(resources: Resources, table: str) -> Iterator[psycopg.Connection]:
    """A transaction that has read a table, and stays open."""
    with psycopg.connect(resources.warehouse_dsn) as connection:
        connection.execute(f"SELECT count(*) FROM conformed.{table}")
        yield connection


@pytest.mark.parametrize("table", ["call_logs", "customers", "agents"])
def test_the_first_load_of_a_day_waits_for_no_reader(resources: Resources, table: str) -> None:
    load_day(CALL_LOGS, call_logs(calls(3)).write(resources), resources)
    other = date(2025, 11, 22)
    silver = call_logs(calls(3), run_date=other).write(resources)
    with _long_reader(resources, table):
        load_day(CALL_LOGS, silver, resources)
    assert query(resources, "SELECT count(*) FROM conformed.call_logs") == [(6,)]


def test_a_reload_waits_for_a_long_reader_and_holds_up_no_other(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_day(CALL_LOGS, call_logs(calls(3)).write(resources), resources)
    attempts = threading.Semaphore(0)
    attempt = swap._attempt

    def counted(*arguments: Any) -> None:
        try:
            attempt(*arguments)
        finally:
            attempts.release()

    monkeypatch.setattr(swap, "_attempt", counted)
    silver = call_logs(calls(8), fingerprint="two").write(resources)
    statement = "SELECT count(*) FROM conformed.call_logs JOIN conformed.agents USING (agent_id)"
    with ThreadPoolExecutor(1) as pool:
        with _long_reader(resources, "call_logs"), _Reader(resources, statement) as reader:
            load = pool.submit(load_day, CALL_LOGS, silver, resources)
            for _ in range(3):
                assert attempts.acquire(timeout=60)
            assert not load.done()
            # in the meantime other days and static data are loaded.
            other = Day(COMPLAINTS[1], [], run_date=date(2025, 11, 22)).write(resources)
            load_day(COMPLAINTS[1], other, resources)
            agents = Day(AGENTS, [{"agent_id": "a9"}]).write(resources)
            load_static(AGENTS, agents, resources)
            assert reader.answers == [[(3,)]]
        assert load.result().loaded == 8
    assert query(resources, "SELECT count(*) FROM conformed.call_logs") == [(8,)]


def test_a_reader_that_never_ends_fails_the_reload_by_name(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    silver = call_logs(calls(20)).write(resources)
    load_day(CALL_LOGS, silver, resources)
    monkeypatch.setattr(swap, "PATIENCE_SECONDS", 0.0)
    with _long_reader(resources, "customers") as reader:
        expected = f"server processes: {reader.info.backend_pid}"
        with pytest.raises(DatabaseUnavailableError, match=expected):
            load_day(CALL_LOGS, silver, resources)
    assert load_day(CALL_LOGS, silver, resources).batches_resumed == 3


@pytest.mark.parametrize("rounds", [1, 2], ids=["first loads", "reloads"])
def test_days_load_in_parallel_without_deadlock(resources: Resources, rounds: int) -> None:
    days = [DAY + timedelta(n) for n in range(3)]
    work: list[tuple[Entity, Silver]] = []
    for entity in COMPLAINTS:
        for run_date in days:
            rows = [{entity.key: str(i), "customer_id": "c1", "agent_id": "a1"} for i in range(50)]
            rows[7]["agent_id"] = "nobody"
            work.append((entity, Day(entity, rows, run_date=run_date).write(resources)))

    def load(item: tuple[Entity, Silver]) -> Loaded:
        return load_day(*item, resources)

    for _ in range(rounds):
        with ThreadPoolExecutor(len(work)) as pool:
            assert {(done.loaded, done.orphan) for done in pool.map(load, work)} == {(49, 1)}
    for entity in COMPLAINTS:
        counts = query(
            resources,
            f"SELECT run_date, count(*) FROM conformed.{entity.name} GROUP BY 1 ORDER BY 1",
        )
        assert counts == [(run_date, 49) for run_date in days]
    assert query(resources, "SELECT count(*) FROM quarantine.records") == [(9,)]


def test_static_data_refreshes_while_days_load(resources: Resources) -> None:
    silver = [call_logs(calls(100), run_date=DAY + timedelta(n)).write(resources) for n in range(3)]
    agents = [
        Day(AGENTS, [{"agent_id": "a0", "name": str(n)}], run_date=DAY + timedelta(n))
        for n in range(5)
    ]

    def refresh() -> None:
        for day in agents:
            load_static(AGENTS, day.write(resources), resources)

    with ThreadPoolExecutor(4) as pool:
        refreshed = pool.submit(refresh)
        loads = [pool.submit(load_day, CALL_LOGS, one, resources) for one in silver]
        assert [load.result().loaded for load in loads] == [100, 100, 100]
        refreshed.result()
    assert query(resources, "SELECT name FROM conformed.agents WHERE agent_id = 'a0'") == [("4",)]


def test_the_same_static_load_twice_at_once_loads_it_once(resources: Resources) -> None:
    silver = Day(AGENTS, [{"agent_id": f"x{i}"} for i in range(30)]).write(resources)
    with ThreadPoolExecutor(4) as pool:
        loads = list(pool.map(lambda _: load_static(AGENTS, silver, resources), range(4)))
    assert sorted(load.inserted or 0 for load in loads) == [0, 0, 0, 30]
