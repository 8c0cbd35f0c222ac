"""Rebuild: a database that was lost comes back from the lake alone, row for row."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
import pytest
from prefect.states import State
from prefect.variables import Variable
from psycopg import sql

from blocks.database import connect
from blocks.resolving import forget, resolve
from blocks.resources import Resources
from blocks.settings import settings
from flows.rebuild import rebuild
from tasks import warehouse
from tasks.entities.contracts import CALL_LOGS
from tasks.gate import FIRST_RUN
from tasks.lake.records import read_records
from tasks.loading import ledger
from tasks.loading.day import load_day
from tasks.loading.tables import create_all_tables
from tests.conftest import new_database
from tests.integration.by_hand import CHANNELS
from tests.integration.daily_runs import NO_DBT
from tests.integration.days import forty_calls, known_parties, query
from tests.integration.forker import ROOT, Forker, Kill, nothing
from tests.integration.lost import DAYS, Lost, all_tables, live, lose
from tests.integration.snapshot import Tables, differing


@pytest.fixture(scope="module")
def lost(
    prefect_server: None, postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lost]:
    """The ten days, and then nothing but the lake: no table, no source, no first-run Variable."""
    home = tmp_path_factory.mktemp("home")
    with new_database(postgres) as dsn, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CORETELECOMS_HOME", str(home))
        patch.setenv("CORETELECOMS_WAREHOUSE_DSN", dsn)
        settings.cache_clear()
        forget()
        live(resolve(), home / "sources")
        tables = all_tables(dsn)
        shutil.rmtree(home / "sources")
        yield Lost(home, dsn, tables)
    Variable.unset(FIRST_RUN)
    settings.cache_clear()
    forget()


@pytest.fixture
def gone(lost: Lost) -> Lost:
    """Lost just now."""
    lose(lost.dsn)
    Variable.unset(FIRST_RUN)
    return lost


def run(**parameters: Any) -> State[Any]:
    return asyncio.run(rebuild(**parameters, return_state=True))  # type: ignore[arg-type]


def test_the_ten_days_have_what_makes_it_hard(lost: Lost) -> None:
    """Else the tests below would prove little."""
    rejected = " ".join(lost.tables["ops.rejected_days"])
    assert all(name in rejected for name in ("customers", "call_logs", "web_complaints"))
    kept = {path.parent.name for path in (lost.home / "lake/bronze").rglob("*.*.parquet")}
    assert kept == {"customers", "call_logs", "sm_complaints"}
    assert lost.tables["conformed.customers_versions"]
    assert any("customer_id is unknown" in row for row in lost.tables["quarantine.records"])


def environment(lost: Lost) -> dict[str, str]:
    return {"CORETELECOMS_HOME": str(lost.home), "CORETELECOMS_WAREHOUSE_DSN": lost.dsn}


def test_every_table_comes_back(gone: Lost, forker: Forker) -> None:
    """It is killed three times on the way, each time a step further."""
    for kill in (
        Kill("after", "tasks.rebuild:load_static", nth=3),
        Kill("before", "tasks.loading.day:swap_in", nth=8),
        Kill("before", "tasks.warehouse:_build"),
    ):
        child = forker.start("rebuild", ["--plain"], environment(gone), kill=kill)
        assert child.wait() == -signal.SIGKILL, f"it never got {kill}: {child.said}"
    child = forker.start("rebuild", ["--plain"], environment(gone))
    assert child.wait() == 0, child.said
    assert not differing(all_tables(gone.dsn), gone.tables)
    assert not list((gone.home / "sources").iterdir())  # none were asked, so none were made
    assert Variable.get(FIRST_RUN) == "false"


def loaded(tables: Tables) -> Tables:
    """All but the warehouse."""
    return {name: rows for name, rows in tables.items() if not name.startswith("analytics.")}


@pytest.fixture
def without_dbt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse, "_build", nothing)


def test_bronze_that_does_not_match_its_manifest(
    gone: Lost, without_dbt: None, forker: Forker
) -> None:
    """Its days are named and left out, the others are loaded; with the files back, the rest."""
    bronze = gone.home / "lake/bronze"
    spoiled = {
        "call_logs": bronze / f"call_logs/{DAYS[1]}.parquet",
        "sm_complaints": bronze / f"sm_complaints/{DAYS[4]}.parquet",
        "web_complaints": bronze / f"web_complaints/{DAYS[6]}.manifest.json",
    }
    whole = {file: file.read_bytes() for file in spoiled.values()}
    spoiled["call_logs"].write_bytes(whole[spoiled["call_logs"]][:1000])
    shutil.copy(bronze / f"sm_complaints/{DAYS[5]}.parquet", spoiled["sm_complaints"])
    spoiled["web_complaints"].unlink()

    state = run()
    assert state.is_failed()
    said = str(state.message)
    assert said.startswith(f"7 of 10 days loaded again; failed: {DAYS[1]}, {DAYS[4]}, {DAYS[6]}. ")
    assert f"{DAYS[1]}: load_again_call_logs failed: The file of the lake is damaged" in said
    assert f"{DAYS[4]}: load_again_sm_complaints failed: The bronze file holds " in said
    assert f"The bronze file of web_complaints of {DAYS[6]} is no longer in the lake" in said
    found = all_tables(gone.dsn)
    assert {name for name in loaded(found) if found[name] != gone.tables[name]} == {
        *(f"conformed.{channel}" for channel in CHANNELS),
        *("quarantine.records", "ops.field_problems", "ops.ledger"),
    }
    for file, data in whole.items():
        file.write_bytes(data)
    state = run()
    assert state.is_completed(), state.message
    assert state.message == "3 of 3 days loaded again, 7 were already."
    assert not differing(loaded(all_tables(gone.dsn)), loaded(gone.tables))


def test_customers_that_are_lost_hold_back_the_days(gone: Lost, without_dbt: None) -> None:
    first, _ = sorted((gone.home / f"lake/loads/customers/{DAYS[5]}").iterdir())
    record = json.loads(first.read_text())
    kept = f"{DAYS[5]}.{record['bronze_fingerprint'][:12]}.parquet"
    file = gone.home / "lake/bronze/customers" / kept  # of two deliveries, the first
    file.rename(file.with_suffix(".away"))
    state = run()
    assert state.is_failed()
    assert str(state.message).startswith("0 of 10 days loaded again. load_again_customers failed: ")
    assert "Held back: mark_first_run_complete." in str(state.message)
    assert Variable.get(FIRST_RUN) == "true"
    file.with_suffix(".away").rename(file)
    assert run().is_completed()
    assert not differing(loaded(all_tables(gone.dsn)), loaded(gone.tables))


def test_rows_that_were_removed_are_loaded_again_or_named(gone: Lost, without_dbt: None) -> None:
    """What doesn't load, of complaints and of customers; and people without a version."""
    assert run().is_completed()

    def remove(*statements: str) -> str:
        with psycopg.connect(gone.dsn) as connection:
            for statement in statements:
                connection.execute(statement)
        return str(run().message)

    said = remove(
        f"DELETE FROM quarantine.records WHERE entity = 'call_logs' AND run_date = '{DAYS[6]}'",
        f"DELETE FROM ops.field_problems WHERE entity = 'sm_complaints' AND run_date = '{DAYS[1]}'",
    )
    assert said == "2 of 2 days loaded again, 8 were already."
    assert not differing(loaded(all_tables(gone.dsn)), loaded(gone.tables))
    said = remove(
        "DELETE FROM conformed.customers_versions WHERE customer_id = "
        "(SELECT min(customer_id) FROM conformed.customers)",
        f"DELETE FROM ops.field_problems WHERE entity = 'customers' AND run_date = '{DAYS[5]}'",
    )
    lost = f"customers of {DAYS[5]}, conformed.customers_versions."
    assert f"Rows are lost of what the ledger counts: {lost}" in said
    assert run(replace=True).is_completed()
    assert not differing(loaded(all_tables(gone.dsn)), loaded(gone.tables))


