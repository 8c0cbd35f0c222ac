"""What is held back ends, and says what held it back: steps of the graph, and dbt's nodes."""

import asyncio
import shutil
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import Task, flow, get_client
from prefect.client.schemas.objects import StateType, TaskRun
from prefect.settings import PREFECT_LOGGING_LEVEL, temporary_settings
from prefect.states import Completed, State
from prefect.transactions import transaction
from prefect_dbt import PrefectDbtRunner, PrefectDbtSettings
from prefect_dbt.core.runner import execute_dbt_node

from blocks.resolving import resolve
from flows.shared.run import settled
from tasks import held_back, warehouse
from tasks.dbt_runner import Nodes
from tasks.held_back import end_held_back
from tasks.outcome import concluded
from tasks.reporting.progress import board
from tasks.set_up import cleanup_checkpoints, create_all_tables
from tests.integration import graph
from tests.integration.graph import Bodies


def recorded(state: State[Any]) -> dict[str, TaskRun]:
    """Task runs by name, once the server has the end of each."""
    end = time.monotonic() + 60
    while True:
        runs = graph.task_runs(state)
        if runs and all(run.end_time for run in runs):
            return {run.name: run for run in runs}
        assert time.monotonic() < end, {run.name: run.state_name for run in runs}
        time.sleep(0.1)


@flow(on_failure=[end_held_back])
async def build() -> State[Any]:
    tables = create_all_tables.submit("local")
    built = warehouse.run_dbt.submit(None, "local", wait_for=[tables])
    cleanup = cleanup_checkpoints.submit(date(2025, 11, 20), "local", wait_for=[built])
    return await concluded(await settled({"run_dbt": built, "cleanup_checkpoints": cleanup}))


@pytest.fixture(params=["as it is", "hooks and log level spoilt"])
def hooks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """prefect-dbt passes over a hook that raises, and can't take its own level from this one."""
    if request.param == "as it is":
        yield
        return
    monkeypatch.setattr(PrefectDbtRunner, "_run_dbt_hooks", lambda *_, **__: None)
    with temporary_settings({PREFECT_LOGGING_LEVEL: "WARNING"}):
        with pytest.raises(ValueError, match="EventLevel"):
            PrefectDbtSettings(profiles_dir=warehouse.PROJECT)
        yield


def test_dbt_nodes_behind_a_failed_test(
    local: Path, hooks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many threads are at work, and none of them counts as built."""
    resolve()
    project = tmp_path / "dbt"
    shutil.copytree(warehouse.PROJECT, project)
    (project / "tests" / "never.sql").write_text(
        "select count(*) from {{ ref('stg_agents') }} having count(*) = 0"
    )
    monkeypatch.setattr(warehouse, "PROJECT", project)
    monkeypatch.setenv("CORETELECOMS_DBT_THREADS", "8")
    board.clear()
    state: State[Any] = asyncio.run(build(return_state=True))  # type: ignore[arg-type]
    runs = recorded(state)
    behind = {"model dim_agents", "model fct_complaints"}
    held = {
        name: str(run.state.message)
        for name, run in runs.items()
        if run.state and run.state.name == held_back.HELD_BACK
    }
    assert held["cleanup_checkpoints"] == "held back: run_dbt failed"
    assert {held[name] for name in behind & set(runs)} <= {"held back: test never failed"}
    ended = {name for name in runs if " " in name and name not in held}
    assert "test never" in ended
    assert board.steps["run_dbt"].rows == len(ended)


@flow
def node_that_dbt_skips() -> State[Any]:
    """One that has a task run already when the runner hears of the failure."""
    with transaction() as building:
        nodes = Nodes(
            {"test.p.unique_x.1": ["model.p.y"], "test.p.other.2": ["model.p.z"]}.__getitem__
        )
    task: Task[Any, Any] = Task(fn=execute_dbt_node, name="model y")
    nodes.start_task("model.p.y", task)
    run = uuid4()
    nodes.run_task_in_thread(
        "model.p.y", task, run, {"task_state": nodes, "node_id": "model.p.y", "asset_id": None}, {}
    )
    for node, status in (
        ("test.p.unique_x.1", "fail"),
        ("test.p.other.2", "fail"),
        ("model.p.y", "skipped"),
    ):
        nodes.set_node_status(node, {"node_info": {"node_status": status}}, "")
    end = time.monotonic() + 60
    while not (state := nodes.get_task_result("model.p.y")):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert building.children == []  # a build that fails would roll it back
    return Completed(data=state)


def test_a_dbt_node_that_was_started_and_then_skipped(prefect_server: None) -> None:
    state = node_that_dbt_skips()
    assert (state.type, state.name) == (StateType.CANCELLED, "HeldBack")
    assert state.message == "held back: test unique_x failed"


def test_a_server_that_is_away(
    bodies: Bodies, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The run has ended as it would have."""

    def away(*_: object, **__: object) -> None:
        raise ConnectionError("gone")

    monkeypatch.setattr(held_back, "_not_done", away)
    bodies.fail("ingest_call_logs")
    state = graph.run_daily()
    assert state.is_failed()
    assert "Held-back tasks stay NotReady: ConnectionError" in caplog.text


def test_a_held_back_run_neither_completed_nor_failed(bodies: Bodies) -> None:
    bodies.fail("load_call_logs")
    runs = recorded(graph.run_daily())
    run = runs["run_dbt"]
    assert run.state
    assert (run.state.type, run.state.name) == (StateType.CANCELLED, "HeldBack")
    assert run.state.message == "held back: load_call_logs failed"
    with get_client(sync_client=True) as client:
        assert run.flow_run_id
        flow_run = client.read_flow_run(run.flow_run_id)
    assert flow_run.end_time
    assert run.end_time
    assert (run.end_time - flow_run.end_time).total_seconds() < held_back.PATIENCE_SECONDS
