"""Replay of quarantine: orphans whose customer and agent have arrived since become loaded rows.

`python -m flows.backfill --quarantined` runs it here.
"""

if __name__ == "__main__":
    import sys

    sys.stderr.write("That is no command: python -m flows.backfill --quarantined\n")
    raise SystemExit(2)

import asyncio
from collections.abc import Sequence
from datetime import date
from itertools import groupby
from typing import Any

from prefect import flow
from prefect.states import Failed, State

from blocks.errors import CoreTelecomsError
from flows.shared.run import build, of_day, running, settled, show_end, submit
from flows.shared.runners import CHOSEN
from tasks import replay
from tasks.held_back import end_held_back
from tasks.load import load
from tasks.outcome import concluded
from tasks.replay import Replay
from tasks.reporting.progress import days
from tasks.set_up import create_all_tables
from tasks.transform import transform
from tasks.warehouse import all_built

AGAIN = "Fix the cause, then run the same replay again: it finds the days that are left."


@flow(
    name="replay_quarantine",
    flow_run_name="replay-quarantine",
    task_runner=CHOSEN,
    on_failure=[end_held_back],
)
async def replay_quarantine(
    start: date | None = None, end: date | None = None, platform: str = "local"
) -> State[Any]:
    """Load again, from bronze, each channel's day that holds orphans who have become loadable.

    Of all run dates, or of those from `start` to `end`. The sources are not asked again. A failed
    day doesn't stop the others; the end names it.
    """
    tables = submit(create_all_tables, platform)
    search = submit(replay.find_freed_orphans, platform, start, end, wait_for=[tables])
    first = await settled({"create_all_tables": tables, "find_freed_orphans": search})
    if not first["find_freed_orphans"].is_completed():
        return await concluded(first, again=AGAIN)
    found: list[Replay] = await first["find_freed_orphans"].aresult()

    by_day = {day: list(group) for day, group in groupby(found, key=lambda each: each.run_date)}
    days.expect(map(str, by_day))
    ends: dict[date, State[Any]] = {}
    freed: dict[date, int] = {}
    for day, replays in by_day.items():
        days.start(str(day))
        ends[day], freed[day] = await _load_again(day, replays, platform)
        days.add_rows(str(day), freed[day])
        show_end(day, ends[day])

    steps: dict[str, Any] = {}
    if any(freed.values()) or not await asyncio.to_thread(all_built, platform):
        steps |= build([day for day, end in ends.items() if end.is_completed()], platform)
    steps["count_orphans"] = submit(replay.count_orphans, platform, start, end)
    last = await settled(steps)
    counted = last["count_orphans"]
    left = await counted.aresult() if counted.is_completed() else None
    return await concluded(last, ends, *replay.counts(freed, left), again=AGAIN)


async def _load_again(
    day: date, replays: Sequence[Replay], platform: str
) -> tuple[State[Any], int]:
    """How loading a day's channels again ended, and how many orphans it freed."""
    steps = {}
    try:
        async with running(platform, day, alone=True):
            for each in replays:
                name = each.entity
                found = of_day(replay.find_bronze, name, day)
                bronze = submit(found, name, day, each.fingerprint, platform)
                silver = submit(of_day(transform, name, day), bronze, platform)
                steps[f"find_bronze_{name}"] = bronze
                steps[f"transform_{name}"] = silver
                steps[f"load_{name}"] = submit(
                    # it was published once; to load it again only frees rows of it.
                    of_day(load, name, day),
                    silver,
                    platform,
                    True,
                )
            states = await settled(steps)
    except CoreTelecomsError as error:  # another run is at work on the day
        return Failed(message=str(error), data=error), 0
    freed = 0
    for each in replays:
        if (state := states[f"load_{each.entity}"]).is_completed():
            freed += each.orphans - (await state.aresult()).orphan
    return await concluded(states), freed