def test_a_lake_without_records_gets_them(gone: Lost, without_dbt: None, tmp_path: Path) -> None:
    """All of them, also when it is cut short; so the next rebuild has the same rows."""
    loads = gone.home / "lake/loads"
    shutil.move(loads, tmp_path)
    bronze = gone.home / "lake/bronze"
    file = bronze / f"call_logs/{DAYS[1]}.parquet"
    file.rename(file.with_suffix(".away"))
    try:
        assert str(run().message).startswith(f"9 of 10 days loaded again; failed: {DAYS[1]}. ")
        file.with_suffix(".away").rename(file)
        assert run().message == "1 of 1 days loaded again, 9 were already."
        there = {f"{f.parent.name}/{f.name[:10]}" for f in bronze.rglob("*.manifest.json")}
        assert {f"{f.parent.parent.name}/{f.parent.name}" for f in loads.rglob("*.json")} == there
        tables = all_tables(gone.dsn)
        lose(gone.dsn)
        assert run().message == "10 of 10 days loaded again."
        assert not differing(loaded(all_tables(gone.dsn)), loaded(tables))
    finally:
        shutil.rmtree(loads)
        shutil.move(tmp_path / "loads", loads)


@pytest.mark.parametrize("name", ["customers", "agents"])
def test_without_a_load_of_customers_or_agents_nothing_is_loaded(
    gone: Lost, without_dbt: None, name: str, tmp_path: Path
) -> None:
    folder = gone.home / "lake/loads" / name
    shutil.move(folder, tmp_path)
    try:
        said = f"find_records failed: The lake has no record of a load of {name}: all complaints "
        assert said in str(run().message)
    finally:
        shutil.move(tmp_path / name, folder)


def test_bronze_that_no_record_is_about_is_named(
    gone: Lost, without_dbt: None, tmp_path: Path
) -> None:
    folder = gone.home / f"lake/loads/call_logs/{DAYS[4]}"
    shutil.move(folder, tmp_path)
    try:
        assert run().message == (
            "10 of 10 days loaded again; left out, for loads/ has no record of their bronze: "
            f"call_logs of {DAYS[4]}."
        )
    finally:
        shutil.move(tmp_path / folder.name, folder)


