"""No statement of a load or build costs more than its rows, whatever statistics were left."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psycopg
import pytest

from bench import generate
from blocks.database import connect
from blocks.resources import Resources
from blocks.stores.local import LocalStore
from tasks import rebuild, replay
from tasks.entities.contracts import CUSTOMERS as PEOPLE
from tasks.loading.tables import day_name, lost_days
from tasks.reporting.history import read_history
from tasks.reporting.summary import read_summary
from tests.integration.by_hand import load_one
from tests.integration.plans import watched, watched_load
from tests.integration.warehouse import Warehouse, on_server

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
SMALL, LARGE = 200, 5_000
CUSTOMERS, AGENTS = 1_500, 20
FIRST, SECOND, THIRD = (date(2025, 11, day) for day in (20, 21, 22))


def named(server: str | Path) -> str:
    """What a test's name calls a server."""
    return f"debian-{server.parent.name}" if isinstance(server, Path) else server


@contextmanager
def debian(programs: Path) -> Iterator[str]:
    """The DSN of a server of a version that Debian has installed."""
    with TemporaryDirectory(prefix="coretelecoms-", ignore_cleanup_errors=True) as folder:
        root = os.geteuid() == 0  # PostgreSQL refuses to run as root
        if root:
            shutil.chown(folder, "postgres")

        def run(program: str, *options: str) -> None:
            command = [str(programs / program), "-D", f"{folder}/data", *options]
            done = subprocess.run(
                command,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.STDOUT,
                user="postgres" if root else None,
                cwd=folder,
            )
            assert done.returncode == 0, command

        run("initdb", "--auth=trust", "--username=postgres", "--no-sync")
        settings = f"-k {folder} -c listen_addresses= -c fsync=off"
        run("pg_ctl", "start", "--wait", f"--log={folder}/log", f"--options={settings}")
        try:
            yield f"postgresql://postgres:@/postgres?host={folder}"
        finally:
            run("pg_ctl", "stop", "--mode=immediate")


