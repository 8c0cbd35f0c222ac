"""What tests share: one real PostgreSQL a session, and a new database and stores for each test."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from blocks import embedded
from blocks.resources import Resources
from blocks.stores.local import LocalStore
from tasks.loading import locks

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

PROJECT = Path(__file__).parents[1] / "dbt"

# the same examples at every run: a suite that sometimes fails doesn't show what changed.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# the processes that tests start would compile our modules again each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """On several cores each worker keeps to one of them, with all that it starts.

    A run's threads take turns at Python's lock, and at Prefect's server: across two cores that
    takes a quarter more processor time than on one (CONTRIBUTING.md).
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if worker and hasattr(os, "sched_setaffinity"):  # Linux has it
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, [cores[int(worker) % len(cores)]])


NO_GRACE_MS = 10

DBT = (
    "test_warehouse",
    "test_readers",
    "test_plans",
    "test_replay",
    "test_dbt_project",
)  # its first use is slow
# these take longest: on several cores they begin first, so that none is waited for in the end. The
# first one makes the database of Prefect's server for all of them, the second one needs none.
LONGEST = (
    *("test_kill", "test_exact", "test_deployments", "test_gate", "test_docs", "test_dask"),
    *(*DBT, "test_bad_input", "test_screen", "test_gate_rules", "test_s3", "test_odd_input"),
    *("test_retries", "test_platform"),
)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in this hook, too
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On several cores, tests with the same costly start go together; the rest goes by file."""

    def turn(item: pytest.Item) -> tuple[bool, int]:
        there = item.path.stem in LONGEST
        return not there, LONGEST.index(item.path.stem) if there else 0

    for item in items:
        group = "dbt" if item.path.stem in DBT else item.path.stem
        if "daily_runs" in getattr(item, "fixturenames", ()):
            group = "daily_runs"
        item.add_marker(pytest.mark.xdist_group(group))
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=turn)


def pytest_collection_finish() -> None:
    """All that was imported stays to the end: no search for garbage needs to look at it."""
    gc.freeze()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """An embedded PostgreSQL that lives as long as the session.

    Not under pytest's folder: as root the server runs as a user of its own, and each pytest that
    starts meanwhile closes that folder to others.
    """
    with (
        TemporaryDirectory(prefix="coretelecoms-", ignore_cleanup_errors=True) as folder,
        embedded.server(Path(folder)) as server,
    ):
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # what tests write must outlive PostgreSQL, not the machine.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server


@pytest.fixture(scope="session")
def postgres(postgres_server: Any) -> str:
    """Its DSN."""
    return str(postgres_server.get_uri())


@contextmanager
def new_database(server: str, name: str | None = None) -> Iterator[str]:
    """The DSN of a new, empty database, dropped at the end of the block."""
    name = name or f"test_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    parts = psycopg.conninfo.conninfo_to_dict(server)
    yield f"postgresql://{parts['user']}:@/{name}?host={parts['host']}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def kept_database(postgres: str) -> Iterator[str]:
    """The database that one test after the other has to itself."""
    with new_database(postgres) as dsn:
        yield dsn


@contextmanager
def emptied(dsn: str) -> Iterator[str]:
    """A database, empty again after the block. To empty it costs half of making one."""
    yield dsn
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        drop_schemas(connection)
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(database))


def drop_schemas(connection: psycopg.Connection) -> None:
    """All that anybody made in the database, the sample web forms, too."""
    schemas = connection.execute(
        "SELECT nspname FROM pg_namespace "
        "WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
    ).fetchall()
    names = sql.SQL(", ").join(sql.Identifier(name) for (name,) in schemas)
    connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(names))
    connection.execute("CREATE SCHEMA public")


@pytest.fixture
def database(kept_database: str) -> Iterator[str]:
    """An empty database of this test's own."""
    with emptied(kept_database):
        yield kept_database


@pytest.fixture(scope="session")
def dbt_project(tmp_path_factory: pytest.TempPathFactory) -> "Manifest":
    """The dbt project, parsed for a database called `warehouse`; needs none."""
    from dbt.cli.main import dbtRunner

    target = str(tmp_path_factory.mktemp("dbt"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CORETELECOMS_DBT_DATABASE", "warehouse")
        answer = dbtRunner().invoke(
            [
                *("parse", "--quiet"),
                *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
                *("--target-path", target, "--log-path", target),
            ]
        )
    assert answer.success, answer.exception
    return answer.result  # type: ignore[return-value]


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that somebody holds is not waited for: no killed client's session is about to end."""
    monkeypatch.setattr(locks, "GRACE_MS", NO_GRACE_MS)


@pytest.fixture
def resources(tmp_path: Path, database: str) -> Resources:
    """A platform on folders of this test and its own database; small batches, so that several come.

    Sources are read from `tmp_path / "source"`, web forms from the same database.
    """
    return Resources(
        platform="test",
        source=LocalStore(tmp_path / "source"),
        lake=LocalStore(tmp_path / "lake"),
        agents_url=None,
        warehouse_dsn=database,
        web_forms_dsn=database,
        batch_rows=7,
    )
