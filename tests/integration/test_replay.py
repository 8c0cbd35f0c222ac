"""Replay of quarantine: orphans whose customer and agent have arrived since are loaded rows."""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prefect.states import State

from blocks import samples
from blocks.errors import SourceMissingError, SourceUnreadableError
from blocks.resolving import resolve
from blocks.resources import Resources
from blocks.stores.local import LocalStore
from flows.replay import replay_quarantine
from tasks import warehouse
from tasks.entities.contracts import ENTITIES, STATIC
from tasks.lake.bronze import landed
from tasks.loading import locks
from tasks.reading.land import land
from tests.conftest import new_database
from tests.integration import graph
from tests.integration.by_hand import CHANNELS, load_all, load_one
from tests.integration.forker import nothing
from tests.integration.snapshot import LOADED, Tables, differing, snapshot

DAYS = [date(2025, 11, 20), date(2025, 11, 21)]


@pytest.fixture(scope="module")
def sources(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    """Two sample days, and a database into which they were loaded with everybody known."""
    home = tmp_path_factory.mktemp("sources")
    with new_database(postgres) as dsn:
        for day in DAYS:
            samples.ensure(home / "sources", dsn, day)
        resources = Resources(
            platform="everybody",
            source=LocalStore(home / "sources"),
            lake=LocalStore(home / "lake"),
            agents_url=None,
            warehouse_dsn=dsn,
            web_forms_dsn=dsn,
        )
        load_all(resources, DAYS)
        yield resources


@pytest.fixture
def orphaned(sources: Resources, local: Path) -> Resources:
    """`local`, loaded with a part of the customers and agents; then the others have arrived.

    What it was loaded from is gone since: only bronze can be read again.
    """
    folder = local / "sources"
    shutil.copytree(sources.source.url, folder)
    full = {}
    for file in ("customers/customers_dataset.csv", "agents/agents.csv"):
        full[file] = (folder / file).read_text()
        header, *lines = full[file].splitlines(keepends=True)
        (folder / file).write_text("".join([header, *lines[: len(lines) // 2]]))
    ours = replace(resolve(), web_forms_dsn=sources.web_forms_dsn, samples=None, max_quarantine=1)
    load_all(ours, DAYS)
    for file, text in full.items():
        (folder / file).write_text(text)
    for static in STATIC:
        load_one(static.name, DAYS[0], ours)
    shutil.rmtree(folder)
    return ours


def orphans(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM quarantine.records WHERE issue = 'orphan'"
        ).fetchone()
        assert row
        return int(row[0])


def run(**parameters: Any) -> State[Any]:
    return asyncio.run(replay_quarantine(**parameters, return_state=True))  # type: ignore[arg-type]


def complaints(resources: Resources, day: date | None = None) -> Tables:
    """All but how often customers and agents were loaded."""
    tables = snapshot(resources.warehouse_dsn, run_date=day)
    for name in ("conformed.customers", "conformed.agents", "ops.checkpoints"):
        tables.pop(name)
    return tables


def test_freed_orphans_are_as_if_everybody_had_been_known(
    orphaned: Resources, sources: Resources
) -> None:
    before, never = orphans(orphaned.warehouse_dsn), orphans(sources.warehouse_dsn)
    assert before > 2 * never > 0

    state = run()

    assert state.is_completed()
    assert state.message == (
        f"{before - never:,} orphans freed on 2 run dates, {never:,} remain in quarantine: "
        "their customer or agent is still unknown."
    )
    assert not differing(complaints(orphaned), complaints(sources))
    with psycopg.connect(orphaned.warehouse_dsn) as connection:
        ledger = connection.execute(
            "SELECT DISTINCT flow_run_id FROM ops.ledger WHERE entity = ANY (%s)", [CHANNELS]
        ).fetchall()
        assert ledger == [(str(state.state_details.flow_run_id),)]
        facts = connection.execute(
            "SELECT count(*), (SELECT count(DISTINCT (channel, complaint_id)) FROM "
            "analytics.int_complaint_history) FROM analytics.fct_complaints"
        ).fetchone()
        assert facts
        assert facts[0] == facts[1] > 0
        assert connection.execute("SELECT count(*) FROM ops.checkpoints").fetchone() == (0,)

    again = run()
    assert again.is_completed()
    assert again.message == (
        f"0 orphans freed, {never:,} remain in quarantine: "
        "their customer or agent is still unknown."
    )
    nothing_loaded = ("count_orphans", "create_all_tables", "find_freed_orphans")
    ought = dict.fromkeys(nothing_loaded, "Completed")
    assert graph.states(graph.recorded(again, ought)) == ought


def test_a_range_and_days_that_fail(
    orphaned: Resources, sources: Resources, no_grace: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse, "_build", nothing)
    before = complaints(orphaned, DAYS[1])
    state = run(start=DAYS[1] + timedelta(days=1))
    assert state.is_completed()
    assert state.message == "0 orphans freed, 0 remain in quarantine."

    orphaned.lake.delete(f"bronze/call_logs/{DAYS[0]}.manifest.json")
    there = orphans(orphaned.warehouse_dsn)
    with locks.held(orphaned.warehouse_dsn, "run date", str(DAYS[1])):
        state = run(end=DAYS[1])
    assert state.is_failed()
    said = str(state.message)
    freed = there - orphans(orphaned.warehouse_dsn)
    assert said.startswith(f"{freed:,} orphans freed on 1 run date, ")
    assert f"failed: {DAYS[0]}, {DAYS[1]}." in said
    assert f"The bronze file of call_logs of {DAYS[0]} is no longer in the lake." in said
    assert f"Another run is at work on run date {DAYS[1]}" in said
    # the first day's other channels are loaded, the second day is as it was.
    assert complaints(orphaned, DAYS[1]) == before
    whole, ours = complaints(sources, DAYS[0]), complaints(orphaned, DAYS[0])
    assert {c: ours[f"conformed.{c}"] == whole[f"conformed.{c}"] for c in CHANNELS} == {
        "call_logs": False,
        "sm_complaints": True,
        "web_complaints": True,
    }


def test_a_database_that_was_never_loaded(local: Path) -> None:
    state = run()
    assert state.is_completed()
    assert state.message == "0 orphans freed, 0 remain in quarantine."
    assert set(snapshot(resolve().warehouse_dsn)) >= {"ops.ledger", "quarantine.records"}
    assert all(not rows for rows in snapshot(resolve().warehouse_dsn, LOADED).values())


def test_bronze_is_read_back_as_it_landed(sources: Resources) -> None:
    for channel in CHANNELS:
        again = land(ENTITIES[channel], DAYS[0], sources)
        found = landed(channel, DAYS[0], sources.lake)
        assert found == replace(again, seconds=0.0, warnings=found.warnings)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"rows": 1}', "null"])
def test_a_manifest_that_is_not_ours(tmp_path: Path, text: str) -> None:
    lake = LocalStore(tmp_path)
    lake.write("bronze/call_logs/2025-11-20.manifest.json", text.encode())
    with pytest.raises(SourceUnreadableError, match=r"--from 2025-11-20 --to 2025-11-20 --force"):
        landed("call_logs", DAYS[0], lake)


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(SourceMissingError, match="no longer in the lake"):
        landed("call_logs", DAYS[0], LocalStore(tmp_path))
