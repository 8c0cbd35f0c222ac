"""SIGKILL anywhere: the next run finds, and leaves, what an undisturbed one does.

How a run is killed at a named place is told in `forker.py`. Every case: a night begins, dies, and
begins again; then all tables and the lake's files are those of a night that nobody disturbed.
`CORETELECOMS_TEST_KILLS=200` draws so many more random moments, dbt included.
"""

import os
import random
import signal
from typing import Any

import pytest
from prefect.variables import Variable

from tasks.state import FIRST_RUN
from tests.integration import nights as n
from tests.integration.forker import Kill
from tests.integration.nights import FIRST, SECOND, Nights
from tests.integration.snapshot import ALL

INITIAL = [
    Kill("after", "tasks.tables:create_all_tables"),
    Kill("before", "blocks.samples:web_complaints"),
    Kill("after", "tasks.bronze:write_parquet", of="bronze/customers"),
    Kill("after", "tasks.ingest:land", of="agents"),
    Kill("after", "tasks.silver:write_parquet", of="silver/customers"),
    Kill("after", "tasks.transform:refine", of="agents"),
    Kill("after", "tasks.upsert:copy", nth=3),
    Kill("after", "tasks.upsert:_insert", of="agents"),
    Kill("after", "tasks.upsert:write_ledger", of="customers"),
    Kill("after", "tasks.load:load_static", of="customers"),
    Kill("before", "prefect.variables:Variable.set"),
    Kill("after", "prefect.variables:Variable.set"),
]
INCREMENTAL = [
    Kill("before", "tasks.tables:clear_staging"),
    Kill("after", "tasks.ingest:land", of="sm_complaints"),
    Kill("before", "blocks.stores:LocalStore.write", of="bronze/web_complaints"),
    Kill("after", "tasks.bronze:write_parquet", of="bronze/call_logs"),
    Kill("before", "tasks.transform:refine", of="call_logs"),
    Kill("after", "tasks.silver:write_parquet", of="silver/sm_complaints"),
    Kill("after", "tasks.transform:refine", of="web_complaints"),
    Kill("before", "tasks.load:load_day", of="web_complaints"),
    Kill("after", "psycopg:Copy.write", nth=2),
    Kill("after", "tasks.copying:copy", nth=3, of="sm_complaints"),
    Kill("after", "tasks.conform:replace_rejected", of="call_logs"),
    Kill("before", "tasks.conform:swap_in", of="web_complaints"),
    Kill("after", "tasks.conform:swap_in", of="call_logs"),
    Kill("after", "tasks.conform:write_ledger", of="sm_complaints"),
    Kill("after", "tasks.load:load_day", of="call_logs"),
    Kill("before", "flows.daily:publish"),
]
IN_DBT = [
    Kill("after", "dbt.adapters.postgres.connections:PostgresConnectionManager.add_query", nth=60),
    Kill("after", "tasks.warehouse:_build"),
]


def killed(nights: Nights, place: n.Place, kill: Kill, **how: Any) -> None:
    child = nights.start(place, kill=kill, **how)
    assert child.wait() == -signal.SIGKILL, f"the run never got there: {child.said}"


@pytest.mark.parametrize("kill", INITIAL, ids=str)
def test_the_first_night(nights: Nights, kill: Kill) -> None:
    Variable.unset(FIRST_RUN)
    begin = nights.before if "samples" in kill.function else nights.delivered
    with begin.copied() as place:
        child = nights.start(place, FIRST, kill=kill)
        assert child.wait() == -signal.SIGKILL, f"the run never got there: {child.said}"
        nights.run(place, FIRST)
        assert n.left_at(place).differences(nights.first) == []
    assert Variable.get(FIRST_RUN) == "false"


@pytest.mark.parametrize("kill", INCREMENTAL, ids=str)
def test_a_later_night(nights: Nights, kill: Kill) -> None:
    Variable.set(FIRST_RUN, "false", overwrite=True)
    with nights.after_first.copied() as place:
        killed(nights, place, kill)
        nights.run(place)
        assert n.left_at(place).differences(nights.second) == []


@pytest.mark.parametrize("kill", IN_DBT, ids=str)
def test_in_the_warehouse(nights: Nights, kill: Kill) -> None:
    Variable.set(FIRST_RUN, "false", overwrite=True)
    with nights.after_first.copied() as place:
        killed(nights, place, kill, replace={})
        nights.run(place, replace={})
        assert n.left_at(place).differences(nights.second, ALL) == []


@pytest.mark.parametrize(("batch", "committed"), [(1, 0), (2, 1), (4, 3)])
def test_committed_batches_are_not_copied_again(nights: Nights, batch: int, committed: int) -> None:
    Variable.set(FIRST_RUN, "false", overwrite=True)
    with nights.after_first.copied() as place:
        killed(nights, place, Kill("after", "tasks.copying:copy", nth=batch, of="call_logs"))
        nights.run(place)
        assert n.left_at(place).differences(nights.second) == []
    lines = n.logged(n.last_flow_run(f"daily-{SECOND}-incremental"))
    (said,) = [line for task, line in lines if task == "load_call_logs" and "resumed" in line]
    rows = len(nights.second.lake[f"silver/call_logs/{SECOND}.parquet"])
    batches = -(-rows // int(n.SETTINGS["CORETELECOMS_BATCH_ROWS"]))
    assert batches > batch
    assert f"{batches - committed} batches copied, {committed} resumed" in said


MOMENTS = int(os.environ.get("CORETELECOMS_TEST_KILLS", "3"))


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_at_a_random_moment(nights: Nights, moment: int) -> None:
    draw = random.Random(moment)
    after = draw.uniform(0.1, 1) * nights.seconds
    Variable.set(FIRST_RUN, "false", overwrite=True)
    with nights.after_first.copied() as place:
        child = nights.start(place, kill_after=after)
        assert child.wait() in (-signal.SIGKILL, 0)
        nights.run(place)
        assert n.left_at(place).differences(nights.second) == [], f"killed after {after:.3f} s"
