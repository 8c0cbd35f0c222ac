"""Days of a backfill as runs of a deployment: any number of workers share them."""

import asyncio
import time
from datetime import date
from typing import Any
from uuid import UUID

import httpx
from prefect import get_client, get_run_logger
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterIdempotencyKey,
)
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Crashed, State

from blocks.errors import ConfigurationError
from tasks.reporting.progress import board

ASK_SECONDS = 2.0  # between two questions of how the runs are getting on
PATIENCE_SECONDS = 60.0  # without any worker, until we warn
SILENCE_SECONDS = 600.0  # of Prefect's API, until we give up
_TRIES = 100  # of one day, each with a key of its own
_PAGE = 200  # flow runs that Prefect's API gives at once


class Deployed:
    """Runs days through a deployment of `daily`, and waits for them."""

    def __init__(self, deployment: str, platform: str, refresh_static: bool, accept: bool) -> None:
        self.deployment = deployment
        self.parameters = {
            "platform": platform,
            "refresh_static": refresh_static,
            "accept": accept,
        }
        self._ends: dict[UUID, asyncio.Future[State[Any]]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._began = time.monotonic()
        self._taken = False  # a worker has taken one

    async def check(self) -> None:
        """Raise ConfigurationError when there is no such deployment."""
        try:
            async with get_client() as client:
                await client.read_deployment_by_name(self.deployment)
        except (ObjectNotFound, ValueError):
            raise ConfigurationError(
                f"There is no deployment {self.deployment!r}",
                where=f"Prefect's API ({get_current_settings().api.url or 'a temporary server'})",
                todo="set PREFECT_API_URL to the server that has it (`prefect deployment ls` lists "
                "them as flow/deployment), or deploy it: prefect --no-prompt deploy --all",
            ) from None

    async def run(self, day: date) -> State[Any]:
        """Start the day's run, or join the one under way; its final state."""
        try:
            return await self._ended(await self._started(day))
        except Exception as error:
            # an error in one day does not end the others.
            return Crashed(
                message=f"Lost sight of it ({type(error).__name__}). It may go on by itself: "
                "look in Prefect's UI before you run the day again."
            )

    async def _ended(self, run: FlowRun) -> State[Any]:
        end = self._ends.setdefault(run.id, asyncio.get_running_loop().create_future())
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await end

    async def _started(self, day: date) -> FlowRun:
        # the key holds the day and how often it was tried: a second request for a day that is under
        # way joins it, also from a backfill that was killed and started again; a day that ended
        # may run again.
        key = f"{self.deployment} {self.parameters} {day}"
        keys = [f"{key} {tried}" for tried in range(_TRIES)]
        async with get_client() as client:
            earlier = await client.read_flow_runs(
                flow_run_filter=FlowRunFilter(
                    idempotency_key=FlowRunFilterIdempotencyKey(any_=keys)
                ),
                limit=_TRIES,
            )
        under_way = [run for run in earlier if run.state and not run.state.is_final()]
        # not how many there are: somebody may have deleted one, and its number with it.
        last = max((keys.index(str(run.idempotency_key)) for run in earlier), default=-1)
        tried = last if under_way else last + 1
        return await arun_deployment(
            self.deployment,
            parameters={"run_date": day.isoformat(), **self.parameters},
            flow_run_name=f"daily-{day}",
            idempotency_key=keys[min(tried, _TRIES - 1)],
            timeout=0,
        )

    async def _ask(self) -> None:
        """Ask for all runs at once, again and again, until each has ended."""
        answered = time.monotonic()
        while waiting := [run_id for run_id, end in self._ends.items() if not end.done()]:
            await asyncio.sleep(ASK_SECONDS)
            try:
                for first in range(0, len(waiting), _PAGE):
                    await self._ask_for(waiting[first : first + _PAGE])
                answered = time.monotonic()
            except Exception as error:
                # the days go on without us: a server that restarts must not end the waiting.
                if time.monotonic() - answered < SILENCE_SECONDS and isinstance(
                    error, httpx.HTTPError
                ):
                    get_run_logger().warning("Prefect's API: %s", type(error).__name__)
                    continue
                for run_id in waiting:
                    self._ends[run_id].set_exception(error)

    async def _ask_for(self, run_ids: list[UUID]) -> None:
        async with get_client() as client:
            runs = await client.read_flow_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=run_ids)), limit=_PAGE
            )
        for run in runs:
            self._heard(run)
        for run_id in set(run_ids) - {run.id for run in runs}:
            self._ends[run_id].set_result(Crashed(message="Somebody deleted the flow run."))

    def _heard(self, run: FlowRun) -> None:
        if run.state is None:
            return
        self._taken = self._taken or not run.state.is_scheduled()
        if run.state.is_final():
            self._ends[run.id].set_result(run.state)
        elif not self._taken and time.monotonic() - self._began > PATIENCE_SECONDS:
            self._taken = True  # said once
            said = (
                f"No worker has taken a run of {self.deployment} yet; "
                "start one: prefect worker start --pool coretelecoms"
            )
            get_run_logger().warning(said)
            board.note(said)
