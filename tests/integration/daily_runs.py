"""Daily runs on the embedded default's sample days, each in a process of its own; what they leave.

Two of them run once a session, undisturbed: the first (initial) and the second (incremental), which
builds the warehouse of both. Tests begin where one of them began or ended, disturb their own run,
and compare what it leaves.
"""

import itertools
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import psycopg
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterName,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.client.schemas.sorting import FlowRunSort, LogSort
from prefect.exceptions import ObjectNotFound
from prefect.variables import Variable
from psycopg import sql

from blocks import samples
from tasks.gate import FIRST_RUN
from tests.conftest import new_database
from tests.integration.forker import Child, Forker
from tests.integration.snapshot import ALL, LOADED, Tables, differing, snapshot

FIRST, SECOND = date(2025, 11, 20), date(2025, 11, 21)
NO_DBT = {"tasks.warehouse:_build": "tests.integration.forker:nothing"}
DBT_QUERY = "dbt.adapters.postgres.connections:PostgresConnectionManager.add_query"
STATIC_TABLES = ("conformed.customers", "conformed.agents")
# a day of some 1,200 complaints comes in several batches.
SETTINGS = {"CORETELECOMS_BATCH_ROWS": "100"}


@dataclass(frozen=True)
class Place:
    """Where a run works: its home with lake and sources, and its database."""

    home: Path
    dsn: str
    server: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "CORETELECOMS_HOME": str(self.home),
            "CORETELECOMS_WAREHOUSE_DSN": self.dsn,
            **SETTINGS,
        }

    @contextmanager
    def copied(self, name: str | None = None) -> Iterator["Place"]:
        """A place that begins as this one is, and is gone afterwards. Nobody is at work here.

        The first free name is taken: dbt parses its project again for a database of another name.
        """
        original = psycopg.conninfo.conninfo_to_dict(self.dsn)["dbname"]
        with psycopg.connect(self.server, autocommit=True) as connection:
            taken = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
            name = name or next(
                free for n in itertools.count() if (free := f"night_{n}") not in taken
            )
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(str(original))
                )
            )
        home = self.home.with_name(f"home-{name}")
        if self.home.exists():
            shutil.copytree(self.home, home)
        yield Place(home, self.dsn.replace(str(original), name), self.server)
        with psycopg.connect(self.server, autocommit=True) as connection:  # a test may have cut it
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )
        shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True)
class Left:
    """What a run left: the tables, and the lake's files."""

    tables: Tables
    lake: dict[str, pl.DataFrame]

    def differences(self, undisturbed: "Left", schemas: tuple[str, ...] = LOADED) -> list[str]:
        """Tables (of these schemas) and files that are not as an undisturbed run left them."""
        found, expected = (
            {name: rows for name, rows in left.tables.items() if name.split(".")[0] in schemas}
            for left in (self, undisturbed)
        )
        tables = [f"{name}: {counts}" for name, counts in differing(found, expected).items()]
        files = self.lake.keys() ^ undisturbed.lake.keys()
        files |= {
            name
            for name, frame in self.lake.items()
            if name in undisturbed.lake and not frame.equals(undisturbed.lake[name])
        }
        return tables + sorted(files)


def left_at(place: Place) -> Left:
    """What there is now. No staging table but those in it, no lock of ours: else it fails."""
    with psycopg.connect(place.dsn, autocommit=True) as connection:
        for _ in range(1000):  # a session ends a moment after its process
            held = connection.execute(
                "SELECT pid, objid FROM pg_locks JOIN pg_database ON oid = database "
                "WHERE locktype = 'advisory' AND datname = current_database()"
            ).fetchall()
            if not held:
                break
            time.sleep(0.01)
        assert not held
    lake = place.home / "lake"
    # what begins with a dot is half a file of a killed process; it is swept a day later.
    files = [path for path in lake.rglob("*.parquet") if not path.name.startswith(".")]
    return Left(
        snapshot(place.dsn, ALL),
        {str(path.relative_to(lake)): pl.read_parquet(path, glob=False) for path in files},
    )


def complaints(place: Place, day: date) -> Tables:
    """What is loaded and in quarantine of a run date."""
    tables = snapshot(place.dsn, ("conformed", "quarantine"), day)
    return {name: rows for name, rows in tables.items() if name not in STATIC_TABLES}


