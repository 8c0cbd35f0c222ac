"""A table of the web-forms database as text, streamed in physical order."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace

import polars as pl
from psycopg import sql

from blocks.database import Connection, address
from blocks.errors import SourceMissingError
from tasks.reading.csv_file import BLOCK_BYTES, read_csv
from tasks.reading.source import Source

# the settings under which a sequential scan gives rows in the order of their `ctid`,
# and values read the same whatever the server's defaults are.
_AS_STORED = (
    "SET LOCAL synchronize_seqscans = off",
    "SET LOCAL enable_indexscan = off",
    "SET LOCAL enable_indexonlyscan = off",
    "SET LOCAL enable_bitmapscan = off",
    "SET LOCAL max_parallel_workers_per_gather = 0",
    "SET LOCAL DateStyle = 'ISO'",
    "SET LOCAL IntervalStyle = 'postgres'",
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL client_encoding = 'UTF8'",
)
# stands before every value that is there: in CSV an empty text would come back as null.
_THERE = sql.Literal("=")


@contextmanager
def read_table(connection: Connection, schema: str, table: str) -> Iterator[Source]:
    """All columns and rows of a table, as text; its frames can be read inside the block.

    Raises SourceMissingError.
    """
    where = f"table {schema}.{table} in {address(connection.info.dsn)}"
    with connection.cursor() as cursor:
        for setting in _AS_STORED:
            cursor.execute(setting)
        cursor.execute(
            "SELECT attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
            "JOIN pg_namespace ON pg_namespace.oid = relnamespace "
            "WHERE nspname = %s AND relname = %s AND attnum > 0 AND NOT attisdropped "
            "AND relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY attnum",
            (schema, table),
        )
        columns = [name for (name,) in cursor.fetchall()]
    if not columns:
        raise SourceMissingError(
            f"The web-forms database has no table {schema}.{table}",
            where=address(connection.info.dsn),
            todo="check the run date, or wait for the table and run again",
        )
    statement = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT csv, HEADER)").format(
        sql.SQL(", ").join(
            sql.SQL("{} || {}::text AS {}").format(_THERE, *[sql.Identifier(name)] * 2)
            for name in columns
        ),
        sql.Identifier(schema, table),
    )
    blocks = _copied(connection, statement)
    try:
        source = read_csv(blocks, where)
        frames = (frame.select(pl.all().str.slice(1)) for frame in source.frames)
        yield replace(source, frames=frames)
    finally:
        # a COPY left half read must be cancelled: the connection can't even roll back before.
        blocks.close()


def _copied(connection: Connection, statement: sql.Composed) -> Generator[bytes, None, None]:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        held: list[bytes | memoryview] = []
        size = 0
        for row in copy:
            held.append(row)
            size += len(row)
            if size >= BLOCK_BYTES:
                yield b"".join(held)
                held, size = [], 0
        yield b"".join(held)
