"""Which rows of a silver file are orphans: a customer, agent or the like is missing or unknown.

The rows are found here; the database is only asked which ids it doesn't know. What is staged is
then complete as it is copied, and nothing that belongs to a session (a temporary table) has to
last from one transaction to the next.
"""

from datetime import datetime

import polars as pl
from psycopg import sql

from blocks.database import Connection
from blocks.resources import Resources
from tasks.entities.contracts import STATIC
from tasks.entities.model import Entity
from tasks.entities.references import Silver
from tasks.lake.parquet import reading, scan
from tasks.loading import tables
from tasks.loading.binary import TextArray

# `row` counts the rows of the silver file, `source_row` those of bronze.
ORPHANS = pl.Schema(
    {"row": pl.Int64(), "source_row": pl.Int64(), "record_key": pl.String(), "reason": pl.String()}
)


def static_as_of(connection: Connection) -> datetime | None:
    """When customers or agents were loaded last, as far as the open transaction sees."""
    row = connection.execute(
        "SELECT max(loaded_at) FROM ops.ledger WHERE entity = ANY (%s)",
        [[entity.name for entity in STATIC]],
    ).fetchone()
    return row[0] if row else None


def find_orphans(
    connection: Connection,
    entity: Entity,
    silver: Silver,
    resources: Resources,
    as_of: datetime | None = None,
) -> pl.DataFrame:
    """The orphans of a silver file, in the order of its rows, with the reason of each.

    `as_of`: known are those customers and agents alone that had been loaded by then.
    """
    lake = resources.lake
    there = {f.name: s for f, s in entity.references.items() if f.is_there(silver.run_date)}
    if not there:
        return pl.DataFrame(schema=ORPHANS)
    with reading(lake, silver.key):
        rows = scan(lake, silver.key)
        orphaned, reasons = [], []
        for field, static in there.items():
            ids = rows.select(field).unique().drop_nulls().collect(engine="streaming")
            unknown = _unknown(connection, static, ids.to_series(), as_of)
            is_missing = pl.col(field).is_null()
            is_unknown = pl.col(field).is_in(unknown.implode())
            orphaned += [is_missing, is_unknown]
            reasons += [
                pl.when(is_missing).then(pl.lit(f"{field} is missing")),
                pl.when(is_unknown).then(pl.lit(f"{field} is unknown")),
            ]
        return (
            rows.with_row_index("row")
            .filter(pl.any_horizontal(orphaned))
            .select(
                pl.col("row").cast(pl.Int64),
                "source_row",
                pl.col(entity.key).alias("record_key"),
                pl.concat_str(reasons, separator="; ", ignore_nulls=True).alias("reason"),
            )
            .sort("row")
            .collect(engine="streaming")
        )


def _unknown(
    connection: Connection, static: Entity, ids: pl.Series, as_of: datetime | None
) -> pl.Series:
    """Those of the ids that the static table doesn't have."""
    query = sql.SQL(
        "SELECT given.id FROM unnest(%b::text[]) AS given (id) "
        "WHERE NOT EXISTS (SELECT FROM {} AS there WHERE there.{} = given.id AND {})"
    ).format(
        tables.conformed(static),
        sql.Identifier(static.key),
        sql.SQL("there.first_loaded_at <= {}" if as_of else "true").format(sql.Literal(as_of)),
    )
    connection.adapters.register_dumper(pl.Series, TextArray)
    rows = connection.execute(query, [ids])
    return pl.Series([row[0] for row in rows], dtype=pl.String)
