"""The ledger: one row for every entity and run date, saying where each source row went.

It is the outbox of the lake's records: a row is committed with the rows that it counts, then
written into the lake. A run that dies in between leaves that to the next one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from blocks.database import Connection
from blocks.stores.store import Store
from tasks.entities.references import Loaded, Silver, ledger_columns
from tasks.lake.records import LOADED, REJECTED, Record, write_record
from tasks.loading.tables import upsert


def load_time(connection: Connection, again: Record | None) -> datetime:
    """When the open transaction began; of a load that is played again, when it first was."""
    row = connection.execute("SELECT now()").fetchone()
    assert row
    return again.at if again else row[0]


def write_ledger(
    connection: Connection, loaded: Loaded, silver: Silver, run: Mapping[str, Any]
) -> None:
    """Write the row, in place of an earlier one of that entity and run date.

    `run`: the columns that say by which run, when, and against which customers and agents.
    """
    columns = ("entity", "run_date", *ledger_columns("count", "static", "seconds"))
    row = {name: getattr(loaded, name) for name in columns}
    row |= {"bronze_fingerprint": silver.fingerprint, **run}
    upsert(connection, "ledger", row, touched="loaded_at")


def record(connection: Connection, lake: Store) -> None:
    """Write into the lake what it doesn't have yet of the ledger and of the rejected days."""
    for table, at, ending in (
        ("ledger", "loaded_at", LOADED),
        ("rejected_days", "rejected_at", REJECTED),
    ):
        parts = {"table": sql.Identifier("ops", table), "at": sql.Identifier(at)}
        news = sql.SQL("SELECT * FROM {table} WHERE NOT recorded").format(**parts)
        done = sql.SQL(
            "UPDATE {table} SET recorded = true WHERE (entity, run_date, {at}) = (%s, %s, %s)"
        ).format(**parts)
        for row in connection.cursor(row_factory=dict_row).execute(news).fetchall():
            del row["recorded"]
            write_record(lake, row, row[at], ending)
            connection.execute(done, [row["entity"], row["run_date"], row[at]])
