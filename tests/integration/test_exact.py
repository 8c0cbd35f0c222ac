"""Every row and value of the conformance layer, against an independent reading of the contract.

`CORETELECOMS_TEST_EXAMPLES=2000` draws that many new examples a test; without it they are few and
the same in every run.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.resources import Resources
from tasks.cleaning import silver
from tasks.lake import parquet
from tasks.reading import csv_file, json_file, table
from tests import oracle
from tests.comparison import check_day, deliver, expect, run, same, start_empty, stored
from tests.generators import PUBLISHED, AllSources, Source, all_sources, sources
from tests.generators_bulk import many
from tests.generators_values import KEYS

DAY = date(2025, 11, 20)
COMPLAINTS = ["call_logs", "sm_complaints", "web_complaints"]
KNOWN = KEYS[: len(KEYS) // 2]


def examples(usual: int) -> Callable[[Any], Any]:
    """So many examples, the same each time; or as many new ones as the environment says."""
    asked = int(os.environ.get("CORETELECOMS_TEST_EXAMPLES", "0"))
    return settings(
        max_examples=asked or usual,
        derandomize=not asked,
        database=None,
        deadline=None,
        print_blob=True,
        # each example replaces all of the one before it.
        suppress_health_check=list(HealthCheck),
    )


def load_known(resources: Resources) -> set[str]:
    """Load customers and agents with the first half of the generators' keys; gives those keys."""
    keys = {key.strip() for key in KNOWN}
    for entity in ("customers", "agents"):
        header = PUBLISHED[entity]
        others = header.count(",") * ","
        quoted = ['"' + key.replace('"', '""') + '"' + others for key in sorted(keys)]
        source = Source(entity, "\n".join([header, *quoted]).encode())
        run(deliver(source, DAY, resources), DAY, resources)
    return keys


@pytest.mark.parametrize("entity", COMPLAINTS)
def test_complaints(entity: str, resources: Resources) -> None:
    start_empty(resources)
    known = load_known(resources)

    @examples(20)
    @given(source=sources(entity, KNOWN, KNOWN))
    def check(source: Source) -> None:
        source = deliver(source, DAY, resources)
        expected = expect(source, known, known)
        check_day(source, DAY, resources, expected, run(source, DAY, resources))

    check()


@pytest.mark.parametrize("entity", ["customers", "agents"])
@examples(12)
@given(data=st.data())
def test_static_twice(entity: str, resources: Resources, data: st.DataObject) -> None:
    start_empty(resources)
    later = DAY + timedelta(days=data.draw(st.integers(0, 1), label="days until the second"))
    table: dict[str, dict[str, object]] = {}
    for day in (DAY, later):
        source = deliver(data.draw(sources(entity)), day, resources)
        expected = expect(source)
        changes = oracle.upsert(table, expected, day)
        stages = run(source, day, resources)
        check_day(source, day, resources, expected, stages)
        assert {name: getattr(stages[-1], name) for name in changes} == changes
        with psycopg.connect(resources.warehouse_dsn) as connection:
            same(stored(connection, entity), table)


@examples(8)
@given(day=all_sources())
def test_all_sources(resources: Resources, day: AllSources) -> None:
    start_empty(resources)
    check_all_sources(day, resources)


def test_many_rows(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    start_empty(resources)
    # a tenth of what they are: fewer rows make as many of them.
    slice_rows, block_bytes = parquet.SLICE_ROWS // 10, csv_file.BLOCK_BYTES // 10
    for module in (parquet, json_file, silver):
        monkeypatch.setattr(module, "SLICE_ROWS", slice_rows)
    for module in (csv_file, table):
        monkeypatch.setattr(module, "BLOCK_BYTES", block_bytes)
    resources = replace(resources, batch_rows=5_000)
    customers, agents = many("customers", 3_000, seed=1), many("agents", 1_000, seed=2)
    known = [f"k{number}" for number in range(900)]
    # more than one slice, block and batch; duplicates lie across them.
    counts = {"call_logs": 20_000, "sm_complaints": 8_000, "web_complaints": 8_000}
    logs, social, web = (many(name, counts[name], 3, known, known) for name in COMPLAINTS)
    check_all_sources(AllSources(customers, agents, (logs, social, web)), resources)


def check_all_sources(day: AllSources, resources: Resources) -> None:
    """Load all five sources of a run date; each is exact, and the ledger has them all."""
    known = []
    for source in (day.customers, day.agents):
        deliver(source, DAY, resources)
        expected = expect(source)
        table: dict[str, dict[str, object]] = {}
        oracle.upsert(table, expected, DAY)
        check_day(source, DAY, resources, expected, run(source, DAY, resources))
        with psycopg.connect(resources.warehouse_dsn) as connection:
            same(stored(connection, source.entity), table)
        known.append(set(expected.conformed))
    for drawn in day.complaints:
        source = deliver(drawn, DAY, resources)
        expected = expect(source, *known)
        check_day(source, DAY, resources, expected, run(source, DAY, resources))
    with psycopg.connect(resources.warehouse_dsn) as connection:
        ledger = connection.execute("SELECT entity FROM ops.ledger ORDER BY entity").fetchall()
    assert [entity for (entity,) in ledger] == sorted(oracle.ENTITIES)