@pytest.fixture(scope="module", params=["embedded", *DEBIAN], ids=named)
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The embedded PostgreSQL, and each version that is installed besides."""
    if request.param == "embedded":
        yield request.getfixturevalue("postgres")
    else:
        with debian(request.param) as dsn:
            yield dsn


@pytest.fixture
def warehouse(server: str, dbt_project: "Manifest", tmp_path: Path) -> Iterator[Warehouse]:
    """A warehouse whose statistics nobody renews but loads and builds themselves."""
    warehouse = on_server(server, tmp_path, dbt_project)
    warehouse.create()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET autovacuum = off")
        connection.execute("SELECT pg_reload_conf()")
        yield warehouse
        connection.execute("ALTER SYSTEM RESET autovacuum")
        connection.execute("SELECT pg_reload_conf()")


def people(warehouse: Warehouse, day: date = FIRST, street: str = "Road") -> None:
    """Customers of that street as of a day, and agents."""
    warehouse.load_people(
        day,
        {f"c{number}": street for number in range(CUSTOMERS)},
        {f"a{number}": "Junior" for number in range(AGENTS)},
    )


def calls(first: int, rows: int, day: date, status: str) -> list[dict[str, object]]:
    """Calls of one day, taken by all agents of all customers."""
    return [
        {
            "call_id": f"call-{number}",
            "customer_id": f"c{number % CUSTOMERS}",
            "agent_id": f"a{number % AGENTS}",
            "complaint_category": "Payments",
            "resolution_status": status,
            "request_date": day,
        }
        for number in range(first, first + rows)
    ]


def test_large_days_after_a_small_one(warehouse: Warehouse) -> None:
    """The second day is new altogether; on the third one half of it is reported again, and every
    customer moves.
    """
    people(warehouse)
    warehouse.load_day(FIRST, call_logs=calls(0, SMALL, FIRST, "Backlog"))
    warehouse.build_models()
    warehouse.load_day(SECOND, call_logs=calls(SMALL, LARGE, SECOND, "Backlog"))
    with watched(LARGE // 4) as repeated:
        warehouse.build()
        assert repeated == []
        people(warehouse, THIRD, "Lane")
        warehouse.load_day(THIRD, call_logs=calls(SMALL + LARGE // 2, LARGE, THIRD, "Resolved"))
        warehouse.build()
    assert repeated == []


def test_complaint_that_comes_back_does_not_read_the_days_between(warehouse: Warehouse) -> None:
    people(warehouse)
    days = [FIRST + timedelta(days=number) for number in range(6)]
    for number, day in enumerate(days):
        warehouse.load_day(day, call_logs=calls(number * LARGE, LARGE, day, "Backlog"))
    warehouse.build_models()
    before = dict(warehouse.rows(_READ))
    today = days[-1] + timedelta(days=1)
    # others come back from the day before, as they do every day
    of_yesterday = calls((len(days) - 1) * LARGE, LARGE // 100, days[-1], "Resolved")
    new = calls(10**6, LARGE, today, "Backlog")
    warehouse.load_day(today, call_logs=[*calls(0, 1, FIRST, "Resolved"), *of_yesterday, *new])
    warehouse.build()
    between = {day_name("call_logs", day) for day in days[1:]}
    read = {name: rows - before[name] for name, rows in warehouse.rows(_READ) if name in between}
    assert read == dict.fromkeys(between, 0)
    assert warehouse.rows(
        "SELECT resolution_status, first_run_date, last_run_date, backlog_date "
        "FROM analytics.fct_complaint_lifecycle "
        "JOIN analytics.fct_complaints USING (complaint_key, resolution_status, last_run_date) "
        "WHERE fct_complaints.complaint_id = 'call-0'"
    ) == [("Resolved", FIRST, today, FIRST)]


def test_loads_replay_and_reports_of_a_large_day(warehouse: Warehouse, tmp_path: Path) -> None:
    """Most of it are orphans, whose customers come afterwards; then all of these move."""
    resources = Resources(
        platform="test",
        source=LocalStore(tmp_path / "source"),
        lake=LocalStore(tmp_path / "lake"),
        agents_url=None,
        warehouse_dsn=warehouse.dsn,
        web_forms_dsn=warehouse.dsn,
        max_quarantine=1,
    )
    source = tmp_path / "source"
    generate.sources(source, SMALL, FIRST, customers=SMALL, agents=AGENTS)
    for entity in ("customers", "agents", "call_logs"):
        load_one(entity, FIRST, resources)
    generate.sources(source, LARGE, SECOND, customers=LARGE, agents=AGENTS)
    with watched_load(LARGE // 4) as repeated:
        load_one("call_logs", SECOND, resources)
        load_one("customers", SECOND, resources)
        with connect(warehouse.dsn) as connection:
            (second,) = (r for r in replay._freed(connection, None, None) if r.run_date == SECOND)
        load_one("call_logs", SECOND, resources)
        file = source / PEOPLE.source_on(THIRD)
        file.write_text(file.read_text().replace("Main Street", "Side Street"))
        load_one("customers", THIRD, resources)
        with connect(warehouse.dsn) as connection:  # what runs and reports look up
            assert lost_days(connection) == []
            assert connection.execute(rebuild._INCOMPLETE, {"kept": None}).fetchall() == []
        read_summary(warehouse.dsn, SECOND, ["a run"])
        (*_, day, _) = read_history(warehouse.dsn, THIRD, due_before=THIRD)
    assert repeated == []
    assert day.ledger["call_logs"]["loaded"] > LARGE // 2
    assert second.free == second.orphans > LARGE // 2
    moved = "SELECT updated FROM ops.ledger WHERE entity = 'customers' ORDER BY run_date DESC"
    assert warehouse.rows(moved)[0] == (LARGE,)


# rows of each day's calls that were ever read one after the other
_READ = """
    SELECT relname, seq_tup_read FROM pg_stat_user_tables
    WHERE schemaname = 'conformed' AND relname ~ '^call_logs_'
"""
