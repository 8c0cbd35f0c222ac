"""The graph alone: what the rules G1 to G12 expect of it, and runs of it with trivial bodies.

Flows, tasks, gate, engine and Prefect's server are the real ones. What is replaced lies below the
tasks: reading, cleaning, loading and dbt, which here take no time, note that they ran, and fail
where a test says so.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prefect import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.client.schemas.sorting import TaskRunSort
from prefect.settings import PREFECT_LOGGING_TO_API_ENABLED, temporary_settings
from prefect.states import State
from prefect.variables import Variable

from blocks.errors import TerminalError
from blocks.resolving import forget
from blocks.settings import settings
from flows.daily import daily
from tasks import gate, ingest, load, set_up, transform, warehouse
from tasks.entities.contracts import COMPLAINTS
from tasks.entities.references import Bronze, Loaded, Silver
from tasks.loading import tables
from tests.conftest import new_database
from tests.integration.forker import nothing

RUN_DATE = date(2025, 11, 21)
CHANNELS = tuple(entity.name for entity in COMPLAINTS)

SET_UP = ("create_all_tables", "clear_staging", "determine_load_type")
STATIC = (
    *(
        f"{stage}_{entity}"
        for stage in ("ingest", "transform")
        for entity in ("customers", "agents")
    ),
    "load_customers",
    "load_agents",
    "mark_first_run_complete",
)
INGESTS = tuple(f"ingest_{channel}" for channel in CHANNELS)
GATE = "open_static_data_gate"
BEHIND = (
    *(f"{stage}_{channel}" for stage in ("transform", "load") for channel in CHANNELS),
    "run_dbt",
    "cleanup_checkpoints",
)
TASKS = (*SET_UP, *STATIC, GATE, *INGESTS, *BEHIND)


def needs(initial: bool, partial: bool = False) -> dict[str, Set[str]]:
    """What each task of the README's graph waits for; in an order in which they can run."""
    graph: dict[str, Set[str]] = {name: set() for name in INGESTS}
    graph |= {"create_all_tables": set(), "clear_staging": {"create_all_tables"}}
    graph["determine_load_type"] = {"clear_staging"}
    opens = "determine_load_type"
    if initial:
        for entity in ("customers", "agents"):
            graph[f"ingest_{entity}"] = {"determine_load_type"}
            graph[f"transform_{entity}"] = {f"ingest_{entity}"}
        graph["load_customers"] = {"transform_customers", "transform_agents"}
        graph["load_agents"] = {"load_customers"}
        graph["mark_first_run_complete"] = {"load_agents"}
        opens = "mark_first_run_complete"
    graph[GATE] = {opens}
    graph |= {f"transform_{channel}": {f"ingest_{channel}", GATE} for channel in CHANNELS}
    graph |= {f"load_{channel}": {f"transform_{channel}"} for channel in CHANNELS}
    graph["run_dbt"] = {f"load_{channel}" for channel in CHANNELS}
    graph["cleanup_checkpoints"] = {"run_dbt"}
    if partial:
        graph["cleanup_checkpoints"] |= graph["run_dbt"]
        graph["run_dbt"] = {GATE}
    return graph


@dataclass(frozen=True)
class Outcome:
    """How a run ends: each task that shows up with its state, the run's state, the Variable."""

    states: Mapping[str, str]
    state: str
    variable: str | None
    held_by: Mapping[str, Set[str]]  # held-back tasks, each with the failures before it

    @property
    def ran(self) -> Set[str]:
        """The tasks whose bodies began."""
        return set(self.states) - set(self.held_by)


def expected(failing: Set[str], variable: str | None, *, partial: bool = False) -> Outcome:
    """What G1 to G8 say of a run in which these tasks fail when they get to run."""
    # the static path shows up once the load type is known, and only if it is wanted.
    known = failing.isdisjoint(SET_UP)
    initial = variable != "false"
    graph = needs(initial and known, partial)
    states: dict[str, str] = {}
    held_by: dict[str, Set[str]] = {}
    for name, waits_for in graph.items():
        before = [held_by.get(o, {o}) for o in waits_for if states[o] != "Completed"]
        if before:
            states[name], held_by[name] = "HeldBack", set().union(*before)
        else:
            states[name] = "Failed" if name in failing else "Completed"
    marked = states.get("mark_first_run_complete") == "Completed"
    good = set(states.values()) == {"Completed"}
    variable = "false" if marked else variable
    return Outcome(states, "Completed" if good else "Failed", variable, held_by)


@dataclass
class Bodies:
    """What the trivial bodies do: which ones fail, what else happens in one; which ones ran."""

    failing: dict[str, Exception] = field(default_factory=dict)
    doing: dict[str, Callable[[], object]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)

    def fail(self, *names: str) -> None:
        """From here on these tasks fail, and no others; no task has run yet."""
        self.failing = {name: broken(name) for name in names}
        self.doing, self.ran = {}, []


def broken(name: str) -> Exception:
    """A failure that names its task; every other task's is one that nobody foresaw."""
    if TASKS.index(name) % 2:
        return ValueError(f"{name} is broken on purpose")
    return TerminalError(f"{name} is broken on purpose", where="here", todo="fix the test")


