"""Days of a backfill as runs of a deployment: any number of workers share them."""

import asyncio
from datetime import date
from typing import Any

import httpx
from prefect import get_client, get_run_logger
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterIdempotencyKey
from prefect.client.schemas.objects import DeploymentStatus
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed, State

from blocks.errors import ConfigurationError
from blocks.server import api
from tasks.reporting.progress import board

SILENCES, SILENCE_SECONDS = 60, 10.0  # of Prefect's API while a day runs, until we give up
_TRIES = 100  # of one day, each with a key of its own


class Deployed:
    """Runs days through a deployment of `daily`, and waits for them."""

    def __init__(self, deployment: str, platform: str, refresh_static: bool, accept: bool) -> None:
        self.deployment = deployment
        self.parameters = {
            "platform": platform,
            "refresh_static": refresh_static,
            "accept": accept,
        }

    async def check(self) -> None:
        """Raise ConfigurationError when there is no such deployment; say so if nobody runs it."""
        try:
            async with get_client() as client:
                found = await client.read_deployment_by_name(self.deployment)
        except (ObjectNotFound, ValueError):
            raise ConfigurationError(
                f"There is no deployment {self.deployment!r}",
                where=f"Prefect's API ({api() or 'a temporary server'})",
                todo="set PREFECT_API_URL to the server that has it (`prefect deployment ls` lists "
                "them as flow/deployment), or deploy it: prefect --no-prompt deploy --all",
            ) from None
        if found.status == DeploymentStatus.NOT_READY:
            said = (
                f"No worker takes runs of {self.deployment} yet; "
                f"start one: prefect worker start --pool {found.work_pool_name}"
            )
            get_run_logger().warning(said)
            board.note(said)

    async def run(self, day: date) -> State[Any]:
        """Start the day's run, or join the one under way; its final state."""
        try:
            return await self._ended(day, await self._key(day))
        except Exception as error:
            # an error in one day does not end the others.
            return Crashed(
                message=f"Lost sight of it ({type(error).__name__}). It may go on by itself: "
                "look in Prefect's UI before you run the day again."
            )

    async def _key(self, day: date) -> str:
        # the key holds the day and how often it was tried: a second request for a day that is under
        # way joins it, also from a backfill that was killed and started again; a day that ended
        # may run again.
        key = f"{self.deployment} {self.parameters} {day}"
        keys = [f"{key} {tried}" for tried in range(_TRIES)]
        asked = FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=keys))
        async with get_client() as client:
            earlier = await client.read_flow_runs(flow_run_filter=asked, limit=_TRIES)
        under_way = any(run.state and not run.state.is_final() for run in earlier)
        # not how many there are: somebody may have deleted one, and its number with it.
        last = max((keys.index(str(run.idempotency_key)) for run in earlier), default=-1)
        return keys[min(last if under_way else last + 1, _TRIES - 1)]

    async def _ended(self, day: date, key: str) -> State[Any]:
        silences = 0
        while True:
            try:
                run = await arun_deployment(
                    self.deployment,
                    parameters={"run_date": day.isoformat(), **self.parameters},
                    flow_run_name=f"daily-{day}",
                    idempotency_key=key,
                )
                return run.state or Crashed()
            except httpx.HTTPError as error:
                # the day goes on without us: a server that restarts must not end the waiting,
                # and the key finds the run again.
                refused = (
                    isinstance(error, httpx.HTTPStatusError) and error.response.is_client_error
                )
                if refused or (silences := silences + 1) > SILENCES:
                    raise
                get_run_logger().warning("Prefect's API: %s", type(error).__name__)
                await asyncio.sleep(SILENCE_SECONDS)
