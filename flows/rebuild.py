"""A lost database, loaded again from the lake alone: `python -m flows.rebuild`."""

if __name__ == "__main__":  # before the imports below: --help has to answer at once
    from flows.terminal.commands import rebuild_command

    raise SystemExit(rebuild_command())

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

from prefect import flow, runtime
from prefect.states import Failed, State

from blocks.errors import CoreTelecomsError
from flows.shared.process import collect_less
from flows.shared.run import first_run_lock, lock, of_day, settled, show_end, submit
from flows.shared.runners import CHOSEN
from tasks.gate import mark_first_run, mark_first_run_complete
from tasks.held_back import end_held_back
from tasks.lake.records import Record
from tasks.outcome import concluded
from tasks.rebuild import (
    Again,
    Plan,
    counts,
    empty_database,
    find_records,
    load_again,
    restore_rejections,
)
from tasks.reporting.progress import Status, board
from tasks.reporting.progress import days as shown
from tasks.set_up import clear_staging, create_all_tables
from tasks.warehouse import all_built, run_dbt

AT_A_TIME = 4  # days, unless `parallel` says otherwise
AGAIN = "Fix the cause, then rebuild again, without --replace: it goes on where it was."


@flow(name="rebuild", flow_run_name="rebuild", task_runner=CHOSEN, on_failure=[end_held_back])
async def rebuild(
    platform: str = "local", replace: bool = False, parallel: int | None = None
) -> State[Any]:
    """Load again all that the lake has a record of, from bronze, and build the warehouse once.

    Customers and agents in the order in which they were loaded, then all days, `parallel` at a
    time. The sources are not asked. One that was cut short goes on. `replace` first removes what
    the database has. A failed day doesn't stop the others; the end names it.
    """
    board.belongs_to(str(runtime.flow_run.id))
    collect_less()
    # a run that begins meanwhile waits for the customers and agents, and then has them (G11).
    async with first_run_lock(platform) as alone:
        await asyncio.to_thread(alone.take)
        steps = {"create_all_tables": submit(create_all_tables, platform)}
        if replace:
            steps["empty_database"] = submit(empty_database, platform, wait_for=[*steps.values()])
        steps["find_records"] = submit(find_records, platform, wait_for=[*steps.values()])
        states = await settled(steps)
        if not states["find_records"].is_completed():
            return await concluded(states, again="Fix the cause, then run the same command again.")
        plan: Plan = await states["find_records"].aresult()
        static = list(dict.fromkeys(record.entity for record in plan.static))
        shown.expect([*static, *map(str, sorted([*plan.days, *plan.done]))])
        for day in plan.done:
            shown.finish(str(day), Status.SKIPPED, "loaded again already")
        played: list[Again] = []
        states |= await _static(plan.static, platform, played)
    ends: dict[date, State[Any]] = {}
    if states["mark_first_run_complete"].is_completed():
        places = asyncio.Semaphore(parallel or AT_A_TIME)
        days = [_day(day, records, platform, places) for day, records in plan.days.items()]
        for day, (end, again) in zip(plan.days, await asyncio.gather(*days), strict=True):
            ends[day] = end
            played += again
        steps = {"restore_rejections": submit(restore_rejections, plan.rejected, platform)}
        if played or not await asyncio.to_thread(all_built, platform):
            # a day that was left out doesn't keep the warehouse from the others.
            steps["run_dbt"] = submit(run_dbt, None, platform, True, wait_for=[*steps.values()])
            steps["clear_staging"] = submit(clear_staging, platform, wait_for=[steps["run_dbt"]])
        states |= await settled(steps)
    return await concluded(states, ends, counts(plan, ends, played), again=AGAIN)


async def _static(
    records: Sequence[Record], platform: str, played: list[Again]
) -> dict[str, State[Any]]:
    """How the loads of customers and agents ended, up to the first that failed."""
    left = Counter(record.entity for record in records)
    before = [submit(mark_first_run)] if records else []
    states: dict[str, State[Any]] = {}
    for record in records:
        name = record.entity
        if shown.steps[name].started is None:
            shown.start(name)
        load = submit(of_day(load_again, name, record.run_date), record, platform, wait_for=before)
        before = [load]
        states |= await settled({f"load_again_{name}": load})
        if not load.state.is_completed():
            shown.finish(name, Status.FAILED, load.state.message or "")
            break
        played.append(await load.state.aresult())
        shown.add_rows(name, played[-1].rows)
        left[name] -= 1
        if not left[name]:
            shown.finish(name, Status.DONE)
    marked = submit(mark_first_run_complete, wait_for=before)
    return states | await settled({"mark_first_run_complete": marked})


async def _day(
    day: date, records: Sequence[Record], platform: str, places: asyncio.Semaphore
) -> tuple[State[Any], list[Again]]:
    """How loading a day's channels again ended."""
    again: list[Again] = []
    async with places:
        shown.start(str(day))
        try:
            async with lock(platform, "run date", day) as claim:
                await asyncio.to_thread(claim.take)
                loads = {
                    f"load_again_{r.entity}": submit(of_day(load_again, r.entity, day), r, platform)
                    for r in records
                }
                states = await settled(loads)
            end = await concluded(states)
            again = [await state.aresult() for state in states.values() if state.is_completed()]
        except CoreTelecomsError as error:  # another run is at work on the day
            end = Failed(message=str(error), data=error)
        shown.add_rows(str(day), sum(each.rows for each in again))
        show_end(day, end)
    return end, again