def test_rows_that_are_not_the_lakes(gone: Lost, forker: Forker) -> None:
    """They are refused, and replaced by one who asks for it twice; also after a kill in between."""
    given: dict[str, Any] = {"environment": environment(gone), "replace": NO_DBT}
    child = forker.start("rebuild", ["--plain"], **given)
    assert child.wait() == 0, child.said
    with psycopg.connect(gone.dsn) as connection:
        connection.execute(f"UPDATE ops.ledger SET loaded_at = now() WHERE run_date = '{DAYS[9]}'")
        connection.execute("DELETE FROM conformed.call_logs")
    refused = "find_records failed: The database has rows that are not a part of what the lake has"

    def assert_refused() -> None:
        child = forker.start("rebuild", ["--plain"], **given)
        assert child.wait() == 1
        assert refused in child.said

    assert_refused()
    child = forker.start("rebuild", ["--plain", "--replace"], **given)
    assert child.wait()
    assert "without a terminal it needs --yes" in child.said
    replace = ["--plain", "--replace", "--yes"]
    for kill in (
        Kill("after", "tasks.loading.emptying:truncate", nth=1),
        Kill("before", "tasks.loading.emptying:truncate", nth=2),
    ):
        child = forker.start("rebuild", replace, **given, kill=kill)
        assert child.wait() == -signal.SIGKILL, child.said
        assert_refused()
    child = forker.start("rebuild", replace, **given)
    assert child.wait() == 0, child.said
    assert not differing(loaded(all_tables(gone.dsn)), loaded(gone.tables))


@pytest.mark.parametrize("typed", ["yes", ""])
def test_on_a_terminal_the_databases_name_is_asked_for(gone: Lost, typed: str) -> None:
    person, terminal = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.rebuild", "--replace"],
        cwd=ROOT,
        env=os.environ | environment(gone),
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.write(person, f"{typed}\n".encode())
    said, _ = process.communicate()
    os.close(person)
    os.close(terminal)
    name = psycopg.conninfo.conninfo_to_dict(gone.dsn)["dbname"]
    assert f"Every row of ours in database {name} at " in said
    assert "That is another answer: nothing was changed." in said
    assert process.returncode == 2


def test_a_lake_of_nothing(local: Path, without_dbt: None) -> None:
    state = run()
    assert state.is_failed()
    assert "find_records failed: The lake has no record of a load." in str(state.message)


@pytest.mark.parametrize(
    ("theirs", "name"),
    [
        ("TABLE crm.notes (customer_id text REFERENCES conformed.customers)", "crm.notes"),
        ("VIEW crm.people AS SELECT * FROM analytics.dim_agents", "crm.people"),
        ("MATERIALIZED VIEW crm.day AS SELECT * FROM conformed.call_logs_20251120", "crm.day"),
    ],
)
def test_what_others_have_built_is_named_before_anything_is_removed(
    local: Path, without_dbt: None, theirs: str, name: str
) -> None:
    dsn = resolve().warehouse_dsn
    with connect(dsn) as connection:
        create_all_tables(connection)
        connection.execute(
            """
            CREATE TABLE conformed.call_logs_20251120
                PARTITION OF conformed.call_logs FOR VALUES IN ('2025-11-20');
            CREATE TABLE analytics.dim_agents (agent_id text);
            CREATE SCHEMA crm;
            INSERT INTO ops.field_problems VALUES ('agents', '2025-11-20', 'a', 'state', '?');
            """
        )
        connection.execute("CREATE VIEW crm.all_calls AS SELECT * FROM conformed.call_logs")
        connection.execute(sql.SQL("CREATE " + theirs))
        (owner,) = connection.execute("SELECT current_user").fetchone() or ("",)
    said = str(run(replace=True).message)
    assert f"can't be emptied and built again: {name} (owner {owner}) depends on them" in said
    with connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM ops.field_problems").fetchone() == (1,)
        assert connection.execute("SELECT to_regclass(%s) IS NOT NULL", [name]).fetchone()
        connection.execute("DROP SCHEMA crm CASCADE")
    assert "The lake has no record of a load" in str(run(replace=True).message)


def test_what_a_run_that_died_left_unrecorded(resources: Resources) -> None:
    """Between the commit and the record; so is all of a ledger from before there were records."""
    known_parties(resources)
    silver = forty_calls(resources)
    with (
        mock.patch.object(ledger, "write_record", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        load_day(CALL_LOGS, silver, resources)
    assert [r.entity for r in read_records(resources.lake)] == ["customers", "agents"]
    with connect(resources.warehouse_dsn) as connection:
        connection.execute("ALTER TABLE ops.ledger DROP recorded, DROP static_as_of")
        connection.execute("ALTER TABLE ops.rejected_days DROP recorded")
        create_all_tables(connection)
        ledger.record(connection, resources.lake)
    assert [r.entity for r in read_records(resources.lake)] == ["customers", "agents", "call_logs"]
    assert query(resources, "SELECT DISTINCT recorded FROM ops.ledger") == [(True,)]
