"""Connections to PostgreSQL: patient ones, whose errors people can read and retries can sort."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from blocks.database_errors import not_connected, translated
from blocks.errors import ConfigurationError
from blocks.waiting import watched

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
    said = {"client_encoding": "UTF8"}  # whatever the DSN, the role or a variable says
    return psycopg.conninfo.make_conninfo("", **(_PATIENCE | _parts(dsn) | said))


def with_environment(dsn: str) -> str:
    """The DSN with all that libpq's PG* variables add to it. Raises ConfigurationError."""
    variables = {
        option.keyword.decode(): os.environ.get(option.envvar.decode())
        for option in psycopg.pq.Conninfo.get_defaults()
        if option.envvar
    }
    added = {name: value for name, value in variables.items() if value is not None}
    return psycopg.conninfo.make_conninfo("", **(added | _parts(dsn)))


LOCK_SECONDS = 600  # for a lock that another session holds; who it is, the run says by then
# whatever limits the role, the database or the server sets for sessions; not every PostgreSQL has
# each of them.
_SESSION = {
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "default_transaction_isolation": "read committed",
}
_SET = """
    SELECT set_config(name, wanted, false)
    FROM json_each_text(%s::json) AS wanted (name, wanted) JOIN pg_settings USING (name)
"""


@contextmanager
def connect(
    dsn: str, *, autocommit: bool = False, purpose: str = "", as_it_is: bool = False
) -> Iterator[Connection]:
    """A connection that commits at the end of the block, rolls back on an error, and closes.

    `as_it_is`: nothing is set in the session, which may belong to a pool.
    Raises DatabaseUnavailableError for what may pass: the server is away, cut the connection, is
    out of connections, a deadlock, a lock that another session keeps; ConfigurationError when it
    refuses the login or the role lacks a privilege; TerminalError for the rest.
    """
    conninfo, where = _patient(dsn), address(dsn)
    try:
        connection = psycopg.connect(
            conninfo, autocommit=True, application_name=f"coretelecoms {purpose}".strip()
        )
    except psycopg.Error as error:
        raise not_connected(error, conninfo, where) from None
    held_by: list[str] = []
    try:
        with connection:
            if not as_it_is:
                wanted = _SESSION | {"lock_timeout": f"{LOCK_SECONDS}s"}
                connection.execute(_SET, [json.dumps(wanted)])
            connection.autocommit = autocommit
            with watched(connection, conninfo, held_by):
                yield connection
    except psycopg.Error as error:
        # without its cause: PostgreSQL's details quote values of the row at fault.
        raise translated(error, where, conninfo, held_by) from None


def refuse_database(connection: Connection) -> None:
    """Raise ConfigurationError where no run can work: docs/contract.md#refused-databases."""
    if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
        raise ConfigurationError(
            "The server is a standby, which is only read",
            where=address(connection.info.dsn),
            todo="connect to the primary server (with several hosts in the DSN: "
            "target_session_attrs=read-write)",
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise ConfigurationError(
            f"The database's encoding is {encoding}, which can't hold every character",
            where=address(connection.info.dsn),
            todo="make another database: CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'",
        )


def is_there(connection: Connection, table: str) -> bool:
    """Whether there is a table of this name, which is written with its schema."""
    return connection.execute("SELECT to_regclass(%s)", [table]).fetchone() != (None,)
