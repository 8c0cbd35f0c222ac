"""`python -m flows.tidy`: what is old is said, then removed; what is needed stays."""

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prefect.server.database import provide_database_interface
from prefect.server.schemas.states import StateType
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.resolving import forget, resolve
from blocks.settings import settings
from flows import tidy
from tasks import retention
from tasks.loading import locks
from tasks.loading.tables import create_all_tables
from tests.integration.conftest import made_once
from tests.integration.test_server import ADDRESS, own_database

TODAY = datetime.now(UTC).date()
OLD, NEW = TODAY - timedelta(40), TODAY - timedelta(10)
KEEP = {"BRONZE": "30", "SILVER": "30", "REJECTED": "30", "LOGS": "30"}
LAYERS = ("bronze", "silver", "problems", "rejects")


@pytest.fixture
def lake(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A lake with an old and a new day of every layer, on the platform `local`."""
    home = tmp_path / "home"
    for name, value in {"HOME": str(home), "WAREHOUSE_DSN": database}.items():
        monkeypatch.setenv(f"CORETELECOMS_{name}", value)
    for name, days in KEEP.items():
        monkeypatch.setenv(f"CORETELECOMS_KEEP_{name}", days)
    settings.cache_clear()
    forget()
    for layer in LAYERS:
        for entity in ("customers", "call_logs"):
            for day in (OLD, NEW):
                put(home / f"lake/{layer}/{entity}/{day}.parquet")
    put(home / f"lake/bronze/call_logs/{OLD}.manifest.json")
    put(home / f"lake/silver/call_logs/.{OLD}.parquet.0a1b2c3d/part")  # of a killed writer
    put(home / "lake/silver/call_logs/readme.txt")  # somebody's own
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        yield home / "lake"
    settings.cache_clear()
    forget()


def put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"1234567890")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def said(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    code = tidy.main([*options, "--json"])
    return code, json.loads(capsys.readouterr().out)["layers"]


def test_what_a_rebuild_needs_stays(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(lake)
    code, layers = said(capsys)
    assert code == 0
    assert files(lake) == before  # it was only said
    assert (layers["bronze"]["number"], layers["bronze"]["bytes"]) == (2, 20)
    assert (layers["silver"]["number"], layers["silver"]["bytes"]) == (7, 70)

    assert said(capsys, "--yes") == (code, layers)
    gone = {f"{layer}/call_logs/{OLD}.parquet" for layer in LAYERS}
    gone |= {f"{layer}/customers/{OLD}.parquet" for layer in LAYERS[1:]}
    gone |= {f"bronze/call_logs/{OLD}.manifest.json"}
    gone |= {f"silver/call_logs/.{OLD}.parquet.0a1b2c3d/part"}
    assert before - files(lake) == gone

    assert said(capsys, "--yes")[1]["silver"]["number"] == 0  # nothing is left to do


def test_all_bronze_and_rejected_rows_stay_unless_it_is_set(
    lake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("BRONZE", "REJECTED"):
        monkeypatch.delenv(f"CORETELECOMS_KEEP_{name}")
    settings.cache_clear()
    assert tidy.main(["--yes"]) == 0
    assert len(files(lake / "bronze")) == 5
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "bronze     all is kept"
    # the day may have changed since the tests were collected.
    limits = (TODAY - timedelta(30), TODAY - timedelta(29))
    assert lines[1] in {f"silver     7 files from before {limit}, 70 B" for limit in limits}
    assert lines[2] == "rejected   all is kept"


@pytest.mark.parametrize("lock", [("run date", OLD), ("first run",)], ids=["day", "static"])
def test_files_of_a_run_at_work_stay(
    lake: Path, database: str, lock: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    entity = "call_logs" if len(lock) == 2 else "customers"
    mine = {name for name in files(lake) if f"/{entity}/" in name and "silver/" in name}
    with locks.held(database, *lock):
        _, layers = said(capsys, "--yes")
    assert layers["silver"]["at_work"] > 0
    assert mine <= files(lake)
    said(capsys, "--yes")
    assert not mine <= files(lake)


def test_rejected_rows(lake: Path, database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys)[1]["rejected"]["number"] == 0  # there is no table yet
    with psycopg.connect(database) as connection:
        create_all_tables(connection)
        for day in (OLD, NEW):
            connection.execute(
                "INSERT INTO quarantine.records (entity, run_date, issue, reason, record) "
                "VALUES ('call_logs', %s, 'orphan', 'customer_id is missing', '{}')",
                [day],
            )
            connection.execute(
                "INSERT INTO ops.field_problems VALUES ('call_logs', %s, 'c1', 'f', 'v')", [day]
            )
    rejected = said(capsys, "--yes")[1]["rejected"]
    assert rejected["number"] == 2
    assert rejected["bytes"] > 0
    with psycopg.connect(database) as connection:
        for table in ("quarantine.records", "ops.field_problems"):
            assert connection.execute(f"SELECT run_date FROM {table}").fetchall() == [(NEW,)]


def test_logs(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    resolve()  # makes the folders
    home = lake.parent
    for name, age in (("dbt.log", 1), ("dbt.log.1", 40)):
        put(home / "dbt/logs" / name)
        then = time.time() - age * 86_400
        os.utime(home / "dbt/logs" / name, (then, then))
    assert said(capsys, "--yes")[1]["logs"]["number"] == 1
    assert files(home / "dbt/logs") == {"dbt.log"}


def test_flow_runs_of_the_temporary_server(
    lake: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Old ones go from its database with their logs; a lasting server has its own settings."""
    assert "own settings" in flow_runs().kept
    monkeypatch.setenv(ADDRESS, "")  # as it was, after the test
    monkeypatch.delenv(ADDRESS)
    home = tmp_path / "prefect"
    home.mkdir()
    with own_database(home):
        assert flow_runs().number == 0
        assert not (home / "prefect.db").exists()  # none is made to look
        with made_once(home / "prefect.db", tmp_path_factory):
            asyncio.run(provide_database_interface().create_db())
        asyncio.run(ended_long_ago(40, 10))
        assert (flow_runs().number, flow_runs(remove=True).number) == (1, 1)
        assert flow_runs().number == 0
        with closing(sqlite3.connect(home / "prefect.db")) as database:
            for table in ("flow_run", "log"):
                assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)


def flow_runs(*, remove: bool = False) -> retention.Old:
    return retention.flow_runs(retention.first_kept(30), resolve(), remove=remove)


async def ended_long_ago(*days: int) -> None:
    """Flow runs that ended so many days ago, each with a line of log."""
    db = provide_database_interface()
    async with db.session_context(begin_transaction=True) as session:
        flow = db.Flow(name="daily")
        session.add(flow)
        await session.flush()
        for age in days:
            end = datetime.now(UTC) - timedelta(age)
            run = db.FlowRun(flow_id=flow.id, state_type=StateType.COMPLETED, end_time=end)
            session.add(run)
            await session.flush()
            session.add(db.Log(name="l", level=20, message="m", timestamp=end, flow_run_id=run.id))
