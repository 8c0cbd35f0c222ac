"""One Prefect test server a session, and flows run as they are on the embedded default."""

import fcntl
import functools
import os
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from copy import deepcopy
from pathlib import Path
from tempfile import NamedTemporaryFile, mkdtemp
from typing import TYPE_CHECKING
from unittest import mock

import certifi
import httpx
import pytest

from blocks import server, temporary_server
from tests.integration.s3_server import s3, s3_server  # noqa: F401

if TYPE_CHECKING:
    from tests.integration.daily_runs import DailyRuns
    from tests.integration.forker import Forker
    from tests.integration.graph import Bodies

# every client of Prefect's reads all certificate authorities, for 30 ms. Here is one, the first.
AUTHORITY = NamedTemporaryFile("w", suffix=".pem")  # noqa: SIM115 (it goes with the process)
AUTHORITY.write(Path(certifi.where()).read_text().partition("\n-----END")[0])
AUTHORITY.write("\n-----END CERTIFICATE-----\n")
AUTHORITY.flush()

# read when Prefect is imported, so before any test module imports a flow.
server.configure(server.TEMPORARY)
os.environ |= {
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "SSL_CERT_FILE": AUTHORITY.name,
    "CORETELECOMS_RETRY_SECONDS": "0.05",
    "POLARS_CLOUD_RETRY_INIT_BACKOFF_MS": "10",
    # what a server does besides runs: automations have a server of their own (test_deployments);
    # who wants to know of events listens (test_publish): to write all of them down is a quarter of
    # a server's work.
    **{
        f"PREFECT_SERVER_SERVICES_{service}_ENABLED": "false"
        for service in (
            *("TRIGGERS", "EVENT_PERSISTER", "SCHEDULER", "LATE_RUNS", "FOREMAN", "REPOSSESSOR"),
            *("CANCELLATION_CLEANUP", "PAUSE_EXPIRATIONS"),
        )
    },
}


def one_schema_a_block() -> None:
    """Prefect makes a block's JSON schema again for each field: seconds to save a platform."""
    from prefect.blocks.core import Block

    of_class = functools.cache(Block.model_json_schema.__func__)  # type: ignore[attr-defined]
    Block.model_json_schema = classmethod(  # type: ignore[assignment, method-assign]
        lambda cls, *args, **options: deepcopy(of_class(cls, *args, **options))
    )


@contextmanager
def made_once(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A server starts on this database in the block. A new one takes it a hundred steps, which is
    most of its start: the session's first one, in whatever process, goes them, and the others begin
    with a copy of what was made.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of all workers
    made = shared / "prefect.db"
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        first = not made.exists()
        if not first:
            shutil.copy(made, database)
            fcntl.flock(lock, fcntl.LOCK_UN)
        yield
        if first:
            with closing(sqlite3.connect(database)) as one, closing(sqlite3.connect(made)) as other:
                one.backup(other)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Prefect server with a database of its own, for every test that runs a flow."""
    one_schema_a_block()
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    def start(server: SubprocessASGIServer) -> "subprocess.Popen[bytes]":
        with socket.create_server(("127.0.0.1", server.port or 0)) as listening:
            process = temporary_server.serve(listening)
        httpx.get(f"{server.api_url}/health", timeout=180, trust_env=False)
        return process

    # it has a database elsewhere; this word makes it keep to one connection, as ours do.
    folder = mkdtemp(prefix=":memory:")
    with ExitStack() as stack:
        stack.enter_context(mock.patch("prefect.testing.utilities.mkdtemp", return_value=folder))
        # as a run starts its own: a fifth of a server's work was to look for garbage.
        ours = mock.patch.object(SubprocessASGIServer, "_run_uvicorn_command", start)
        with made_once(Path(folder) / "prefect-test.db", tmp_path_factory), ours:
            stack.enter_context(prefect_test_harness(server_startup_timeout=180))
        stack.enter_context(temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}))
        yield


@contextmanager
def parsed_once(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """dbt finds parsed in this home what it has parsed in another one, for the kept database."""
    here = home / "dbt/target/partial_parse.msgpack"
    kept = tmp_path_factory.getbasetemp() / here.name
    if kept.exists():
        here.parent.mkdir(parents=True)
        shutil.copy(kept, here)
    yield
    if here.exists():
        shutil.copy(here, kept)


@pytest.fixture
def local(
    prefect_server: None,
    postgres: str,
    database: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """The platform `local` with a home and a database of this test's own; gives the home.

    The first-run Variable is unset before and after. What dbt has parsed once is there, as it is
    from the second run on.
    """
    from prefect.variables import Variable

    from blocks.resolving import forget
    from blocks.settings import settings
    from tasks.gate import FIRST_RUN

    home = tmp_path / "home"
    monkeypatch.setenv("CORETELECOMS_HOME", str(home))
    monkeypatch.setenv("CORETELECOMS_WAREHOUSE_DSN", database)
    settings.cache_clear()
    forget()
    Variable.unset(FIRST_RUN)
    with parsed_once(home, tmp_path_factory):
        yield home
    Variable.unset(FIRST_RUN)
    settings.cache_clear()
    forget()


@pytest.fixture(scope="module")
def bodies(
    prefect_server: None, postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Bodies"]:
    """The graph with trivial bodies below its tasks, on a database of the module's own."""
    from tests.integration.graph import graph_alone

    with graph_alone(postgres, tmp_path_factory.mktemp("home")) as bodies:
        yield bodies


@pytest.fixture(scope="session")
def forker(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Forker"]:
    """Starts command lines of the pipeline in processes of their own, quickly."""
    from tests.integration.forker import forking

    with forking(tmp_path_factory.mktemp("forker")) as forker:
        yield forker


@pytest.fixture(scope="session")
def daily_runs(
    forker: "Forker", postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["DailyRuns"]:
    """Two undisturbed runs on sample data, to begin from and to compare with."""
    from tests.integration.daily_runs import undisturbed

    with undisturbed(forker, postgres, tmp_path_factory.mktemp("daily_runs")) as daily_runs:
        yield daily_runs
