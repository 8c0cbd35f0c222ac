"""The graph on a local Dask cluster of two worker processes: the same tables as by hand."""

import asyncio
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster
from prefect.settings import PREFECT_API_URL
from prefect.states import State
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.variables import Variable
from prefect_dask import DaskTaskRunner

from blocks import resolving, samples
from blocks.errors import ConfigurationError
from blocks.settings import settings
from flows.daily import daily
from flows.shared import runners
from tasks.gate import FIRST_RUN
from tasks.reporting.progress import board
from tests.conftest import new_database
from tests.integration.by_hand import load_all
from tests.integration.snapshot import differing, snapshot

DAY, NEXT = date(2025, 11, 20), date(2025, 11, 21)


@pytest.fixture
def sources(local: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with both days, and no call logs on the second one."""
    folder = local / "sources"
    dsn = resolving.resolve().warehouse_dsn
    for day in (DAY, NEXT):
        samples.ensure(folder, dsn, day)
    (folder / f"call logs/call_logs_day_{NEXT}.csv").unlink()
    monkeypatch.setenv("CORETELECOMS_SOURCE_URL", str(folder))
    monkeypatch.setenv("CORETELECOMS_WEB_FORMS_DSN", dsn)
    return folder


@pytest.fixture
def cluster(sources: Path) -> Iterator[LocalCluster]:
    """The cluster that a flow makes for itself; its workers inherit the environment as it is."""
    cluster = runners._local_cluster()
    yield cluster
    cluster.close()
    runners._local_cluster.cache_clear()
    os.environ.pop("PREFECT_API_URL", None)  # Dask left it here for its workers to inherit


def setting(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"CORETELECOMS_{name}", value)
    settings.cache_clear()
    resolving.forget()


def run(day: date) -> State[Any]:
    return asyncio.run(daily(day, return_state=True))  # type: ignore[arg-type]


def test_the_same_tables(
    cluster: LocalCluster, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len({nanny.pid for nanny in cluster.workers.values()} - {os.getpid()}) == 2
    with Client(cluster) as client:  # none starts a Prefect server of its own
        known = client.run(PREFECT_API_URL.value)
    assert set(known.values()) == {PREFECT_API_URL.value()}
    setting(monkeypatch)
    here = resolving.resolve()
    dsn = here.warehouse_dsn
    with monkeypatch.context() as patch, new_database(postgres) as by_hand:
        load_all(replace(here, warehouse_dsn=by_hand), [DAY])
        setting(patch, TASK_RUNNER="dask")
        Variable.unset(FIRST_RUN)
        board.clear()
        state = run(DAY)
        assert state.is_completed(), state.message
        # a step that ran in this process would have said when it started.
        at_home = {name for name, step in board.steps.items() if step.started is not None}
        assert at_home == {"determine_load_type"}
        found, expected = snapshot(dsn), snapshot(by_hand)
        assert found["conformed.call_logs"]
        del found["ops.checkpoints"], expected["ops.checkpoints"]  # which a run clears
        assert not differing(found, expected)
        assert snapshot(dsn, ("analytics",))["analytics.fct_complaints"]

        # what is held back, and why, is the same on workers.
        failed = run(NEXT)
        assert failed.is_failed()
        said = str(failed.message)
        assert "ingest_call_logs failed: The file does not exist." in said
        held_back = "transform_call_logs, load_call_logs, run_dbt, cleanup_checkpoints"
        assert f"Held back: {held_back}." in said
        loaded = snapshot(dsn, run_date=NEXT)
        assert loaded["conformed.sm_complaints"]
        assert loaded["conformed.web_complaints"]
        assert not loaded["conformed.call_logs"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ThreadPoolTaskRunner()),
        ({"TASK_RUNNER": "threads"}, ThreadPoolTaskRunner()),
        ({"TASK_RUNNER": "dask"}, DaskTaskRunner(cluster_class=runners._shared)),  # type: ignore[arg-type]
        (
            {"TASK_RUNNER": "dask", "DASK_ADDRESS": "tcp://scheduler:8786"},
            DaskTaskRunner(address="tcp://scheduler:8786"),
        ),
    ],
)
def test_the_setting(
    values: dict[str, str], expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        setting(patch, **values)
        assert runners.task_runner() == expected
    settings.cache_clear()


def test_dask_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        setting(patch, TASK_RUNNER="dask")
        patch.setitem(sys.modules, "prefect_dask", None)
        with pytest.raises(ConfigurationError, match="install the extra `dask`"):
            runners.task_runner()
    settings.cache_clear()
