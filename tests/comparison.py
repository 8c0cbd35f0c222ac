"""Takes sources through the real pipeline into PostgreSQL, and holds it against the oracle."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from blocks.resources import Resources
from tasks.cleaning import silver
from tasks.entities import contracts
from tasks.entities.references import Bronze, Loaded, Silver
from tasks.loading import day, static, tables
from tasks.reading import land
from tests import oracle
from tests.generators import Source
from tests.oracle import ENTITIES, Outcome

ADDRESSES = {
    "customers": "customers/customers_dataset.csv",
    "agents": "agents/agents.csv",
    "call_logs": "call logs/call_logs_day_{day}.csv",
    "sm_complaints": "social_medias/media_complaint_day_{day}.json",
}
WEB_FORMS = "web_form_request_{day:%Y_%m_%d}"
STAMPS = {"run_date", "first_loaded_at", "last_changed_at"}


def start_empty(resources: Resources) -> None:
    """Empty conformed tables, quarantine and ledger."""
    with psycopg.connect(resources.warehouse_dsn) as connection:
        connection.execute("DROP SCHEMA IF EXISTS conformed, staging, quarantine, ops CASCADE")
    with psycopg.connect(resources.warehouse_dsn) as connection:
        tables.create_all_tables(connection)


def deliver(source: Source, run_date: date, resources: Resources) -> Source:
    """Put a source where the pipeline looks for it; the source as it lies there."""
    if source.entity != "web_complaints":
        address = ADDRESSES[source.entity].format(day=run_date)
        resources.source.write(address, source.data)
        return source
    table = sql.Identifier("customer_complaints", WEB_FORMS.format(day=run_date))
    columns = sql.SQL(", ").join(
        sql.SQL("{} text").format(sql.Identifier(name)) for name in source.header
    )
    values = sql.SQL(", ").join([sql.Placeholder()] * len(source.header))
    with psycopg.connect(resources.web_forms_dsn) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS customer_complaints")
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
        connection.execute(sql.SQL("CREATE TABLE {} ({})").format(table, columns))
        connection.cursor().executemany(
            sql.SQL("INSERT INTO {} VALUES ({})").format(table, values), source.rows
        )
        # a short row may have found room before longer ones that were put in earlier.
        ordered = connection.execute(sql.SQL("SELECT * FROM {} ORDER BY ctid").format(table))
        return replace(source, rows=tuple(ordered.fetchall()))


def run(source: Source, run_date: date, resources: Resources) -> tuple[Bronze, Silver, Loaded]:
    """Take a source that was delivered through land, refine and load."""
    entity = contracts.ENTITIES[source.entity]
    landed = land.land(entity, run_date, resources)
    refined = silver.refine(entity, landed, resources)
    load = day.load_day if ENTITIES[source.entity].is_complaint else static.load_static
    return landed, refined, load(entity, refined, resources)


def expect(source: Source, customers: Iterable[str] = (), agents: Iterable[str] = ()) -> Outcome:
    """What the oracle makes of a source."""
    return oracle.interpret(source.entity, source.table().rows, customers, agents)


def check_day(
    source: Source,
    run_date: date,
    resources: Resources,
    expected: Outcome,
    stages: tuple[Bronze, Silver, Loaded],
) -> None:
    """Quarantine, problems, ledger, references and, of complaints, the partition are exact."""
    entity = source.entity
    with psycopg.connect(resources.warehouse_dsn) as connection:
        _check_quarantine(connection, entity, run_date, expected)
        problems = _rows(
            connection,
            "SELECT record_key, field, original_value FROM ops.field_problems"
            " WHERE (entity, run_date) = (%s, %s)",
            (entity, run_date),
        )
        same(
            Counter((p["record_key"], p["field"], p["original_value"]) for p in problems),
            Counter((p.record_key, p.field, p.original_value) for p in expected.problems),
        )
        (ledger,) = _rows(
            connection,
            "SELECT * FROM ops.ledger WHERE (entity, run_date) = (%s, %s)",
            (entity, run_date),
        )
        same({name: ledger[name] for name in expected.counts}, expected.counts)
        if ENTITIES[entity].is_complaint:
            dated = {key: row | {"run_date": run_date} for key, row in expected.conformed.items()}
            same(stored(connection, entity, run_date), dated)
        assert not _rows(connection, "SELECT * FROM pg_tables WHERE schemaname = 'staging'", ())
    _check_references(source, expected.counts, stages)


def same(found: Mapping[Any, object], expected: Mapping[Any, object]) -> None:
    """Equal mappings; otherwise only what differs is shown."""
    differing = {
        key: f"found {found.get(key)!r}, expected {expected.get(key)!r}"
        for key in {**found, **expected}
        if found.get(key) != expected.get(key)
    }
    assert not differing, "\n".join(f"{key}: {text}" for key, text in differing.items())


def stored(
    connection: psycopg.Connection[Any], entity: str, run_date: date | None = None
) -> dict[str, dict[str, object]]:
    """The conformed rows of a run date, or all, by key: contract columns and the run date."""
    query = sql.SQL("SELECT * FROM {} WHERE run_date = %s OR %s::date IS NULL").format(
        sql.Identifier("conformed", entity)
    )
    rows = connection.cursor(row_factory=dict_row).execute(query, (run_date, run_date)).fetchall()
    wanted = {*ENTITIES[entity].columns, "run_date"}
    for row in rows:
        assert wanted <= set(row) <= wanted | STAMPS
    by_key = {
        row[ENTITIES[entity].key]: {name: row[name] for name in row if name in wanted}
        for row in rows
    }
    assert len(by_key) == len(rows)
    return by_key


def _check_quarantine(
    connection: psycopg.Connection[Any], entity: str, run_date: date, expected: Outcome
) -> None:
    records = _rows(
        connection,
        "SELECT issue, reason, record_key, record FROM quarantine.records"
        " WHERE (entity, run_date) = (%s, %s)",
        (entity, run_date),
    )
    same(
        Counter((r["issue"], r["record_key"], _text(r["record"])) for r in records),
        Counter((r.issue, r.record_key, _text(r.record)) for r in expected.quarantine),
    )
    at_fault = {r.record_key: r.at_fault for r in expected.quarantine if r.issue == "orphan"}
    for record in records:
        assert record["reason"].strip()
        if record["issue"] == "orphan":
            named = {name for name in ("customer_id", "agent_id") if name in record["reason"]}
            assert named == at_fault[record["record_key"]]


def _check_references(
    source: Source, counts: dict[str, int], stages: tuple[Bronze, Silver, Loaded]
) -> None:
    """What the stages hand on says the same as the tables."""
    landed, refined, loaded = stages
    assert landed.rows == counts["rows_read"]
    assert sorted(landed.unexpected_columns) == sorted(source.table().unexpected)
    early = ("rows_read", "exact_duplicates", "missing_key", "duplicate_key")
    same({name: getattr(refined, name) for name in early}, {name: counts[name] for name in early})
    assert refined.rows == counts["orphan"] + counts["loaded"]
    same({name: getattr(loaded, name) for name in counts}, counts)


def _rows(
    connection: psycopg.Connection[Any], query: LiteralString, values: tuple[object, ...]
) -> list[dict[str, Any]]:
    return connection.cursor(row_factory=dict_row).execute(query, values).fetchall()


def _text(record: dict[str, str | None]) -> str:
    return json.dumps(record, sort_keys=True, ensure_ascii=False)
