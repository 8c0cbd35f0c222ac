"""Which rows of a silver file are orphans: a customer, agent or the like is missing or unknown.

The rows are found here, not in the database: what is staged is then complete as it is copied, and
nothing that belongs to a session (a temporary table) has to last from one transaction to the next.
"""

from datetime import datetime
from io import BytesIO

import polars as pl
from psycopg import sql

from blocks.database import Connection
from blocks.resources import Resources
from tasks.entities.contracts import STATIC
from tasks.entities.model import Entity
from tasks.entities.references import Silver
from tasks.lake.parquet import reading, scan
from tasks.loading import tables

FEW_IDS = 10_000  # so many are asked for by name; for more, all keys are read

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
        reasons = []
        for field, static in there.items():
            ids = rows.select(field).unique().drop_nulls().collect(engine="streaming")
            known = _known(connection, static, ids.to_series(), as_of)
            reasons.append(
                pl.when(pl.col(field).is_null())
                .then(pl.lit(f"{field} is missing"))
                .when(~pl.col(field).is_in(known.implode()))
                .then(pl.lit(f"{field} is unknown"))
            )
        return (
            rows.with_row_index("row")
            .select(
                pl.col("row").cast(pl.Int64),
                "source_row",
                pl.col(entity.key).alias("record_key"),
                *(reason.alias(f"reason {number}") for number, reason in enumerate(reasons)),
            )
            .filter(pl.any_horizontal(pl.col("^reason .*$").is_not_null()))
            .select(
                *("row", "source_row", "record_key"),
                pl.concat_str("^reason .*$", separator="; ", ignore_nulls=True).alias("reason"),
            )
            .sort("row")
            .collect(engine="streaming")
        )


def _known(
    connection: Connection, static: Entity, ids: pl.Series, as_of: datetime | None
) -> pl.Series:
    """Those of the ids that the static table has; all that it has when there are many."""
    by_then = sql.SQL("first_loaded_at <= {}" if as_of else "true").format(sql.Literal(as_of))
    there = sql.SQL("SELECT {} FROM {} WHERE {}").format(
        sql.Identifier(static.key), tables.conformed(static), by_then
    )
    if ids.len() <= FEW_IDS:
        few = sql.SQL("{} AND {} = ANY (%s)").format(there, sql.Identifier(static.key))
        rows = connection.execute(few, [ids.to_list()])
        return pl.Series([row[0] for row in rows], dtype=pl.String)
    # quoted: Polars would drop U+FEFF from the beginning of a text that isn't.
    all_ = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)").format(there)
    text = BytesIO()
    with connection.cursor().copy(all_) as pipe:
        for part in pipe:
            text.write(part)
    if not text.tell():
        return pl.Series(dtype=pl.String)
    text.seek(0)
    schema = {static.key: pl.String()}
    return pl.read_csv(text, has_header=False, schema=schema).to_series()
