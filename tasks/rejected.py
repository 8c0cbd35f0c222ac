"""What doesn't load: an entity's and date's quarantine records and field problems, replaced."""

from collections.abc import Iterator

import polars as pl
from psycopg import sql

from blocks.database import Connection
from blocks.resources import Resources
from tasks.contracts import Entity
from tasks.copying import copy, encoded, read_slices
from tasks.records import record
from tasks.references import Silver

_RECORDS = sql.Identifier("quarantine", "records")
_PROBLEMS = sql.Identifier("ops", "field_problems")
_REJECT = ("source_row", "issue", "reason", "record_key", "record")
_PROBLEM = ("record_key", "field", "original_value")

# of complaints whose customer or agent is missing or unknown: the key, and why.
ORPHANS = pl.Schema({"record_key": pl.String(), "reason": pl.Categorical()})


def replace_rejected(
    connection: Connection,
    entity: Entity,
    silver: Silver,
    resources: Resources,
    flow_run_id: str,
    orphans: pl.DataFrame,
) -> int:
    """Replace the quarantine records and field problems; how many field problems there are.

    Orphans go to the quarantine with their original values, and record no field problems.
    """
    for table in (_RECORDS, _PROBLEMS):
        connection.execute(
            sql.SQL("DELETE FROM {} WHERE entity = %s AND run_date = %s").format(table),
            [entity.name, silver.run_date],
        )
    of_day = [pl.lit(entity.name).alias("entity"), pl.lit(silver.run_date).alias("run_date")]
    of_run = [*of_day, pl.lit(flow_run_id or None, dtype=pl.String).alias("flow_run_id")]
    for frames in (
        read_slices(
            resources, silver.rejects_key, _REJECT, silver.missing_key + silver.duplicate_key
        ),
        _orphan_records(entity, silver, resources, orphans),
    ):
        _copy_all(connection, _RECORDS, (f.select(*_REJECT[1:], *of_run) for f in frames))
    problems = (
        frame.join(orphans, on="record_key", how="anti", maintain_order="left")
        for frame in read_slices(resources, silver.problems_key, _PROBLEM, silver.field_problems)
    )
    return _copy_all(connection, _PROBLEMS, (f.select(*_PROBLEM, *of_day) for f in problems))


def _copy_all(connection: Connection, table: sql.Identifier, frames: Iterator[pl.DataFrame]) -> int:
    columns: list[str] = []

    def noting_columns() -> Iterator[pl.DataFrame]:
        for frame in frames:
            columns[:] = frame.columns
            yield frame

    return sum(
        copy(connection, table, columns, rows, text)
        for rows, text in encoded(noting_columns())
        if rows
    )


def _orphan_records(
    entity: Entity, silver: Silver, resources: Resources, orphans: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    """Orphans' original rows: their place from silver, their values from bronze."""
    if orphans.is_empty():
        return
    lake = resources.lake
    with lake.translating(silver.bronze_key):
        bronze = pl.scan_parquet(
            lake.uri(silver.bronze_key),
            storage_options=lake.storage_options,
            glob=False,
            row_index_name="source_row",
        )
        labels = bronze.collect_schema().names()[1:]
    for keys in read_slices(resources, silver.key, (entity.key, "source_row"), silver.rows):
        places = keys.rename({entity.key: "record_key"}).join(
            orphans, on="record_key", maintain_order="left"
        )
        if places.is_empty():
            continue
        first, last = places["source_row"][0], places["source_row"][-1]
        # rows that silver left out lie between: the span may be far longer than the slice.
        for start in range(first, last + 1, resources.batch_rows):
            rows = bronze.slice(start, min(resources.batch_rows, last + 1 - start))
            with lake.translating(silver.bronze_key):
                span = rows.with_columns(pl.col("source_row").cast(pl.Int64)).collect()
            found = places.cast({"source_row": pl.Int64}).join(
                span, on="source_row", maintain_order="left"
            )
            yield found.select(
                "source_row",
                pl.lit("orphan").alias("issue"),
                "reason",
                "record_key",
                record(entity, labels),
            )
