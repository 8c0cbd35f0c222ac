"""A field, a reference or a channel that began on a date: days before it stay loadable."""

from dataclasses import replace
from datetime import date

import pytest

from blocks.database import connect
from blocks.errors import SchemaDriftError
from blocks.resources import Resources
from tasks import days, replay
from tasks.cleaning.silver import refine
from tasks.entities import contracts
from tasks.entities.contracts import CALL_LOGS, COMPLAINTS
from tasks.entities.model import Entity, Field, File
from tasks.entities.references import Loaded
from tasks.loading.day import load_day
from tasks.loading.static import load_static
from tasks.loading.tables import create_all_tables
from tasks.reading.land import land
from tests.integration.days import known_parties, query

BEFORE, SINCE = date(2025, 11, 20), date(2025, 11, 21)
STORES = Entity(
    name="stores",
    key="store_id",
    source=File("stores.csv"),
    fields=(Field("store_id"), Field("town")),
)
GROWN = replace(
    CALL_LOGS,
    fields=(
        *CALL_LOGS.fields,
        Field("store_id", references=STORES, since=SINCE),
        Field("till", since=SINCE),
    ),
)
LABELS = "call ID,customer ID,agent ID,complaint category,call start time,call end time," + (
    "resolution status,call logs generation date"
)


def deliver(resources: Resources, day: date, text: str) -> None:
    resources.source.write(GROWN.source_on(day), text.encode())


def load(resources: Resources, day: date) -> Loaded:
    silver = refine(GROWN, land(GROWN, day, resources), resources)
    return load_day(GROWN, silver, resources)


@pytest.fixture
def grown(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Resources:
    """Call logs were loaded before they were declared to name a store; one store is known."""
    known_parties(resources)
    deliver(resources, BEFORE, f"{LABELS}\nl1,c1,a1,Payments,,,Backlog,\n")
    silver = refine(CALL_LOGS, land(CALL_LOGS, BEFORE, resources), resources)
    load_day(CALL_LOGS, silver, resources)
    monkeypatch.setattr("tasks.loading.tables.COMPLAINTS", (GROWN,))
    entities = {e.name: e for e in (*contracts.STATIC, STORES, GROWN)}
    monkeypatch.setattr("tasks.loading.tables.ENTITIES", entities)
    monkeypatch.setattr(replay, "COMPLAINTS", (GROWN,))
    with connect(resources.warehouse_dsn) as connection:
        create_all_tables(connection)
    resources.source.write("stores.csv", b"store_id,town\ns1,Troy\n")
    load_static(STORES, refine(STORES, land(STORES, SINCE, resources), resources), resources)
    return resources


def test_a_table_gains_the_column_and_its_foreign_key(grown: Resources) -> None:
    assert query(grown, "SELECT call_id, store_id, till FROM conformed.call_logs") == [
        ("l1", None, None)
    ]
    found = query(
        grown,
        "SELECT confrelid::regclass::text FROM pg_constraint "
        "WHERE contype = 'f' AND conrelid = 'conformed.call_logs'::regclass ORDER BY 1",
    )
    assert found == [("conformed.agents",), ("conformed.customers",), ("conformed.stores",)]


@pytest.mark.parametrize(
    "extra", [pytest.param(("", ""), id="without it"), pytest.param((",till", ",7"), id="with it")]
)
def test_a_day_before_it_loads_again_without_it(grown: Resources, extra: tuple[str, str]) -> None:
    label, value = extra
    row = f"l1,c1,a1,Payments,,,Resolved,{value}\n"
    orphan = f"l2,c9,a1,Payments,,,Resolved,{value}\n"
    deliver(grown, BEFORE, f"{LABELS}{label}\n{row}{row}{orphan}")
    loaded = load(grown, BEFORE)
    assert (loaded.rows_read, loaded.exact_duplicates, loaded.orphan, loaded.loaded) == (3, 1, 1, 1)
    assert loaded.field_problems == 0
    assert query(grown, "SELECT call_id, resolution_status, till FROM conformed.call_logs") == [
        ("l1", "Resolved", None)
    ]
    (record,) = query(grown, "SELECT reason, record ->> 'till' FROM quarantine.records")
    assert record == ("customer_id is unknown", None)


def test_from_its_date_on_it_is_asked_for_and_refers(grown: Resources) -> None:
    deliver(grown, SINCE, f"{LABELS}\nl1,c1,a1,Payments,,,Resolved,\n")
    with pytest.raises(SchemaDriftError, match="missing store_id, till"):
        load(grown, SINCE)
    rows = ["l1,c1,a1,,,,,,s1,7", "l2,c1,a1,,,,,,s2,", "l3,c1,a9,,,,,,,"]
    deliver(grown, SINCE, "\n".join([f"{LABELS},Store ID,till", *rows]))
    assert load(grown, SINCE).loaded == 1
    found = query(grown, "SELECT record_key, reason FROM quarantine.records ORDER BY 1")
    assert found == [
        ("l2", "store_id is unknown"),
        ("l3", "agent_id is unknown; store_id is missing"),
    ]
    assert query(grown, "SELECT store_id, till FROM conformed.call_logs WHERE till = '7'") == [
        ("s1", "7")
    ]


def test_orphans_of_a_day_before_it_are_freed_without_it(grown: Resources) -> None:
    deliver(grown, BEFORE, f"{LABELS}\nl2,c9,a1,,,,,\n")
    load(grown, BEFORE)
    rows = ["l3,c9,a1,,,,,,s1,", "l4,c9,a1,,,,,,s2,"]
    deliver(grown, SINCE, "\n".join([f"{LABELS},Store ID,till", *rows]))
    load(grown, SINCE)
    with connect(grown.warehouse_dsn) as connection:
        assert replay._freed(connection, None, None) == []
        connection.execute(
            "INSERT INTO conformed.customers (customer_id, run_date) VALUES ('c9', now())"
        )
        found = replay._freed(connection, None, None)
    assert [(each.run_date, each.orphans, each.free) for each in found] == [
        (BEFORE, 1, 1),
        (SINCE, 2, 1),
    ]


def test_a_day_is_complete_with_the_channels_it_had(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(resources.warehouse_dsn) as connection:
        create_all_tables(connection)
        connection.cursor().executemany(
            """
            INSERT INTO ops.ledger (entity, run_date, rows_read, exact_duplicates, missing_key,
                duplicate_key, orphan, loaded, field_problems, bronze_fingerprint)
            VALUES (%s, %s, 0, 0, 0, 0, 0, 0, 0, '')
            """,
            [(entity.name, day) for entity in COMPLAINTS for day in (BEFORE, SINCE)],
        )
    monkeypatch.setattr(days, "resolve", lambda _: resources)
    assert days.loaded_days("test", [BEFORE, SINCE]) == [BEFORE, SINCE]
    late = replace(CALL_LOGS, name="late", since=SINCE)
    monkeypatch.setattr(contracts, "COMPLAINTS", (*COMPLAINTS, late))
    assert days.loaded_days("test", [BEFORE, SINCE]) == [BEFORE]