@contextmanager
def trivial_bodies(patch: pytest.MonkeyPatch) -> Iterator[Bodies]:
    """Put trivial bodies below the tasks."""
    bodies = Bodies()

    @contextmanager
    def stage(name: str, total: Any = 0) -> Iterator[Any]:
        with real_stage(name, total) as on_rows:
            bodies.ran.append(name)
            if name in bodies.doing:
                bodies.doing[name]()
            if name in bodies.failing:
                raise bodies.failing[name]
            yield on_rows

    def land(entity: Any, run_date: date, *_: object) -> Bronze:
        return Bronze(entity.name, run_date, "key", "source", "fingerprint", rows=0)

    def refine(entity: Any, bronze: Bronze, *_: object) -> Silver:
        keys = ("key", "problems", "rejects", "bronze", "fingerprint")
        return Silver(entity.name, bronze.run_date, *keys, 0, 0, 0, 0, rows=0, field_problems=0)

    def loaded(entity: Any, silver: Silver, *_: object, **__: object) -> Loaded:
        return Loaded(
            entity.name, silver.run_date, 0, 0, 0, 0, orphan=0, loaded=0, field_problems=0
        )

    real_stage = gate.stage
    for module in (ingest, load, gate, set_up, transform, warehouse):
        patch.setattr(module, "stage", stage)
    patch.setattr(ingest, "land", land)
    patch.setattr(transform, "refine", refine)
    patch.setattr(load, "load_day", loaded)
    patch.setattr(load, "load_static", loaded)
    patch.setattr(warehouse, "_build", nothing)
    yield bodies


@contextmanager
def graph_alone(postgres: str, home: Path) -> Iterator[Bodies]:
    """Trivial bodies, on a database of their own where customers and agents are loaded."""
    with new_database(postgres) as dsn, pytest.MonkeyPatch.context() as patch:
        with psycopg.connect(dsn) as connection:
            tables.create_all_tables(connection)
            know_somebody(connection)
        patch.setenv("CORETELECOMS_HOME", str(home))
        patch.setenv("CORETELECOMS_SOURCE_URL", str(Path.cwd()))  # set: no samples are made
        patch.setenv("CORETELECOMS_WAREHOUSE_DSN", dsn)
        settings.cache_clear()
        forget()
        # nobody reads these runs' logs on the server.
        silent = temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: False})
        with silent, trivial_bodies(patch) as bodies:
            yield bodies
    Variable.unset(gate.FIRST_RUN)
    settings.cache_clear()
    forget()


def know_somebody(connection: psycopg.Connection[Any]) -> None:
    """A customer and an agent, where there are none: else G10 has its say."""
    for table, key in (("customers", "customer_id"), ("agents", "agent_id")):
        connection.execute(
            f"INSERT INTO conformed.{table} ({key}, run_date) VALUES ('1', '2025-11-20') "
            "ON CONFLICT DO NOTHING"
        )


def run_daily(run_date: date | None = RUN_DATE, **parameters: Any) -> State[Any]:
    """A daily run in this process; its final state."""
    return asyncio.run(daily(run_date, return_state=True, **parameters))  # type: ignore[arg-type]


def flow_run(run: State[Any]) -> FlowRun:
    """A run as Prefect's server has it now."""
    assert run.state_details.flow_run_id
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run.state_details.flow_run_id)


def task_runs(run: State[Any]) -> list[TaskRun]:
    """The task runs of a daily run and its static subflow, as Prefect's server has them now."""
    flow_run = run.state_details.flow_run_id
    assert flow_run
    mine = FlowRunFilter(
        operator="or_",  # type: ignore[call-arg]
        id=FlowRunFilterId(any_=[flow_run]),
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[flow_run]),
    )
    with get_client(sync_client=True) as client:
        found = client.read_task_runs(
            flow_run_filter=mine, limit=200, sort=TaskRunSort.END_TIME_DESC, offset=0
        )
    # the parent's task run that stands for the subflow.
    return [run for run in found if not run.name.startswith("static_data")]


def recorded(run: State[Any], awaited: Mapping[str, str]) -> dict[str, TaskRun]:
    """Each task run by its name, once the server has all of them in the states that are awaited.

    The engine reports task runs by events, which the server writes down a little later: a run that
    went otherwise never gets there, and what it has in the end is given.
    """
    runs: dict[str, TaskRun] = {}
    for _ in range(400):
        found = task_runs(run)
        runs = {each.name: each for each in found}
        assert len(runs) == len(found), f"a name twice: {sorted(each.name for each in found)}"
        if states(runs) == awaited:
            break
        time.sleep(0.05)  # each question keeps the server from writing them down
    return runs


def held_by(runs: Mapping[str, TaskRun]) -> dict[str, str]:
    """What held-back task runs say of it, by their names."""
    return {
        name: str(run.state.message)
        for name, run in runs.items()
        if run.state and run.state_name == "HeldBack" and run.end_time
    }


def states(runs: Mapping[str, TaskRun]) -> dict[str, str]:
    """Task runs' states by their names."""
    return {name: str(run.state_name) for name, run in runs.items()}
