"""What doesn't load: an entity's and date's quarantine records and field problems, replaced."""

from collections.abc import Iterator, Sequence
from itertools import chain

import polars as pl
from psycopg import sql

from blocks.database import Connection
from blocks.resources import Resources
from tasks.entities.model import Entity
from tasks.entities.references import Silver
from tasks.lake.bronze import bronze_rows
from tasks.lake.parquet import FileReplacedError, reading
from tasks.loading.copying import column_types, copy, encoded, read_slices

_RECORDS = sql.Identifier("quarantine", "records")
_PROBLEMS = sql.Identifier("ops", "field_problems")
_REJECT = ("source_row", "issue", "reason", "record_key", "record")
_OF_DAY = ("entity", "run_date")
_OF_RUN = (*_OF_DAY, "flow_run_id")
_PROBLEM = ("source_row", "record_key", "field", "original_value")


def replace_rejected(
    connection: Connection,
    entity: Entity,
    silver: Silver,
    resources: Resources,
    flow_run_id: str,
    orphans: pl.DataFrame | None = None,
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
    rejects = silver.missing_key + silver.duplicate_key
    records = read_slices(resources, silver.rejects_key, _REJECT, rejects)
    problems = read_slices(resources, silver.problems_key, _PROBLEM, silver.field_problems)
    if orphans is not None and not orphans.is_empty():
        records = chain(records, _orphan_records(entity, silver, resources, orphans))
        problems = _without(problems, orphans)
    records = (frame.select(*_REJECT[1:], *of_run) for frame in records)
    kept = _copy_all(connection, _RECORDS, (*_REJECT[1:], *_OF_RUN), records)
    expected = rejects + (0 if orphans is None else orphans.height)
    if kept != expected:
        raise FileReplacedError(
            f"{kept} rows for the quarantine were found, there should be {expected}",
            where=f"{silver.rejects_key}, {silver.key}",
            todo="another run replaced the files: run again",
        )
    problems = (frame.select(*_PROBLEM[1:], *of_day) for frame in problems)
    return _copy_all(connection, _PROBLEMS, (*_PROBLEM[1:], *_OF_DAY), problems)


def _copy_all(
    connection: Connection,
    table: sql.Identifier,
    columns: Sequence[str],
    frames: Iterator[pl.DataFrame],
) -> int:
    types = column_types(connection, table, columns)
    return sum(
        copy(connection, table, columns, rows, pieces)
        for rows, pieces in encoded(frames, types)
        if rows
    )


def _between(orphans: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
    rows = orphans["source_row"]
    start = rows.search_sorted(first, side="left")
    return orphans.slice(start, rows.search_sorted(last, side="right") - start)


def _without(problems: Iterator[pl.DataFrame], orphans: pl.DataFrame) -> Iterator[pl.DataFrame]:
    for frame in problems:
        rows = frame["source_row"].cast(pl.Int64)
        orphaned = _between(orphans, rows.min(), rows.max())["source_row"]  # type: ignore[arg-type]
        yield frame.filter(~rows.is_in(orphaned.implode()))


def _orphan_records(
    entity: Entity, silver: Silver, resources: Resources, orphans: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    """Orphans' original rows, from bronze."""
    lake = resources.lake
    bronze = bronze_rows(entity, silver.run_date, silver.bronze_key, lake)
    for start in range(0, silver.rows_read, resources.batch_rows):
        end = min(start + resources.batch_rows, silver.rows_read)
        orphaned = _between(orphans, start, end - 1)
        if orphaned.is_empty():
            continue
        with reading(lake, silver.bronze_key):
            span = bronze.slice(start, end - start).collect()
        found = span[orphaned["source_row"] - start]
        yield orphaned.select(
            "source_row",
            pl.lit("orphan").alias("issue"),
            "reason",
            "record_key",
            record=found.select(pl.struct(pl.all()).struct.json_encode()).to_series(),
        )
