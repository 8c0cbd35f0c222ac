"""COPY in batches: one is encoded while the one before it travels; checkpoints with the rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from psycopg import sql

from blocks.ahead import ahead
from blocks.database import Connection
from blocks.errors import TerminalError
from blocks.resources import Resources
from tasks.entities.model import Entity
from tasks.entities.references import Silver
from tasks.lake.parquet import FileReplacedError, reading, scan, within
from tasks.loading import binary, tables

OnRows = Callable[[int], None]
_CHUNK = 1 << 20


def read_slices(
    resources: Resources, key: str, columns: Sequence[str], rows: int, start: int = 0
) -> Iterator[pl.DataFrame]:
    """The columns of a lake file of that many rows, `batch_rows` at a time, from row `start` on."""
    lake = resources.lake
    for first in range(start, rows, resources.batch_rows):
        with reading(lake, key):
            frame = (
                scan(lake, key)
                .select(columns)
                .slice(first, min(resources.batch_rows, rows - first))
                .collect()
            )
        yield frame


def encoded(
    frames: Iterable[pl.DataFrame], types: Mapping[str, str]
) -> Iterator[tuple[int, list[bytes]]]:
    """Rows of every frame, and their bytes; the next ones made while the caller uses these."""
    return ahead((frame.height, list(binary.rows(frame, types))) for frame in frames)


def copy(
    connection: Connection,
    table: sql.Identifier,
    columns: Sequence[str],
    rows: int,
    pieces: Iterable[bytes],
) -> int:
    """COPY one batch of encoded rows into a table; the rows PostgreSQL took."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        table, tables.names(list(columns))
    )
    cursor = connection.cursor()
    with cursor.copy(statement) as pipe:
        for piece in (binary.HEAD, *pieces, binary.END):
            view = memoryview(piece)
            for at in range(0, len(view), _CHUNK):
                pipe.write(view[at : at + _CHUNK])
    if cursor.rowcount != rows:
        raise TerminalError(
            f"PostgreSQL took {cursor.rowcount} rows of a batch of {rows}",
            where=f"COPY into {table.as_string(connection)}",
            todo="this is a defect of the encoding: report it; the batch was rolled back",
        )
    return cursor.rowcount


def column_types(
    connection: Connection, table: sql.Identifier, columns: Sequence[str]
) -> dict[str, str]:
    """The types of a table's columns. Raises TerminalError when COPY can't give one its values.

    Of a table that is made like another one, ask for the other: that is where to put it right.
    """
    name = table.as_string(connection)
    found = connection.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attname = ANY (%s) AND attnum > 0",
        [name, list(columns)],
    )
    types: dict[str, str] = dict(found.fetchall())
    shown = {column: types.get(column, "is not there") for column in columns}
    if other := [f"{column} {kind}" for column, kind in shown.items() if kind not in binary.FIELDS]:
        raise TerminalError(
            f"Columns are gone, or of a type that they weren't made with: {', '.join(other)}",
            where=name,
            todo=f"give them one of these again: {', '.join(binary.FIELDS)}",
        )
    return types


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

    rows: int  # of the silver file that are done: in the table, or orphans
    batches: int = 0
    batches_resumed: int = 0


def copy_day(
    connection: Connection,
    entity: Entity,
    silver: Silver,
    resources: Resources,
    orphans: pl.Series,
    on_rows: OnRows | None = None,
) -> Staged:
    """Fill the day's staging table, from where an earlier attempt on the same bronze stopped.

    Every batch and its checkpoint are one transaction. `orphans` are the numbers of the silver
    rows that stay out, sorted.
    """
    table = sql.Identifier("staging", tables.day_name(entity.name, silver.run_date))
    staged = _resumable(connection, entity, silver, orphans)
    if staged is None:
        staged = _create_staged(connection, entity, silver, table)
    if on_rows and staged.rows:
        on_rows(staged.rows)
    first = staged.rows
    read: list[int] = []  # rows of each slice, orphans included

    def kept() -> Iterator[pl.DataFrame]:
        for frame in read_slices(resources, silver.key, entity.columns, silver.rows, first):
            start = first + sum(read)
            read.append(frame.height)
            here = within(orphans, start, frame.height) - start
            yield (
                frame.with_row_index(_ROW).filter(~pl.col(_ROW).is_in(here.implode())).drop(_ROW)
                if here.len()
                else frame
            )

    types = column_types(connection, tables.conformed(entity), entity.columns)
    for rows, pieces in encoded(kept(), types):
        with connection.transaction():
            # a batch lost with a crashed server is lost with its checkpoint, and copied again.
            connection.execute("SET LOCAL synchronous_commit = off")
            copy(connection, table, entity.columns, rows, pieces)
            done = read[staged.batches]
            staged.rows += done
            staged.batches += 1
            _checkpoint(connection, entity, silver, staged)
        if on_rows:
            on_rows(done)
    if staged.rows != silver.rows:
        raise replaced(silver, staged.rows)
    return staged


