"""A table of the web-forms database as text, streamed in physical order."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace

import polars as pl
from psycopg import errors as pg
from psycopg import sql

from blocks.database import Connection, address
from blocks.errors import ConfigurationError, SourceMissingError, TerminalError
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
    # a row that a policy hides would be missing without a word: PostgreSQL refuses instead.
    "SET LOCAL row_security = off",
    # of the role's own time limits none cuts the read; not every PostgreSQL has the last one.
    "SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN "
    "('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')",
)
LOCK_WAIT_SECONDS = 60
# stands before every value that is there: in CSV an empty text would come back as null.
_THERE = sql.Literal("=")


@contextmanager
def read_table(connection: Connection, schema: str, table: str) -> Iterator[Source]:
    """All columns and rows of a table, as text; its frames can be read inside the block.

    Raises SourceMissingError; ConfigurationError when the role may not read all of its rows;
    TerminalError when another session keeps it locked.
    """
    where = f"table {schema}.{table} in {address(connection.info.dsn)}"
    with connection.cursor() as cursor:
        for setting in _AS_STORED:
            cursor.execute(setting)
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT_SECONDS}s'")
        cursor.execute(
            "SELECT attrelid, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
            "JOIN pg_namespace ON pg_namespace.oid = relnamespace "
            "WHERE nspname = %s AND relname = %s AND attnum > 0 AND NOT attisdropped "
            "AND relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY attnum",
            (schema, table),
        )
        found = cursor.fetchall()
    missing = SourceMissingError(
        f"The web-forms database has no table {schema}.{table}",
        where=address(connection.info.dsn),
        todo="check the run date, or wait for the table and run again",
    )
    if not found:
        raise missing
    relation = found[0][0]
    columns = [name for _, name in found]
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
    except pg.UndefinedTable:  # dropped meanwhile, or not there where a foreign table stands
        connection.rollback()
        raise missing from None
    except pg.LockNotAvailable:
        connection.rollback()
        raise _locked(connection, relation, where) from None
    except pg.InsufficientPrivilege:
        connection.rollback()
        raise _not_allowed(connection, relation, sql.Identifier(schema, table), where) from None
    finally:
        # a COPY left half read must be cancelled: the connection can't even roll back before.
        blocks.close()


# a view reads what stands below it, a partitioned table its partitions.
_BLOCKERS = """
    WITH RECURSIVE read (relation) AS (
        SELECT %s::oid
        UNION
        SELECT below.relation FROM read, LATERAL (
            SELECT inhrelid FROM pg_inherits WHERE inhparent = read.relation
            UNION ALL
            SELECT refobjid
            FROM pg_rewrite JOIN pg_depend
                ON classid = 'pg_rewrite'::regclass AND objid = pg_rewrite.oid
                AND refclassid = 'pg_class'::regclass
            WHERE ev_class = read.relation
        ) AS below (relation)
    )
    SELECT DISTINCT pid, usename, application_name, state
    FROM pg_locks JOIN read USING (relation) JOIN pg_stat_activity USING (pid)
    WHERE mode = 'AccessExclusiveLock' AND pid <> pg_backend_pid()
    ORDER BY pid
"""


def _locked(connection: Connection, relation: int, where: str) -> Exception:
    sessions = [
        f"session {pid} of {role or 'another role'}"
        + (f" ({application}, {state})" if state else "")
        for pid, role, application, state in connection.execute(_BLOCKERS, [relation])
    ]
    who = "; ".join(sessions) or "a session that is gone by now, or is another server's"
    return TerminalError(
        f"The table was locked for {LOCK_WAIT_SECONDS} seconds by {who}",
        where=where,
        todo="wait until that session is done, or end it (pg_terminate_backend), then run again",
    )


def _not_allowed(
    connection: Connection, relation: int, table: sql.Identifier, where: str
) -> Exception:
    row = connection.execute(
        "SELECT current_user, row_security_active(%(table)s::oid), "
        "has_schema_privilege(relnamespace, 'USAGE'), has_table_privilege(oid, 'SELECT'), "
        "quote_ident(relnamespace::regnamespace::text) FROM pg_class WHERE oid = %(table)s",
        {"table": relation},
    ).fetchone()
    role, policies, schema, select, namespace = row or ("", False, True, True, "")
    name = table.as_string(connection)
    if policies:
        what = f"Row-level security of the table may hide rows from {role}"
        todo = f"ALTER ROLE {role} BYPASSRLS, or let a role read that sees every row"
    elif not (schema and select):
        what = f"The role {role} may not read the table"
        grants = [f"GRANT USAGE ON SCHEMA {namespace} TO {role}"] * (not schema)
        todo = "; ".join([*grants, *[f"GRANT SELECT ON {name} TO {role}"] * (not select)])
    else:
        what = (
            "PostgreSQL refused to read what stands below the table: a privilege is missing there, "
            "or row-level security may hide rows"
        )
        todo = f"let the view's owner, or {role}, read every row of what it selects from"
    return ConfigurationError(what, where=where, todo=todo)


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
