"""Erasure of people, for good: `python -m flows.erase --customer-id 1319`."""

if __name__ == "__main__":  # before the imports below: --help has to answer at once
    from flows.terminal.commands import erase_command

    raise SystemExit(erase_command())

import asyncio
from typing import Any

from prefect import allow_failure, flow, runtime
from prefect.states import State

from flows.shared.run import first_run_lock, settled, submit
from tasks.erase import Found, erase_files, erase_rows, show
from tasks.held_back import end_held_back
from tasks.outcome import concluded
from tasks.reporting.progress import Status, board, days


@flow(name="erase", flow_run_name="erase", on_failure=[end_held_back])
async def erase(platform: str = "local") -> State[Any]:
    """Remove from lake and database everybody whom the lake remembers as erased.

    `python -m flows.erase` first adds people to them: nobody's id is a parameter, which Prefect
    would keep. No static data is loaded meanwhile, and no warehouse built.
    """
    board.belongs_to(str(runtime.flow_run.id))
    async with first_run_lock(platform) as alone:
        await asyncio.to_thread(alone.take)
        files = submit(erase_files, platform)
        rows = submit(erase_rows, platform, wait_for=[allow_failure(files)])
        states = await settled({"erase_files": files, "erase_rows": rows})
    found: Found = {}
    for state in states.values():
        if state.is_completed():
            found |= await state.aresult()
    for place, number in found.items():
        days.add_rows(place, number)
        days.finish(place, Status.DONE)
    await show(found)
    total = sum(found.values())
    again = "Fix the cause, then run the same command again: it completes what was begun."
    return await concluded(states, counts=f"{total:,} rows and files erased", again=again)
