"""Silver days made by hand: the files that a load reads, from rows a test can write down."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from blocks.database import connect
from blocks.resources import Resources
from tasks.entities.contracts import AGENTS, CALL_LOGS, CUSTOMERS
from tasks.entities.model import Entity, Field
from tasks.entities.references import Loaded, Silver
from tasks.lake.bronze import bronze_keys
from tasks.lake.parquet import MADE_FROM
from tasks.loading.static import load_static
from tasks.loading.tables import create_all_tables

DAY = date(2025, 11, 21)
_TYPES: dict[str, pl.DataType] = {
    "row": pl.Int64(),
    "text": pl.String(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
}
_PROBLEMS = pl.Schema(
    {
        "source_row": pl.Int64,
        "record_key": pl.String,
        "field": pl.String,
        "original_value": pl.String,
    }
)
_REJECTS = pl.Schema(
    {
        "source_row": pl.Int64,
        "issue": pl.String,
        "reason": pl.String,
        "record_key": pl.String,
        "record": pl.String,
    }
)


@dataclass
class Day:
    """A transformed source: its silver rows and what was written with them, as dictionaries.

    A row may name its own `source_row`. Bronze holds the silver rows' contract columns as text,
    with " raw" behind each value of the columns that `raw` names; its other rows are empty.
    """

    entity: Entity
    rows: Sequence[dict[str, Any]]
    run_date: date = DAY
    fingerprint: str = "one"
    problems: Sequence[dict[str, Any]] = ()
    rejects: Sequence[dict[str, Any]] = ()
    exact_duplicates: int = 0
    raw: Sequence[str] = field(default_factory=tuple)

    def write(self, resources: Resources) -> Silver:
        """The files in the lake, and the reference to them."""
        entity = self.entity
        schema = {"source_row": _TYPES["row"]} | {
            name: _TYPES[kind] for name, kind in entity.sql_types().items()
        }
        silver = pl.DataFrame(
            [{"source_row": i} | r for i, r in enumerate(self.rows)],
            schema=schema,
        )
        rows_read = len(self.rows) + len(self.rejects) + self.exact_duplicates
        bronze = (
            pl.DataFrame({"source_row": pl.int_range(rows_read, eager=True)})
            .join(silver, on="source_row", how="left", maintain_order="left")
            .select(pl.lit("0").alias(""), *(self._raw(f) for f in entity.fields))
        )
        reference = Silver(
            entity=entity.name,
            run_date=self.run_date,
            key=f"silver/{entity.name}/{self.run_date}.parquet",
            problems_key=f"problems/{entity.name}/{self.run_date}.parquet",
            rejects_key=f"rejects/{entity.name}/{self.run_date}.parquet",
            bronze_key=f"bronze/{entity.name}/{self.run_date}.parquet",
            fingerprint=self.fingerprint,
            rows_read=rows_read,
            exact_duplicates=self.exact_duplicates,
            missing_key=sum(r["issue"] == "missing_key" for r in self.rejects),
            duplicate_key=sum(r["issue"] == "duplicate_key" for r in self.rejects),
            rows=len(self.rows),
            field_problems=len(self.problems),
        )
        for key, frame in (
            (reference.key, silver),
            (reference.bronze_key, bronze),
            (reference.problems_key, pl.DataFrame(list(self.problems), schema=_PROBLEMS)),
            (reference.rejects_key, pl.DataFrame(list(self.rejects), schema=_REJECTS)),
        ):
            with resources.lake.writing(key) as uri:
                frame.write_parquet(uri, metadata={MADE_FROM: self.fingerprint})
        manifest = json.dumps({"fingerprint": self.fingerprint}).encode()
        resources.lake.write(bronze_keys(entity.name, self.run_date)[1], manifest)
        return reference

    def _raw(self, source: Field) -> pl.Expr:
        text = pl.col(source.name).cast(pl.String)
        raw = text + " raw" if source.name in self.raw else text
        return raw.alias(source.source_label.upper() + " ")


def calls(number: int, **values: Any) -> list[dict[str, Any]]:
    """So many call logs of known customers and agents."""
    return [
        {
            "call_id": f"call-{i:05}",
            "customer_id": f"c{i % 3}",
            "agent_id": f"a{i % 2}",
            "complaint_category": "Payments",
            "resolution_status": "Backlog",
        }
        | values
        for i in range(number)
    ]


def known_parties(resources: Resources) -> tuple[Loaded, Loaded]:
    """Tables made, customers c0 to c2 and agents a0 and a1 loaded."""
    with connect(resources.warehouse_dsn) as connection:
        create_all_tables(connection)
    customers = Day(CUSTOMERS, [{"customer_id": f"c{i}", "name": f"Ann {i}"} for i in range(3)])
    agents = Day(AGENTS, [{"agent_id": f"a{i}", "name": f"Bo {i}"} for i in range(2)])
    return (
        load_static(CUSTOMERS, customers.write(resources), resources),
        load_static(AGENTS, agents.write(resources), resources),
    )


def call_logs(rows: Sequence[dict[str, Any]], **values: Any) -> Day:
    """A day of call logs."""
    return Day(CALL_LOGS, rows, **values)


def query(resources: Resources, statement: str) -> list[tuple[Any, ...]]:
    """What the warehouse answers."""
    with connect(resources.warehouse_dsn) as connection:
        return connection.execute(statement).fetchall()


def forty_calls(resources: Resources) -> Silver:
    """A day of forty call logs, two of them orphans."""
    rows = calls(40)
    rows[3]["agent_id"] = None
    rows[38]["customer_id"] = "nobody"
    return call_logs(rows).write(resources)


def assert_forty_calls(resources: Resources) -> None:
    """The tables are those of one undisturbed load of `forty_calls`, and nothing is left over."""
    keys = query(resources, "SELECT call_id FROM conformed.call_logs ORDER BY 1")
    assert keys == [(f"call-{i:05}",) for i in range(40) if i not in (3, 38)]
    quarantine = query(resources, "SELECT record_key, reason FROM quarantine.records ORDER BY 1")
    assert quarantine == [
        ("call-00003", "agent_id is missing"),
        ("call-00038", "customer_id is unknown"),
    ]
    ledger = "SELECT rows_read, orphan, loaded FROM ops.ledger WHERE entity = 'call_logs'"
    assert query(resources, ledger) == [(40, 2, 38)]
    assert query(resources, "SELECT FROM pg_tables WHERE schemaname = 'staging'") == []
    assert query(resources, "SELECT FROM pg_locks WHERE locktype = 'advisory'") == []
