"""SIGKILL anywhere: the next run finds, and leaves, what an undisturbed one does.

`forker.py` says how a run is killed at a named place. A run dies again and again, each time
a step further on one entity's way, so that each run begins where another one died and gets past
that place; in the end all tables and the lake's files are those of a run that nobody disturbed.
(One that dies in dbt is in test_backfill.)
`CORETELECOMS_TEST_KILLS=200` draws so many random moments.
"""

import os
import random
import signal
from collections.abc import Sequence
from typing import Any

import pytest
from prefect.variables import Variable

from tasks.gate import FIRST_RUN
from tests.integration.daily_runs import (
    FIRST,
    SECOND,
    SETTINGS,
    DailyRuns,
    Place,
    last_flow_run,
    left_at,
    logged,
)
from tests.integration.forker import Kill

INITIAL = [
    Kill("before", "blocks.samples:web_complaints"),
    Kill("after", "tasks.loading.tables:create_all_tables"),
    # customers
    Kill("after", "tasks.reading.land:write_parquet", of="bronze/customers"),
    Kill("after", "tasks.cleaning.silver:write_parquet", of="silver/customers"),
    Kill("after", "tasks.loading.static:copy", nth=3),
    Kill("after", "tasks.loading.static:write_ledger", of="customers"),
    Kill("after", "tasks.load:load_static", of="customers"),
    # agents and the Variable
    Kill("after", "tasks.ingest:land", of="agents"),
    Kill("after", "tasks.transform:refine", of="agents"),
    Kill("after", "tasks.loading.static:_insert", of="agents"),
    Kill("before", "prefect.variables:Variable.set"),
    Kill("after", "prefect.variables:Variable.set"),
]
CALL_LOGS = [
    Kill("before", "tasks.loading.tables:clear_staging"),
    Kill("after", "tasks.reading.land:write_parquet", of="bronze/call_logs"),
    Kill("before", "tasks.transform:refine", of="call_logs"),
    Kill("after", "psycopg:Copy.write", nth=2),
    Kill("after", "tasks.loading.day:replace_rejected", of="call_logs"),
    Kill("after", "tasks.loading.day:swap_in", of="call_logs"),
    Kill("after", "tasks.load:load_day", of="call_logs"),
]
# one channel each: the others go their way meanwhile, and what they have copied stays copied.
OTHERS = {
    "sm_complaints": [
        Kill("after", "tasks.ingest:land", of="sm_complaints"),
        Kill("after", "tasks.cleaning.silver:write_parquet", of="silver/sm_complaints"),
        Kill("after", "tasks.loading.copying:copy", nth=3, of="sm_complaints"),
        Kill("after", "tasks.loading.day:write_ledger", of="sm_complaints"),
    ],
    "web_complaints": [
        Kill("before", "blocks.stores.local:LocalStore.write", of="bronze/web_complaints"),
        Kill("after", "tasks.transform:refine", of="web_complaints"),
        Kill("before", "tasks.load:load_day", of="web_complaints"),
        Kill("before", "tasks.loading.day:swap_in", of="web_complaints"),
        Kill("after", "tasks.warehouse:_build"),
        Kill("before", "flows.daily:publish"),
    ],
}


def killed(daily_runs: DailyRuns, place: Place, kills: Sequence[Kill], **how: Any) -> None:
    """One run after the other, each killed in its place."""
    for kill in kills:
        child = daily_runs.start(place, kill=kill, **how)
        assert child.wait() == -signal.SIGKILL, f"the run never got {kill}: {child.said}"


def test_the_first_run(daily_runs: DailyRuns) -> None:
    Variable.unset(FIRST_RUN)
    with daily_runs.before.copied() as place:
        killed(daily_runs, place, INITIAL, run_date=FIRST)
        daily_runs.run(place, FIRST)
        assert left_at(place).differences(daily_runs.first) == []
    assert Variable.get(FIRST_RUN) == "false"


@pytest.mark.parametrize("kills", OTHERS.values(), ids=OTHERS)
def test_a_later_run(daily_runs: DailyRuns, kills: Sequence[Kill]) -> None:
    Variable.set(FIRST_RUN, "false", overwrite=True)
    with daily_runs.after_first.copied() as place:
        killed(daily_runs, place, kills)
        daily_runs.run(place)
        assert left_at(place).differences(daily_runs.second) == []


def test_committed_batches_are_not_copied_again(daily_runs: DailyRuns) -> None:
    """A later run that dies at each step of the call logs, and then while it copies them."""
    Variable.set(FIRST_RUN, "false", overwrite=True)
    rows = len(daily_runs.second.lake[f"silver/call_logs/{SECOND}.parquet"])
    batches = -(-rows // int(SETTINGS["CORETELECOMS_BATCH_ROWS"]))
    committed = 0
    with daily_runs.after_first.copied() as place:
        killed(daily_runs, place, CALL_LOGS)
        for nth in (1, 2, 3):  # the nth batch was sent, those before it are committed
            killed(
                daily_runs,
                place,
                [Kill("after", "tasks.loading.copying:copy", nth=nth, of="call_logs")],
            )
            committed += nth - 1
        daily_runs.run(place)
        assert left_at(place).differences(daily_runs.second) == []
    lines = logged(last_flow_run(f"daily-{SECOND}-incremental"))
    (said,) = [line for task, line in lines if task == "load_call_logs" and "resumed" in line]
    assert batches > committed
    assert f"{batches - committed} batches copied, {committed} resumed" in said


KILLS = int(os.environ.get("CORETELECOMS_TEST_KILLS", "3"))
# shares of a run's time; each run begins where the one before it died.
MOMENTS = [random.Random(kill).uniform(0.1, 1) for kill in range(KILLS)]


@pytest.mark.parametrize("shares", [MOMENTS[i : i + 3] for i in range(0, KILLS, 3)], ids=str)
def test_at_random_moments(daily_runs: DailyRuns, shares: Sequence[float]) -> None:
    Variable.set(FIRST_RUN, "false", overwrite=True)
    with daily_runs.after_first.copied() as place:
        for share in shares:
            child = daily_runs.start(place, kill_after=share * daily_runs.seconds)
            assert child.wait() in (-signal.SIGKILL, 0), child.said
        daily_runs.run(place)
        assert left_at(place).differences(daily_runs.second) == []
