"""Conformed tables → star schema, as a task: dbt, every model and test its own task run."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from prefect import task

from blocks import waiting
from blocks.database import LOCK_SECONDS, address, connect, is_there
from blocks.database_errors import lock_not_free
from blocks.errors import WarehouseBuildError
from blocks.resolving import resolve
from blocks.resources import Resources
from blocks.settings import settings
from tasks.loading import locks
from tasks.reporting.progress import board
from tasks.stage import OPTIONS, logger, stage

PROJECT = Path(__file__).parent.parent / "dbt"
DBT = "coretelecoms dbt"  # its sessions, by dbt/profiles.yml
SKIPPED = "skipped"  # dbt's word for a node behind a failed one


@dataclass(frozen=True)
class Built:
    """What a dbt build did; no nodes when another run's build had this run date in it."""

    nodes: int
    warnings: tuple[str, ...]
    seconds: float


@task(name="run_dbt", task_run_name="run_dbt", **OPTIONS)
def run_dbt(run_date: date | None, platform: str, full_refresh: bool = False) -> Built:
    """Build and test the star schema, for a run of that run date or of none in particular.

    `full_refresh`: from nothing, whatever was built before.

    Raises WarehouseBuildError naming each failed model or test, its rows, and its query.
    """
    with stage("run_dbt"):
        resources = resolve(platform)
        # one build at a time: dbt is not safe in two threads, nor its models in two processes.
        with locks.held(resources.warehouse_dsn, "dbt", wait=True):
            # a build takes all that is loaded: of days that wait together only the first builds.
            if run_date and _is_built(resources.warehouse_dsn, run_date):
                logger().info("Built already, together with another run")
                return Built(0, (), 0.0)
            with environment_of_dbt(resources):
                built = _build(resources, full_refresh)
        for warning in built.warnings:
            logger().warning(warning)
            board.note(warning)
        return built


def _is_built(dsn: str, run_date: date) -> bool:
    """Whether the last build that completed had all that the ledger has of the run date."""
    with connect(dsn, purpose="run_dbt") as connection:
        if not is_there(connection, "analytics.built_run_dates"):
            return False
        return connection.execute(
            """
            SELECT bool_and(built.loaded_at IS NOT DISTINCT FROM ledger.loaded_at)
            FROM ops.ledger LEFT JOIN analytics.built_run_dates AS built USING (entity, run_date)
            WHERE run_date = %s
            """,
            [run_date],
        ).fetchone() == (True,)


def all_built(platform: str) -> bool:
    """Whether the last build that completed had all that the ledger has."""
    with connect(resolve(platform).warehouse_dsn, purpose="run_dbt") as connection:
        if not is_there(connection, "ops.ledger"):
            return True
        if not is_there(connection, "analytics.built_run_dates"):
            return connection.execute("SELECT FROM ops.ledger LIMIT 1").fetchone() is None
        unbuilt = connection.execute(
            """
            SELECT FROM ops.ledger LEFT JOIN analytics.built_run_dates AS built
                USING (entity, run_date)
            WHERE built.loaded_at IS DISTINCT FROM ledger.loaded_at LIMIT 1
            """
        ).fetchone()
        return unbuilt is None


def _build(resources: Resources, full_refresh: bool = False) -> Built:
    # dbt takes a second to import: only a run that gets here pays.
    from dbt_common.events.base_types import EventLevel
    from prefect_dbt import PrefectDbtSettings

    from tasks.dbt_errors import quote_no_values
    from tasks.dbt_runner import InProcessDbtRunner

    quote_no_values()
    started = time.monotonic()
    target = settings().home.resolve() / "dbt"
    runner = InProcessDbtRunner(
        settings=PrefectDbtSettings(
            project_dir=PROJECT,
            profiles_dir=PROJECT,
            target_path=target / "target",
            log_level=EventLevel.INFO,
        ),
        raise_on_failure=False,
    )
    models = 0

    @runner.post_model
    def count(node: Any) -> None:
        nonlocal models
        if node.status != SKIPPED:
            models += 1
            board.add_rows("run_dbt", 1)

    # unit tests try the models' logic on made-up rows: `make test` runs them, no daily run does.
    command = ["build", "--exclude-resource-type", "unit_test", "--log-path", str(target / "logs")]
    command += ["--full-refresh"] * full_refresh
    dsn = resources.warehouse_dsn
    try:
        with waiting.watched_over(dsn, DBT, LOCK_SECONDS) as waited_for:
            answer = runner.invoke(command)
    except ValueError:  # what prefect-dbt makes of a dbt that got nowhere
        _ask(dsn, waited_for)
        raise WarehouseBuildError(
            "dbt did not start building",
            where=f"{PROJECT.name}/ (dbt's log in {target / 'logs'})",
            todo="read the end of the log: a model that can't be parsed, or a connection that "
            "dbt can't make; the conformed tables are loaded already",
        ) from None
    results = list(getattr(answer.result, "results", None) or [])
    board.add_rows("run_dbt", sum(str(r.status) != SKIPPED for r in results) - models)
    broken = [r for r in results if str(r.status) in ("error", "fail", "runtime error")]
    if broken or not answer.success:
        _ask(dsn, waited_for)
        for result in broken:
            if result.node.compiled_code:
                logger().error("The query of %s:\n%s", result.node.name, result.node.compiled_code)
        raise WarehouseBuildError(
            "; ".join(_said(result) for result in broken) or "dbt did not start building",
            where=f"{PROJECT.name}/ (compiled queries and logs in {target})",
            todo="run the query to see the rows, fix the data or the model, then run again: "
            "the conformed tables are loaded already",
        )
    warned = tuple(_said(r) for r in results if str(r.status) == "warn")
    return Built(len(results), warned, time.monotonic() - started)


