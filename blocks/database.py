"""Connections to PostgreSQL, with errors that people can read and retries can sort."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors as pg

from blocks.errors import (
    ConfigurationError,
    CoreTelecomsError,
    DatabaseUnavailableError,
    TerminalError,
)

Connection = psycopg.Connection[tuple[Any, ...]]


def address(dsn: str) -> str:
    """Where a DSN points, for messages: host, port and database; never user or password."""
    info = psycopg.conninfo.conninfo_to_dict(dsn)
    host = info.get("host") or "localhost"
    port = f":{info['port']}" if info.get("port") else ""
    return f"database {info.get('dbname') or 'postgres'} at {host}{port}"


# seconds, and milliseconds for the last: a network that died is an error, not a wait for ever.
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}


def _parts(dsn: str) -> dict[str, Any]:
    try:
        return psycopg.conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # libpq quotes the part it can't read, which may be the password.
        raise ConfigurationError(
            "A database's connection string can't be read",
            todo="write it as postgresql://user:password@host:port/database, with %-escapes "
            "for special characters (CORETELECOMS_WAREHOUSE_DSN, CORETELECOMS_WEB_FORMS_DSN)",
        ) from None


def _patient(dsn: str) -> str:
    return psycopg.conninfo.make_conninfo("", **(_PATIENCE | _parts(dsn)))


def with_environment(dsn: str) -> str:
    """The DSN with all that libpq's PG* variables add to it. Raises ConfigurationError."""
    variables = {
        option.keyword.decode(): os.environ.get(option.envvar.decode())
        for option in psycopg.pq.Conninfo.get_defaults()
        if option.envvar
    }
    added = {name: value for name, value in variables.items() if value is not None}
    return psycopg.conninfo.make_conninfo("", **(added | _parts(dsn)))


@contextmanager
def connect(dsn: str, *, autocommit: bool = False, purpose: str = "") -> Iterator[Connection]:
    """A connection that commits at the end of the block, rolls back on an error, and closes.

    Raises DatabaseUnavailableError when the server is away or cut the connection, a deadlock or
    serialization failure happened; ConfigurationError for credentials or a missing database.
    """
    try:
        with psycopg.connect(
            _patient(dsn),
            autocommit=autocommit,
            application_name=f"coretelecoms {purpose}".strip(),
        ) as connection:
            yield connection
    except psycopg.Error as error:
        # without its cause: PostgreSQL's details quote values of the row at fault.
        raise translated(error, address(dsn)) from None


_PASSING = (
    pg.DeadlockDetected,
    pg.SerializationFailure,
    pg.LockNotAvailable,
    pg.QueryCanceled,
    pg.AdminShutdown,
    pg.CrashShutdown,
    pg.CannotConnectNow,
    pg.TooManyConnections,
)
# libpq reports these while connecting, before an SQLSTATE exists.
_NOT_LET_IN = ("authentication failed", "no password supplied", "does not exist", "pg_hba.conf")


def translated(error: psycopg.Error, where: str) -> CoreTelecomsError:
    """The same error as one of ours; says which constraint or table, never which value."""
    if isinstance(error, pg.DiskFull):
        return TerminalError(
            "PostgreSQL is out of disk space",
            where=where,
            todo="free space on the database's volume, then run again: what was loaded is intact",
        )
    if isinstance(error, pg.ProgramLimitExceeded):
        return TerminalError(
            "PostgreSQL rejected a key that is too long for an index (2,700 bytes)",
            where=where,
            todo="look for it in the source: an id of that length is a damaged row",
        )
    if error.sqlstate is None or error.sqlstate.startswith("28") or error.sqlstate == "3D000":
        if any(sign in str(error) for sign in _NOT_LET_IN) or error.sqlstate:
            return ConfigurationError(
                "PostgreSQL refused the login: wrong user, password or database name",
                where=where,
                todo="fix the DSN (CORETELECOMS_WAREHOUSE_DSN, CORETELECOMS_WEB_FORMS_DSN) "
                "or the platform block",
            )
        if isinstance(error, psycopg.OperationalError):
            return DatabaseUnavailableError(
                "PostgreSQL did not answer, or the connection was cut",
                where=where,
                todo="check that the server is up, then run again: nothing is loaded twice",
            )
    if isinstance(error, _PASSING) or (error.sqlstate or "").startswith("08"):
        return DatabaseUnavailableError(
            f"PostgreSQL broke off: {type(error).__name__} ({error.sqlstate})",
            where=where,
            todo="run again: the transaction was rolled back",
        )
    diag = error.diag
    about = ", ".join(
        f"{kind} {name}"
        for kind, name in (("table", diag.table_name), ("constraint", diag.constraint_name))
        if name
    )
    return TerminalError(
        f"PostgreSQL rejected a statement: {type(error).__name__} ({error.sqlstate})"
        + (f", {about}" if about else ""),
        where=where,
        todo="see the database's log for the statement; this is a defect if the schema is ours",
    )
