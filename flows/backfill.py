"""A range of run dates, caught up: `python -m flows.backfill --from 2025-11-20 --to 2025-11-23`."""

if __name__ == "__main__":  # before the imports below: --help has to answer at once
    from flows.cli import backfill_command

    raise SystemExit(backfill_command())

import asyncio
from datetime import date
from typing import Any

from prefect import flow
from prefect.states import State

from flows.daily import daily
from flows.run import checked_run_date
from tasks.days import days_between, loaded_days, needs_static
from tasks.outcome import caught_up
from tasks.progress import Status, board


@flow(name="backfill", flow_run_name="backfill-{start}-{end}")
async def backfill(
    start: date,
    end: date,
    platform: str = "local",
    parallel: int = 1,
    force: bool = False,
    refresh_static: bool = False,
) -> State[Any]:
    """Run `daily` for every run date from `start` to `end`, `parallel` at a time.

    Days that the ledger has complete are skipped unless `force`. The first day goes alone when the
    static path must run. A failed day doesn't stop the others; the end names it.
    """
    days = days_between(start, checked_run_date(end))
    done = [] if force else await asyncio.to_thread(loaded_days, platform, days)
    todo = [day for day in days if day not in done]
    for day in done:
        board.finish(str(day), Status.SKIPPED, "complete in the ledger")

    places = asyncio.Semaphore(max(1, parallel))

    async def run(day: date) -> State[Any]:
        async with places:
            board.start(str(day))
            state = await daily(day, platform, refresh_static, return_state=True)
            failed = not state.is_completed()
            board.finish(str(day), Status.FAILED if failed else Status.DONE, state.message or "")
            return state

    states: dict[date, State[Any]] = {}
    if todo and (refresh_static or await needs_static()):
        states[todo[0]] = await run(todo[0])
    rest = [day for day in todo if day not in states]
    states |= zip(rest, await asyncio.gather(*map(run, rest)), strict=True)
    return caught_up(states, skipped=done)
