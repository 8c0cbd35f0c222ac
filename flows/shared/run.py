"""What the flows share: the run date, names, locks held for a whole run, waiting for all."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from prefect import Task, allow_failure, get_client, get_run_logger, runtime
from prefect.context import FlowRunContext, SyncClientContext
from prefect.futures import PrefectFuture
from prefect.states import State
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import MaterializingTask

from blocks.errors import CoreTelecomsError, RunDateBusyError, RunDateError
from blocks.resolving import resolve
from flows.shared.process import collect_less
from tasks.entities.contracts import STATIC
from tasks.gate import LoadType
from tasks.loading.locks import Lock
from tasks.reporting.progress import Status, board, days
from tasks.set_up import cleanup_checkpoints
from tasks.stage import patient
from tasks.warehouse import run_dbt

STATIC_STEPS = [f"{s}_{e.name}" for s in ("ingest", "transform", "load") for e in STATIC] + [
    "mark_first_run_complete"
]


def checked_run_date(run_date: date | None, lag_days: int = 0) -> date:
    """The run date (docs/contract.md#run-date): as given, or counted from the scheduled start.

    Raises RunDateError for a future one, and for one that is given twice.
    """
    today = datetime.now(UTC).date()
    if run_date is None:
        # a run that waited for a worker until after midnight still belongs to the day before.
        scheduled = runtime.flow_run.scheduled_start_time.astimezone(UTC).date()
        return min(today, scheduled) - timedelta(lag_days)
    if lag_days:
        raise RunDateError(
            f"Both a run date ({run_date}) and lag_days ({lag_days}) are given",
            where="the run's parameters",
            todo="give one of them; a schedule's lag_days belongs to that schedule's parameters, "
            "not to its deployment's (prefect.yaml)",
        )
    if run_date > today:
        raise RunDateError(
            f"The run date {run_date} is in the future",
            where=f"today is {today} (UTC)",
            todo="give a run date of today or earlier, as YYYY-MM-DD",
        )
    return run_date


def run_name() -> str:
    """A flow run's name before its load type is known: `daily-2025-11-21`."""
    parameters = runtime.flow_run.parameters
    flow = str(runtime.flow_run.flow_name).replace("_", "-")
    lag_days = parameters.get("lag_days", 0)
    return f"{flow}-{parameters.get('run_date') or checked_run_date(None, lag_days)}"


@cache  # for each task that it makes Prefect reads the source of the function
def named(task: Task[..., Any], entity: str) -> Task[..., Any]:
    """A stage's task under its name in the graph: `ingest` of `call_logs` is ingest_call_logs."""
    name = f"{task.name}_{entity}"
    if isinstance(task, MaterializingTask):
        assets = [f"{asset.key}/{entity}" for asset in task.assets]
        return task.with_options(name=name, task_run_name=name, assets=assets)
    return task.with_options(name=name, task_run_name=name)


def of_day(task: Task[..., Any], entity: str, day: date) -> Task[..., Any]:
    """The same among the tasks of several days: its run has the day in its name, too."""
    task = named(task, entity)
    return task.with_options(task_run_name=f"{task.name} {day}")


def submit(task: Task[..., Any], *args: Any, wait_for: Sequence[Any] = ()) -> PrefectFuture[Any]:
    """Submit a task, also on what earlier ones give; if those fail, held back under its own name.

    Prefect (3.9.1) names a task run when it has its parameters, and then sees what it waits for:
    without `allow_failure` here it would stop before it had a name (`load_call_logs-260`).
    """
    given = [arg for arg in args if isinstance(arg, PrefectFuture | State)]
    if _in_threads():
        args = tuple(
            allow_failure(arg) if isinstance(arg, PrefectFuture | State) else arg for arg in args
        )
    return patient(task).submit(*args, wait_for=[*given, *wait_for])


def _in_threads() -> bool:
    # Dask takes the annotation apart on its way to a worker.
    context = FlowRunContext.get()
    return context is not None and isinstance(context.task_runner, ThreadPoolTaskRunner)


def upstream(subflow: State[Any]) -> State[Any]:
    """A subflow's state that tasks wait for, with an edge to them in Prefect's graph.

    The graph knows a subflow by its flow run, and looks for the edge's start among task runs.
    """
    subflow.state_details.task_run_id = subflow.state_details.flow_run_id
    return subflow


@asynccontextmanager
async def lock(platform: str, *parts: object, wait: bool = False) -> AsyncIterator[Lock]:
    """A lock of the platform's warehouse that may be taken within the block, and ends with it."""
    lock = Lock(lambda: resolve(platform).warehouse_dsn, *parts, wait=wait)
    try:
        yield lock
    finally:
        await asyncio.to_thread(lock.release)


def first_run_lock(platform: str) -> AbstractAsyncContextManager[Lock]:
    """The lock of runs that load static data: one at a time, the next one waits for it (G11)."""
    return lock(platform, "first run", wait=True)


class Run:
    """A flow run at work on a run date, and what goes on in the background until it ends."""

    def __init__(self, platform: str, run_date: date, claim: Lock) -> None:
        self._platform, self.run_date, self._claim = platform, run_date, claim
        board.belongs_to(str(runtime.flow_run.id))
        self._background: list[asyncio.Task[None]] = []

    async def claim_date(self) -> None:
        """Take the run date for this run alone (G12). Raises RunDateBusyError."""
        try:
            await asyncio.to_thread(self._claim.take)
        except RunDateBusyError:
            raise
        except CoreTelecomsError:
            # a database out of reach is for the first step to say: ingestion goes on (G6).
            pass

    async def announce(self, load_type: State[Any]) -> LoadType | None:
        """The path taken (None when it isn't known), shown in the run's name and tags."""
        if not load_type.is_completed():
            return None
        await self.claim_date()  # when the database was away at first, this run is not alone yet
        path: LoadType = await load_type.aresult()
        if path is LoadType.INCREMENTAL:
            for step in STATIC_STEPS:
                board.finish(step, Status.SKIPPED)
        about = [str(path), str(self.run_date)]
        if resolve(self._platform).samples:
            about.append("sample data")
        self._background.append(asyncio.create_task(_rename(self.run_date, path, about)))
        return path

    async def end(self) -> None:
        """Wait for the background."""
        for result in await asyncio.gather(*self._background, return_exceptions=True):
            if isinstance(result, Exception):
                get_run_logger().warning("The run keeps its first name: %s", result)


@asynccontextmanager
async def running(platform: str, run_date: date, *, alone: bool = False) -> AsyncIterator[Run]:
    """A run until the block ends; `alone`: no other run is at work on its run date (G12).

    Raises RunDateBusyError.
    """
    collect_less()
    # one client for all task threads: by itself each would build its own, TLS set-up included,
    # which costs an async flow 0.2 s between two tasks (docs/performance.md).
    with SyncClientContext.get_or_create():
        async with lock(platform, "run date", run_date) as claim:
            run = Run(platform, run_date, claim)
            try:
                if alone:
                    await run.claim_date()
                yield run
            finally:
                await run.end()


async def in_this_process(task: Task[..., Any], *args: Any, **kwargs: Any) -> State[Any]:
    """Run a task next to the event loop, in the flow's own process whatever its task runner."""
    return await asyncio.to_thread(patient(task), *args, **kwargs, return_state=True)


async def _rename(run_date: date, path: LoadType, tags: Sequence[str]) -> None:
    async with get_client() as client:
        await client.update_flow_run(
            runtime.flow_run.id,
            name=f"daily-{run_date}-{path}",
            tags=sorted({*runtime.flow_run.tags, *tags}),
        )


def build(loaded: Iterable[date], platform: str) -> dict[str, PrefectFuture[Any]]:
    """The end of these run dates' loads: the warehouse, and no checkpoint that stays."""
    warehouse = submit(run_dbt, None, platform)
    steps = {"run_dbt": warehouse}
    for day in loaded:
        cleanup = submit(cleanup_checkpoints, day, platform, wait_for=[warehouse])
        steps[f"cleanup_checkpoints {day}"] = cleanup
    return steps


def show_end(day: date, end: State[Any]) -> None:
    """How a run date of a range ended, for people."""
    if end.is_completed():
        days.finish(str(day), Status.DONE)
    else:
        days.finish(str(day), Status.FAILED, end.message or end.name or "")


async def settled(steps: Mapping[str, PrefectFuture[Any] | State[Any]]) -> dict[str, State[Any]]:
    """Every step's last state, once none of them goes on; NotReady for what was held back."""

    def state(name: str, step: PrefectFuture[Any] | State[Any]) -> State[Any]:
        if isinstance(step, State):
            return step
        step.wait()
        if step.state.is_final() and name not in board.steps:  # it ran in a Dask worker
            board.finish(name, Status.DONE if step.state.is_completed() else Status.FAILED)
        return step.state

    return {name: await asyncio.to_thread(state, name, step) for name, step in steps.items()}