def published(folder: Path, days: Sequence[date], place: Place) -> dict[str, str]:
    """The sources of these days in one folder, and their web forms; the setting that says so."""
    for day in days:
        samples.ensure(folder, place.dsn, day)
    return {"CORETELECOMS_SOURCE_URL": str(folder)}


@dataclass
class DailyRuns:
    """Starts runs; has the two undisturbed ones' beginnings and ends."""

    forker: Forker
    before: Place  # an empty database and no home: the first run begins here
    after_first: Place
    first: Left = field(init=False)
    second: Left = field(init=False)
    built: FlowRun = field(init=False)  # the second run's, the one that ran dbt
    days: dict[date, Tables] = field(init=False)  # complaints and quarantine of both dates
    seconds: float = field(init=False)  # what a run without dbt takes

    def start(self, place: Place, run_date: date = SECOND, *options: str, **how: Any) -> Child:
        """Begin a run in a process of its own; see `Forker.start`."""
        arguments = ["--plain", "--run-date", str(run_date), *options]
        how.setdefault("replace", NO_DBT)
        environment: Mapping[str, str] = place.environment | how.pop("environment", {})
        return self.forker.start("daily", arguments, environment, **how)

    def start_backfill(
        self, place: Place, start: date, end: date, *options: str, **how: Any
    ) -> Child:
        """Begin a backfill in a process of its own."""
        arguments = ["--plain", "--from", str(start), "--to", str(end), *options]
        how.setdefault("replace", NO_DBT)
        return self.forker.start("backfill", arguments, place.environment, **how)

    def run(self, place: Place, run_date: date = SECOND, *options: str, **how: Any) -> str:
        """A whole run; what it wrote on the terminal."""
        child = self.start(place, run_date, *options, **how)
        assert child.wait() == 0, child.said
        return child.said


@contextmanager
def undisturbed(forker: Forker, server: str, folder: Path) -> Iterator[DailyRuns]:
    """The two undisturbed runs, and all that tests need to begin where they began or ended."""
    with ExitStack() as places:
        dsn = places.enter_context(new_database(server, "before"))
        empty = Place(folder / "home-before", dsn, server)
        Variable.unset(FIRST_RUN)
        after = places.enter_context(empty.copied("after_first"))
        samples.ensure(after.home / "sources", after.dsn, FIRST)
        daily_runs = DailyRuns(forker, empty, after)
        began = time.monotonic()
        daily_runs.run(after, FIRST)
        daily_runs.seconds = time.monotonic() - began
        assert Variable.get(FIRST_RUN) == "false"
        daily_runs.first = left_at(after)
        samples.ensure(after.home / "sources", after.dsn, SECOND)  # once, not at every second run
        with after.copied() as place:
            daily_runs.run(place, replace={})
            daily_runs.second = left_at(place)
            daily_runs.built = last_flow_run(f"daily-{SECOND}-incremental")
            shutil.copytree(
                place.home / "dbt", after.home / "dbt", dirs_exist_ok=True
            )  # parsed once
            daily_runs.days = {day: complaints(place, day) for day in (FIRST, SECOND)}
        yield daily_runs
        Variable.unset(FIRST_RUN)


def last_flow_run(name: str) -> FlowRun:
    """The flow run whose name begins so that began last."""
    with get_client(sync_client=True) as client:
        (found,) = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(name=FlowRunFilterName(like_=name)),
            sort=FlowRunSort.START_TIME_DESC,
            limit=1,
        )
        return found


def logged(run: FlowRun) -> list[tuple[str, str]]:
    """What a flow run wrote into Prefect's log, each line with the name of its task, or ""."""
    mine = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))
    with get_client(sync_client=True) as client:
        logs = client.read_logs(mine, limit=200, sort=LogSort.TIMESTAMP_ASC)
        tasks = {log.task_run_id for log in logs if log.task_run_id}
        names = {task: _ended(client, task).name for task in tasks}
    return [(names.get(log.task_run_id, ""), log.message) for log in logs]  # type: ignore[arg-type]


def _ended(client: SyncPrefectClient, task: UUID) -> TaskRun:
    """A task run with its last name and state, which the server has a moment after the run's end.

    One that was killed has none; it is given as it is.
    """
    for _ in range(200):
        with suppress(ObjectNotFound):
            run = client.read_task_run(task)
            if run.state and run.state.is_final():
                return run
        time.sleep(0.05)
    return client.read_task_run(task)