def parse(resources: Resources) -> None:
    """Have dbt parse its project, so that the next build in this process needs half a second less.

    Says nothing: a project that can't be parsed is for the build to name.
    """
    from dbt.cli.main import dbtRunner

    folder = settings().home.resolve() / "dbt"
    command = ["parse", "--no-write-json", "--log-level", "none", "--log-level-file", "none"]
    command += ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    command += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    with environment_of_dbt(resources):
        dbtRunner().invoke(command)


def _ask(dsn: str, waited_for: list[str]) -> None:
    """Raise DatabaseUnavailableError, to be tried again, if that is why a build failed."""
    if waited_for:
        raise lock_not_free(waited_for[0], address(dsn))
    with connect(dsn, purpose="run_dbt"):
        pass


@contextmanager
def environment_of_dbt(resources: Resources) -> Iterator[None]:
    """What `dbt/profiles.yml` reads is in the environment during the block, and not after it.

    What dbt and prefect-dbt would read of another project is not: each of their options has a
    variable DBT_*.
    """
    before = dict(os.environ)
    theirs = [name for name in before if name.startswith("DBT_")]
    given = environment(resources.warehouse_dsn, resources.readers)
    for name in theirs:
        del os.environ[name]
    os.environ |= given
    try:
        yield
    finally:
        for name in {*given, *theirs}:
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


def environment(dsn: str, readers: str = "") -> dict[str, str]:
    """The warehouse, and the role that reads it, as the variables that `dbt/profiles.yml` lists.

    As libpq found it: which of several hosts answered, what its own defaults filled in.
    """
    with connect(dsn, purpose="dbt") as connection:
        ours = [option for (option,) in connection.execute(_LIMITS)]
        theirs = filter(None, [os.environ.get("PGOPTIONS")])
        info = connection.info
        given = info.get_parameters()
        return {
            "CORETELECOMS_DBT_HOST": info.host,
            "CORETELECOMS_DBT_PORT": str(info.port),
            "CORETELECOMS_DBT_USER": info.user,
            "CORETELECOMS_DBT_DATABASE": info.dbname,
            "CORETELECOMS_DBT_READERS": readers,
            "CORETELECOMS_DBT_SSLMODE": given.get("sslmode", "prefer"),
            "CORETELECOMS_DBT_SSLROOTCERT": given.get("sslrootcert", ""),
            "CORETELECOMS_DBT_SSLCERT": given.get("sslcert", ""),
            "CORETELECOMS_DBT_SSLKEY": given.get("sslkey", ""),
            "DBT_ENV_SECRET_CORETELECOMS_DBT_PASSWORD": info.password,
            "PGCLIENTENCODING": "UTF8",
            **({"PGOPTIONS": " ".join((*theirs, *ours))} if ours else {}),
        }


# what would end sessions of this role; not every pooler lets options through, so only then.
_LIMITS = """
    SELECT format('-c %s=%s', name, wanted)
    FROM pg_settings JOIN (VALUES
        ('statement_timeout', '0', '0'),
        ('lock_timeout', '0', '10min'),
        ('idle_in_transaction_session_timeout', '0', '0'),
        ('idle_session_timeout', '0', '0'),
        ('transaction_timeout', '0', '0'),
        ('default_transaction_isolation', 'read committed', E'read\\\\ committed')
    ) AS ours (name, usual, wanted) USING (name)
    WHERE reset_val <> usual
"""


def _said(result: Any) -> str:
    """One result in words: a test by its rows and query, a model by its name and what was wrong."""
    name, kind = result.node.name, result.node.resource_type
    if result.failures is None:
        # the first line says where, the second what, the others how dbt got there.
        what = "".join((result.message or "").splitlines()[1:2]).strip()
        return f"dbt {kind} {name} ended in {result.status}" + (what and f": {what}")
    query = getattr(result.node, "compiled_path", None)
    return f"dbt {kind} {name}: {result.failures} rows" + (f" (query: {query})" if query else "")