_ROW = "row of the slice"


def _resumable(
    connection: Connection, entity: Entity, silver: Silver, orphans: pl.Series
) -> Staged | None:
    """What an earlier attempt left, if this one can go on from it; None to start again.

    It can when the bronze is the same, the table has the columns that the conformed one has now,
    and it holds all rows up to the checkpoint but the orphans: a customer that came meanwhile has
    made a loadable row of one.
    """
    name = tables.day_name(entity.name, silver.run_date)
    row = connection.execute(
        """
        SELECT rows_done, batches_done FROM ops.checkpoints
        WHERE entity = %s AND run_date = %s AND bronze_fingerprint = %s AND rows_done <= %s
          AND to_regclass(%s) IS NOT NULL
        """,
        [entity.name, silver.run_date, silver.fingerprint, silver.rows, f"staging.{name}"],
    ).fetchone()
    if row is None or not tables.same_columns(
        connection, f"staging.{name}", f"conformed.{entity.name}"
    ):
        return None
    rows, batches = row
    count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("staging", name))
    there = connection.execute(count).fetchone()
    if there != (rows - within(orphans, 0, rows).len(),):
        return None
    return Staged(rows=rows, batches_resumed=batches)


def _create_staged(
    connection: Connection, entity: Entity, silver: Silver, table: sql.Identifier
) -> Staged:
    """An empty staging table, made in one transaction with its checkpoint."""
    with connection.transaction():
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
        connection.execute(
            # with what a DBA may have added to our columns: defaults, generated columns, checks.
            # The run date is the same in every row: it needn't travel, and ATTACH knows it by the
            # check without reading them. A vacuum in the middle would hold up the keys.
            sql.SQL(
                "CREATE TABLE {table} (LIKE {conformed} "
                "INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING CONSTRAINTS) "
                "WITH (autovacuum_enabled = false); "
                "ALTER TABLE {table} ALTER COLUMN run_date SET DEFAULT {run_date}, "
                "ADD CONSTRAINT {check} CHECK (run_date = {run_date})"
            ).format(
                table=table,
                conformed=tables.conformed(entity),
                check=sql.Identifier(f"{tables.day_name(entity.name, silver.run_date)}_check"),
                run_date=sql.Literal(silver.run_date),
            )
        )
        for column in tables.identity_columns(connection, entity):
            # a partition takes part in its table's identity only once it is attached.
            sequence = "pg_get_serial_sequence({parent}, {name})"
            connection.execute(
                sql.SQL(
                    f"ALTER TABLE {{table}} ALTER COLUMN {{column}} SET DEFAULT nextval({sequence})"
                ).format(
                    table=table,
                    column=sql.Identifier(column),
                    parent=sql.Literal(f"conformed.{entity.name}"),
                    name=sql.Literal(column),
                )
            )
        _checkpoint(connection, entity, silver, Staged(rows=0))
    return Staged(rows=0)


def _checkpoint(connection: Connection, entity: Entity, silver: Silver, staged: Staged) -> None:
    row = {
        "entity": entity.name,
        "run_date": silver.run_date,
        "bronze_fingerprint": silver.fingerprint,
        "batches_done": staged.batches + staged.batches_resumed,
        "rows_done": staged.rows,
    }
    tables.upsert(connection, "checkpoints", row, touched="updated_at")
