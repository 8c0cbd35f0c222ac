"""The daily run: complaints of one run date, gated on the first run by the static data.

`python -m flows.daily` runs it here; `prefect deployment run daily/coretelecoms` on a server.
"""

if __name__ == "__main__":  # before the imports below: --help has to answer at once
    from flows.terminal.commands import daily_command

    raise SystemExit(daily_command())

from datetime import date
from typing import Annotated, Any

from prefect import allow_failure, flow
from prefect.states import State
from pydantic import Field

from flows.shared.run import (
    checked_run_date,
    first_run_lock,
    in_this_process,
    named,
    run_name,
    running,
    settled,
    submit,
    upstream,
)
from flows.shared.runners import CHOSEN
from flows.static_data import static_data
from tasks.entities.contracts import complaints_on
from tasks.gate import (
    LoadType,
    determine_load_type,
    earlier_ones_serve,
    open_static_data_gate,
)
from tasks.held_back import end_held_back
from tasks.ingest import ingest
from tasks.late import deadline
from tasks.load import load
from tasks.outcome import concluded
from tasks.publish import publish
from tasks.set_up import cleanup_checkpoints, clear_staging, create_all_tables
from tasks.slack import post_failure
from tasks.transform import transform
from tasks.warehouse import run_dbt


@flow(
    name="daily",
    flow_run_name=run_name,
    task_runner=CHOSEN,
    on_failure=[end_held_back, post_failure],
    on_crashed=[post_failure],
)
async def daily(
    run_date: date | None = None,
    platform: str = "local",
    refresh_static: bool = False,
    accept: bool = False,
    wait_until: str | None = None,
    partial: bool = False,
    lag_days: Annotated[int, Field(ge=0, le=999)] = 0,
) -> State[Any]:
    """Load the complaints of `run_date` and build the warehouse.

    Without one it is the day (UTC) for which the run was scheduled, minus `lag_days`.

    On the first run, or with `refresh_static`, they wait for customers and agents; later they
    go at once. `platform` names a Platform block; `local` is the embedded default. `accept`
    publishes what the audit would reject. A channel whose source is missing waits for it until
    `wait_until` (HH:MM, UTC). `partial`: dbt builds with the channels that came; the run fails all
    the same.
    """
    run_date = checked_run_date(run_date, lag_days)
    until = deadline(wait_until)
    channels = [entity.name for entity in complaints_on(run_date)]
    async with running(platform, run_date, alone=True) as run:
        bronze = {c: submit(named(ingest, c), c, run_date, platform, until) for c in channels}

        tables = submit(create_all_tables, platform)
        staging = submit(clear_staging, platform, wait_for=[tables])
        # a first run takes the lock and holds it to the end of the static path; another one that
        # began meanwhile waits for it, finds the static data loaded, and goes on without (G11).
        async with first_run_lock(platform) as first_run:
            load_type = await in_this_process(
                determine_load_type, platform, first_run, refresh_static, wait_for=[staging]
            )
            static: dict[str, State[Any]] = {}
            before_gate: list[Any] = []
            if await run.announce(load_type) is LoadType.INITIAL:
                state = await static_data(
                    run_date,
                    platform,
                    within_daily=True,
                    accept=accept,
                    wait_for=[load_type],
                    return_state=True,
                )
                static, before_gate = {"static_data": state}, [upstream(state)]
                if await earlier_ones_serve(state, platform):
                    before_gate = [allow_failure(state)]

        # the gate: it opens when all it waits for is Completed, and every transform waits for it.
        gate = submit(open_static_data_gate, load_type, wait_for=before_gate)
        silver = {
            c: submit(named(transform, c), bronze[c], platform, wait_for=[gate]) for c in channels
        }
        loaded = {c: submit(named(load, c), silver[c], platform, accept) for c in channels}
        loads = list(loaded.values())
        # with `partial` dbt needs the gate alone; a load that failed keeps the checkpoints.
        came = [gate, *map(allow_failure, loads)] if partial else loads
        warehouse = submit(run_dbt, run_date, platform, wait_for=came)
        done = [warehouse, *loads] if partial else [warehouse]
        cleanup = submit(cleanup_checkpoints, run_date, platform, wait_for=done)

        states = await settled(
            {"create_all_tables": tables, "clear_staging": staging}
            | {"determine_load_type": load_type}
            | {f"ingest_{c}": future for c, future in bronze.items()}
            | static
            | {"open_static_data_gate": gate}
            | {f"transform_{c}": future for c, future in silver.items()}
            | {f"load_{c}": future for c, future in loaded.items()}
            | {"run_dbt": warehouse, "cleanup_checkpoints": cleanup}
        )
    state = await concluded(states)
    await publish(state, run_date, platform, states)
    return state
