"""The static path: customers and agents, loaded before any complaint is transformed.

`python -m flows.static_data` refreshes them by hand.
"""

if __name__ == "__main__":  # before the imports below: --help has to answer at once
    from flows.terminal.commands import static_data_command

    raise SystemExit(static_data_command())

import asyncio
from datetime import date
from typing import Any

from prefect import flow
from prefect.states import State

from flows.shared.run import (
    checked_run_date,
    first_run_lock,
    named,
    run_name,
    running,
    settled,
    submit,
)
from flows.shared.runners import CHOSEN
from tasks.entities.contracts import STATIC
from tasks.gate import mark_first_run_complete
from tasks.held_back import end_held_back
from tasks.ingest import ingest
from tasks.load import load
from tasks.outcome import concluded
from tasks.set_up import create_all_tables
from tasks.slack import post_failure
from tasks.transform import transform


@flow(
    name="static_data",
    flow_run_name=run_name,
    task_runner=CHOSEN,
    on_failure=[end_held_back, post_failure],
    on_crashed=[post_failure],
)
async def static_data(
    run_date: date | None = None,
    platform: str = "local",
    within_daily: bool = False,
    accept: bool = False,
) -> State[Any]:
    """Load customers and agents, then set the first-run Variable to "false".

    `within_daily`: the daily flow has made the tables and holds the first-run lock. `accept`
    publishes what the audit would reject.
    """
    run_date = checked_run_date(run_date)
    async with running(platform, run_date), first_run_lock(platform) as first_run:
        tables = {}
        if not within_daily:
            await asyncio.to_thread(first_run.take)
            tables = {"create_all_tables": submit(create_all_tables, platform)}

        bronze = {e.name: submit(named(ingest, e.name), e.name, run_date, platform) for e in STATIC}
        silver = {e: submit(named(transform, e), bronze[e], platform) for e in bronze}
        # one load after the other, in the order of their declaration, once all are transformed.
        loaded: dict[str, Any] = {}
        before = [*silver.values(), *tables.values()]
        for e in silver:
            loaded[e] = submit(named(load, e), silver[e], platform, accept, wait_for=before)
            before = [loaded[e]]
        marked = submit(mark_first_run_complete, wait_for=before)

        states = await settled(
            tables
            | {f"ingest_{e}": future for e, future in bronze.items()}
            | {f"transform_{e}": future for e, future in silver.items()}
            | {f"load_{e}": future for e, future in loaded.items()}
            | {"mark_first_run_complete": marked}
        )
    return await concluded(states)
