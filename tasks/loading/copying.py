"""COPY in batches: the next one encoded beside the one on its way, checkpoints with the rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl
from psycopg import sql

from blocks.database import Connection
from blocks.errors import TerminalError
from blocks.resources import Resources
from tasks.entities.model import Entity
from tasks.entities.references import Silver
from tasks.loading import tables


class FileReplacedError(TerminalError):
    """A file in the lake isn't the one its reference was made of."""


OnRows = Callable[[int], None]
_CHUNK = 1 << 20
# PostgreSQL spends a fifth less on reading these than on Polars' own, with its T and its zeros.
_TIMESTAMP = "%Y-%m-%d %H:%M:%S%.f"


def read_slices(
    resources: Resources, key: str, columns: Sequence[str], rows: int, start: int = 0
) -> Iterator[pl.DataFrame]:
    """The columns of a lake file of that many rows, `batch_rows` at a time, from row `start` on."""
    lake = resources.lake
    for first in range(start, rows, resources.batch_rows):
        with lake.translating(key):
            yield (
                pl.scan_parquet(lake.uri(key), storage_options=lake.storage_options, glob=False)
                .select(columns)
                .slice(first, min(resources.batch_rows, rows - first))
                .collect()
            )


def encoded(frames: Iterable[pl.DataFrame]) -> Iterator[tuple[int, bytes]]:
    """Rows and CSV text of every frame, the next one made while the caller uses this one.

    NULL is nothing at all, an empty string is quoted.
    """
    iterator = iter(frames)

    def encode() -> tuple[int, bytes] | None:
        frame = next(iterator, None)
        if frame is None:
            return None
        text = frame.write_csv(include_header=False, datetime_format=_TIMESTAMP)
        return frame.height, text.encode()

    with ThreadPoolExecutor(1, thread_name_prefix="encode") as thread:
        ahead = thread.submit(encode)
        while (batch := ahead.result()) is not None:
            ahead = thread.submit(encode)
            yield batch


def copy(
    connection: Connection, table: sql.Composable, columns: Sequence[str], rows: int, text: bytes
) -> int:
    """COPY one batch of CSV text into a table; the rows PostgreSQL took."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        table, tables.names(list(columns))
    )
    view = memoryview(text)
    cursor = connection.cursor()
    with cursor.copy(statement) as pipe:
        for at in range(0, len(view), _CHUNK):
            pipe.write(view[at : at + _CHUNK])
    if cursor.rowcount != rows:
        raise TerminalError(
            f"PostgreSQL took {cursor.rowcount} rows of a batch of {rows}",
            where=f"COPY into {table.as_string(connection)}",
            todo="this is a defect of the encoding: report it; the batch was rolled back",
        )
    return cursor.rowcount


def replaced(silver: Silver, rows: int) -> FileReplacedError:
    """The error for a silver file that has other rows than its reference says."""
    return FileReplacedError(
        f"The silver file has {rows} rows, its reference says {silver.rows}",
        where=silver.key,
        todo="another run replaced the file: run again",
    )


@dataclass
class Staged:
    """How a day's staging table came to hold its rows."""

    rows: int
    batches: int = 0
    batches_resumed: int = 0


def copy_day(
    connection: Connection,
    entity: Entity,
    silver: Silver,
    resources: Resources,
    on_rows: OnRows | None = None,
) -> Staged:
    """Fill the day's staging table, from where an earlier attempt on the same bronze stopped.

    Every batch and its checkpoint are one transaction.
    """
    table = sql.Identifier("staging", tables.day_name(entity.name, silver.run_date))
    staged = _resumable(connection, entity, silver) or _afresh(connection, entity, silver, table)
    if on_rows and staged.rows:
        on_rows(staged.rows)
    frames = read_slices(resources, silver.key, entity.columns, silver.rows, staged.rows)
    for rows, text in encoded(frames):
        with connection.transaction():
            # a batch lost with a crashed server is lost with its checkpoint, and copied again.
            connection.execute("SET LOCAL synchronous_commit = off")
            staged.rows += copy(connection, table, entity.columns, rows, text)
            staged.batches += 1
            _checkpoint(connection, entity, silver, staged)
        if on_rows:
            on_rows(rows)
    if staged.rows != silver.rows:
        raise replaced(silver, staged.rows)
    return staged


def _resumable(connection: Connection, entity: Entity, silver: Silver) -> Staged | None:
    row = connection.execute(
        """
        SELECT rows_done, batches_done FROM ops.checkpoints
        WHERE entity = %s AND run_date = %s AND bronze_fingerprint = %s AND rows_done <= %s
          AND to_regclass(%s) IS NOT NULL
        """,
        [
            entity.name,
            silver.run_date,
            silver.fingerprint,
            silver.rows,
            f"staging.{tables.day_name(entity.name, silver.run_date)}",
        ],
    ).fetchone()
    return Staged(rows=row[0], batches_resumed=row[1]) if row else None


def _afresh(
    connection: Connection, entity: Entity, silver: Silver, table: sql.Identifier
) -> Staged:
    """An empty staging table, made in one transaction with its checkpoint."""
    with connection.transaction():
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
        connection.execute(
            # the run date is the same in every row: it needn't travel. A vacuum in the middle
            # would hold up the keys.
            sql.SQL(
                "CREATE TABLE {table} (LIKE {conformed}) WITH (autovacuum_enabled = false); "
                "ALTER TABLE {table} ALTER COLUMN run_date SET DEFAULT {run_date}"
            ).format(
                table=table,
                conformed=tables.conformed(entity),
                run_date=sql.Literal(silver.run_date),
            )
        )
        _checkpoint(connection, entity, silver, Staged(rows=0))
    return Staged(rows=0)


def _checkpoint(connection: Connection, entity: Entity, silver: Silver, staged: Staged) -> None:
    connection.execute(
        """
        INSERT INTO ops.checkpoints (entity, run_date, bronze_fingerprint, batches_done, rows_done)
        VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (entity, run_date) DO UPDATE SET
            bronze_fingerprint = excluded.bronze_fingerprint,
            batches_done = excluded.batches_done,
            rows_done = excluded.rows_done,
            updated_at = now()
        """,
        [
            entity.name,
            silver.run_date,
            silver.fingerprint,
            staged.batches + staged.batches_resumed,
            staged.rows,
        ],
    )
