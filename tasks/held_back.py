"""Held-back task runs end with their run: by itself Prefect leaves them NotReady for ever."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from prefect import Flow, get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType, TaskRun
from prefect.logging.loggers import flow_run_logger
from prefect.states import State

from tasks.outcome import error_of

NOT_READY, HELD_BACK = "NotReady", "HeldBack"  # names of states
NOT_DONE = [StateType.PENDING, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]
ASK_SECONDS = 0.5
PATIENCE_SECONDS = 10.0  # the server writes task runs down a second or two after their events
_PAGE = 200  # task runs that Prefect's API gives at once


def held_back(failed: Collection[str]) -> State[Any]:
    """The final state of a task run that could not start after these failed."""
    message = f"held back: {' and '.join(sorted(failed))} failed"
    return State(type=StateType.CANCELLED, name=HELD_BACK, message=message)


async def end_held_back(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """A flow's hook for its failures: each held-back task run says what failed before it."""
    if flow_run.parameters.get("within_daily"):  # the daily run does it
        return
    error = await error_of(state)
    awaited = Counter(map(_step, error.held_back))
    until = time.monotonic() + PATIENCE_SECONDS
    try:
        async with get_client() as client:
            while awaited and time.monotonic() < until:
                runs = await _not_done(client, flow_run.id)
                for run in runs.values():
                    if run.state_name == NOT_READY:
                        state = held_back(_causes(run, runs))
                        await client.set_task_run_state(run.id, state, force=True)
                        awaited -= Counter([_step(run.name)])
                if awaited:
                    await asyncio.sleep(ASK_SECONDS)
    except Exception as trouble:  # how the run ended stands already
        logger = flow_run_logger(flow_run, flow)
        logger.warning("Held-back tasks stay NotReady: %s", type(trouble).__name__)


def _step(name: str) -> str:
    """A step's name without the day of a replay, or what Prefect adds for want of a name.

    >>> _step("load_call_logs 2025-11-20"), _step("load_call_logs-260")
    ('load_call_logs', 'load_call_logs')
    """
    return re.split("[ -]", name)[0]


async def _not_done(client: PrefectClient, flow_run_id: UUID) -> dict[UUID, TaskRun]:
    """The task runs of a flow run and its subflows that did not complete."""
    with_subflows = FlowRunFilter(
        operator="or_",  # type: ignore[call-arg]
        id=FlowRunFilterId(any_=[flow_run_id]),
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[flow_run_id]),
    )
    not_done = TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=NOT_DONE)))
    runs: dict[UUID, TaskRun] = {}
    while len(runs) % _PAGE == 0:
        page = await client.read_task_runs(
            flow_run_filter=with_subflows,
            task_run_filter=not_done,
            limit=_PAGE,
            offset=len(runs),
        )
        if not page:
            break
        runs |= {run.id: run for run in page}
    return runs


def _causes(run: TaskRun, runs: Mapping[UUID, TaskRun]) -> set[str]:
    """The steps that failed before this one."""
    found: set[str] = set()
    for upstream in _upstream(run):
        before = runs.get(upstream)
        if before is None:  # it completed, or it is a subflow, known by its flow run
            found |= {
                each.name
                for each in runs.values()
                if each.flow_run_id == upstream and not _is_held(each)
            }
        elif _is_held(before):
            found |= _causes(before, runs)
        else:
            found.add(before.name)
    return found


def _is_held(run: TaskRun) -> bool:
    # the server may have its first state, and not yet what became of it.
    return run.state_type is StateType.PENDING or run.state_name == HELD_BACK


def _upstream(run: TaskRun) -> Iterable[UUID]:
    return {
        each.id for inputs in run.task_inputs.values() for each in inputs if hasattr(each, "id")
    }
