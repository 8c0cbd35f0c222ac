"""All that the pipeline keeps in a database, to compare two of them row by row."""

from collections.abc import Collection
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

# differ between two runs of the same days: clocks, ids of runs, counts of changes.
VOLATILE = {
    "first_loaded_at",
    "last_changed_at",
    "quarantined_at",
    "flow_run_id",
    "loaded_at",
    "static_as_of",
    "built_loaded_at",
    "updated_at",
    "ingest_seconds",
    "transform_seconds",
    "load_seconds",
    "inserted",
    "updated",
    "unchanged",
}
LOADED = ("conformed", "staging", "quarantine", "ops")
ALL = (*LOADED, "analytics")

Tables = dict[str, list[str]]


def snapshot(
    dsn: str,
    schemas: tuple[str, ...] = LOADED,
    run_date: date | None = None,
    volatile: Collection[str] = VOLATILE,
) -> Tables:
    """Every table's rows as text, in an order of their own; views and partitions left out.

    With a run date: its rows alone, of the tables that have one. Columns that are `volatile` are
    left out.
    """
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            """
            SELECT relnamespace::regnamespace::text, relname, array_agg(attname ORDER BY attname)
            FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
            WHERE relnamespace::regnamespace::text = ANY (%s) AND relkind IN ('r', 'p')
              AND NOT relispartition AND attnum > 0 AND NOT attisdropped
            GROUP BY 1, 2
            """,
            [list(schemas)],
        ).fetchall()
        return {
            f"{schema}.{table}": _rows(connection, schema, table, kept, run_date)
            for schema, table, columns in found
            for kept in ([column for column in columns if column not in volatile],)
            if run_date is None or "run_date" in columns
        }


def _rows(
    connection: psycopg.Connection[Any],
    schema: str,
    table: str,
    columns: list[str],
    run_date: date | None,
) -> list[str]:
    row = sql.SQL("ROW ({})::text").format(sql.SQL(", ").join(map(sql.Identifier, columns)))
    where = sql.SQL("WHERE run_date = %s" if run_date else "")
    query = sql.SQL("SELECT {} FROM {} {} ORDER BY 1").format(
        row, sql.Identifier(schema, table), where
    )
    return [text for (text,) in connection.execute(query, [run_date] if run_date else None)]


def differing(found: Tables, expected: Tables) -> dict[str, tuple[int, int]]:
    """Tables that differ, with their numbers of rows that only one of the two has."""
    return {
        name: (len(here - there), len(there - here))
        for name in {**found, **expected}
        if (here := set(found.get(name, ["no such table"])))
        != (there := set(expected.get(name, ["no such table"])))
        or len(found[name]) != len(expected[name])
    }
