"""A range of run dates, caught up: `python -m flows.backfill --from 2025-11-20 --to 2025-11-23`."""

if __name__ == "__main__":  # before the imports below: --help has to answer at once
    from flows.terminal.commands import backfill_command

    raise SystemExit(backfill_command())

import asyncio
from contextlib import suppress
from datetime import date
from typing import Any

from prefect import flow, get_run_logger, runtime
from prefect.states import Crashed, State

from blocks.errors import CoreTelecomsError
from flows.daily import daily
from flows.shared.apart import DAYS, Apart
from flows.shared.deployed import Deployed
from flows.shared.run import build, checked_run_date, settled, show_end
from tasks.days import days_between, loaded_days, loaded_rows, needs_static
from tasks.held_back import end_held_back
from tasks.outcome import concluded
from tasks.reporting.progress import Status, board
from tasks.reporting.progress import days as shown
from tasks.warehouse import all_built

AT_A_TIME = 100  # days under way on a deployment, unless `parallel` says otherwise
AGAIN = (
    "Fix the cause, then run the same backfill again, without --force: it skips days that are "
    "complete."
)


@flow(name="backfill", flow_run_name="backfill-{start}-{end}", on_failure=[end_held_back])
async def backfill(
    start: date,
    end: date,
    platform: str = "local",
    parallel: int | None = None,
    force: bool = False,
    refresh_static: bool = False,
    deployment: str | None = None,
    accept: bool = False,
) -> State[Any]:
    """Run `daily` for every run date from `start` to `end`.

    Here, one day after the other or `parallel` at a time; or, with a `deployment` of `daily`, on
    whatever workers its work pool has. Days that the ledger has complete are skipped unless
    `force`. Days go alone as long as the static path must run, and with `refresh_static`, which
    brings a version of customers and agents a day. `accept` publishes what the audit would reject.
    A failed day doesn't stop the others; the end
    names it.
    """
    board.belongs_to(str(runtime.flow_run.id))
    dates = days_between(start, checked_run_date(end))
    done = [] if force else await asyncio.to_thread(loaded_days, platform, dates)
    todo = [day for day in dates if day not in done]
    shown.expect(map(str, dates))
    for day in done:
        shown.finish(str(day), Status.SKIPPED, "complete in the ledger")

    deployed = Deployed(deployment, platform, refresh_static, accept) if deployment else None
    if deployed:
        await deployed.check()
    many = len(todo) > DAYS  # this process would grow with each
    apart = Apart(platform, refresh_static, accept) if many and not deployed else None
    places = asyncio.Semaphore(max(1, parallel or (AT_A_TIME if deployed else 1)))

    async def run(day: date) -> State[Any]:
        async with places:
            shown.start(str(day))
            if elsewhere := deployed or apart:
                state = await elsewhere.run(day)
            else:
                state = await run_here(day, platform, refresh_static, accept)
            if state.is_completed():
                with suppress(CoreTelecomsError):  # a number to look at
                    shown.add_rows(str(day), await asyncio.to_thread(loaded_rows, platform, day))
            show_end(day, state)
            return state

    states: dict[date, State[Any]] = {}
    while len(states) < len(todo) and (refresh_static or await needs_static(platform)):
        day = todo[len(states)]
        states[day] = await run(day)
    rest = todo[len(states) :]
    states |= zip(rest, await asyncio.gather(*map(run, rest)), strict=True)
    if apart:
        await apart.end()
    completed = [state.is_completed() for state in states.values()]
    counts = f"{sum(completed)} of {len(states)} days completed"
    if done:
        counts += f", {len(done)} were complete in the ledger already"
    steps: dict[str, State[Any]] = {}
    if all(completed) and not await asyncio.to_thread(all_built, platform):
        # a run that failed after its loads left days to the next build, which is this one.
        steps = await settled(build(done, platform))
    return await concluded(steps, states, counts, again=AGAIN)


async def run_here(day: date, platform: str, refresh_static: bool, accept: bool) -> State[Any]:
    """How the day's run ended, or why it could not begin: only that day failed."""
    try:
        return await daily(day, platform, refresh_static, accept, return_state=True)
    except Exception as error:
        # Prefect's server on SQLite refuses requests that meet, and the client gives up in the end.
        get_run_logger().warning("%s has no run: %s", day, type(error).__name__)
        return Crashed(message=f"Prefect did not take the run ({type(error).__name__})")
