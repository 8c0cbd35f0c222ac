"""The database of Prefect's server as `make server` starts it: its own file, in one connection."""

import os
import pty
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import prefect
import pytest
from alembic.script import ScriptDirectory
from prefect.server.database.orm_models import AioSqliteORMConfiguration
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_SERVER_DATABASE_CONNECTION_URL,
    temporary_settings,
)

from blocks.errors import ConfigurationError
from blocks.server import keep_to_one_connection
from tests.integration.conftest import made_once
from tests.integration.server import ROOT, Server, ended, running, wait_for

ADDRESS = "PREFECT_SERVER_DATABASE_CONNECTION_URL"


@pytest.fixture(autouse=True)
def no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is set before the test, nor after it."""
    monkeypatch.setenv(ADDRESS, "")
    monkeypatch.delenv(ADDRESS)


@contextmanager
def own_database(home: Path, *, api: str | None = None) -> Iterator[None]:
    """Prefect keeps its database in this folder, as it does without any setting."""
    chosen = f"sqlite+aiosqlite:///{home}/prefect.db"
    with temporary_settings(
        {
            PREFECT_HOME: home,
            PREFECT_SERVER_DATABASE_CONNECTION_URL: chosen,
            PREFECT_API_URL: api,
        }
    ):
        yield


def migrated(home: Path, *revisions: str) -> Path:
    """A prefect.db that the steps of these names have made."""
    with closing(sqlite3.connect(home / "prefect.db")) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.executemany("INSERT INTO alembic_version VALUES (?)", [(r,) for r in revisions])
        database.commit()
    return home / "prefect.db"


@pytest.mark.parametrize("folder", ["plain", "a b%20c?d#e"])
def test_its_own_file(tmp_path: Path, folder: str) -> None:
    home = tmp_path / folder
    home.mkdir()
    with own_database(home):
        keep_to_one_connection()
    address = os.environ[ADDRESS].removeprefix("sqlite+aiosqlite:///")
    assert ":memory:" in address
    assert quote(str(home)) in address
    with closing(sqlite3.connect(address, uri=True)) as database:
        database.execute("CREATE TABLE there (is_it INT)")
    assert (home / "prefect.db").exists()
    with own_database(home):  # one in which no server has been yet
        keep_to_one_connection()


@pytest.mark.parametrize(
    "chosen",
    ["postgresql+asyncpg://prefect@db/prefect", "sqlite+aiosqlite:////var/lib/prefect.db"],
)
def test_another_database_stays(chosen: str) -> None:
    with temporary_settings(
        {PREFECT_SERVER_DATABASE_CONNECTION_URL: chosen, PREFECT_API_URL: None}
    ):
        keep_to_one_connection()
    assert ADDRESS not in os.environ


def test_every_database_of_this_prefect_or_an_older_one_is_taken(tmp_path: Path) -> None:
    steps = ScriptDirectory(
        str(prefect.__module_path__ / "server/database/_migrations"),
        version_locations=[AioSqliteORMConfiguration().versions_dir],
    )
    revisions = [step.revision for step in steps.walk_revisions()]
    assert len(revisions) > 100
    migrated(tmp_path, *revisions)
    with own_database(tmp_path):
        keep_to_one_connection()


@pytest.mark.parametrize("temporary", [True, False])
@pytest.mark.parametrize("folder", ["plain", "a b%20c?d#e"])
def test_the_database_of_a_newer_prefect_is_named(
    tmp_path: Path, folder: str, temporary: bool
) -> None:
    home = tmp_path / folder
    home.mkdir()
    file = migrated(home, "of_a_newer_one")
    with own_database(home), pytest.raises(ConfigurationError) as error:
        keep_to_one_connection(temporary=temporary)
    assert error.value.where == str(file)
    assert "docs/runbooks/upgrade.md" in error.value.todo


def test_it_is_nobodys_business_where_another_server_is_asked(tmp_path: Path) -> None:
    migrated(tmp_path, "of_a_newer_one")
    with own_database(tmp_path, api="http://127.0.0.1:4200/api"):
        keep_to_one_connection()
        with pytest.raises(ConfigurationError):  # `make server` starts one all the same
            keep_to_one_connection(temporary=False)


def command(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command of ours with no setting but the homes."""
    ours = re.compile("PREFECT_|CORETELECOMS_")
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env={name: value for name, value in os.environ.items() if not ours.match(name)}
        | {"PREFECT_HOME": str(home), "CORETELECOMS_HOME": str(home / "home")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,  # Prefect itself tries for 180 seconds and more
    )


@pytest.mark.parametrize(
    "arguments", [["flows.daily", "--run-date", "2025-11-21"], ["blocks.server", "--port", "1"]]
)
def test_a_command_stops_at_once_and_names_the_database(
    tmp_path: Path, arguments: list[str]
) -> None:
    file = migrated(tmp_path, "of_a_newer_one")
    done = command(tmp_path, *arguments)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert str(file) in said
    assert "Traceback" not in said


def test_a_temporary_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "prefect.db").write_bytes(b"no database at all, " * 100)
    done = command(tmp_path, "flows.static_data", "--run-date", "2025-11-21")
    assert done.returncode == 1
    assert "Prefect's temporary server did not start" in done.stdout
    assert "file is not a database" in (tmp_path / "home/logs/output.log").read_text()


def test_make_server_asks_nothing(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """On a terminal Prefect itself asks whether to change the person's profile, and waits."""
    server = Server(tmp_path)
    del server.environment["PREFECT_API_URL"]
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    log = tmp_path / "server.log"

    def answers() -> bool:
        with suppress(BlockingIOError), log.open("ab") as file:
            file.write(os.read(master, 65536))
        return server.answers() or process.poll() is not None

    with made_once(server.prefect_database, tmp_path_factory):
        process = subprocess.Popen(
            [sys.executable, "-m", "blocks.server", "--port", str(server.port)],
            cwd=ROOT,
            env=server.environment | {"TERM": "xterm"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            text=True,
        )
        with ended(process):
            wait_for(answers, "the server", log)
            assert process.poll() is None, log.read_text()
    os.close(slave)
    os.close(master)
    assert "Check out the dashboard" in log.read_text()
    assert not (tmp_path / "prefect" / "profiles.toml").exists()


def test_a_run_keeps_its_deployments_slot_when_the_server_restarts(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As Prefect starts it, it forgets whose slots are taken: nobody can renew or free them."""
    server = Server(tmp_path)
    # a server takes leases away from clients too old to renew them.
    agent = {"User-Agent": f"prefect/{prefect.__version__} (API 0.8.4)"}

    def post(path: str, wanted: int, **body: object) -> Any:
        answer = httpx.post(f"{server.url}/{path}", json=body, headers=agent, timeout=60)
        assert answer.status_code == wanted, answer.text
        return answer.json() if answer.content else None

    with made_once(server.prefect_database, tmp_path_factory), running(server):
        flow = post("flows/", 201, name="any")["id"]
        of_flow = {"name": "any", "flow_id": flow, "concurrency_limit": 1}
        deployment = post("deployments/", 201, **of_flow)["id"]
        run = post(f"deployments/{deployment}/create_flow_run", 201)["id"]
        for state in ("PENDING", "RUNNING"):
            post(f"flow_runs/{run}/set_state", 201, state={"type": state})
        found = httpx.get(f"{server.url}/flow_runs/{run}", timeout=60).json()
        lease = found["state"]["state_details"]["deployment_concurrency_lease_id"]
    with running(server):
        renew = f"v2/concurrency_limits/leases/{lease}/renew"
        post(renew, 204, lease_duration=60)
