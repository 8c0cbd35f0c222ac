"""PostgreSQL's errors as ours: sorted by SQLSTATE, never by words, which may be of any language."""

import ctypes
import re
import select
import socket
import struct
import sys
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import pq

from blocks.errors import (
    ConfigurationError,
    CoreTelecomsError,
    DatabaseUnavailableError,
    TerminalError,
)

# classes and codes of what may pass: connections (08), rollbacks (40), resources (53), operators
# (57); a lock that isn't free, and time limits that end a session or transaction.
_PASSING = re.compile("08|40|53|57|55P03|25P03|25P04")
# classes and codes whose messages name objects, types and settings, never a value of a row.
_NAMING = re.compile("0A|08|22001|25|28|2B|3D|3F|42|53|54|55|57|58")
_POOLER = "08P01"  # what PgBouncer (1.18) gives for whatever it refuses
OURS = ("conformed", "staging", "quarantine", "ops", "analytics")  # schemas


def not_connected(error: psycopg.Error, conninfo: str, where: str) -> CoreTelecomsError:
    """Why there is no connection."""
    # libpq gives no code for it; what it says is for people.
    said = f": {line}" if (line := _said(str(error), conninfo)) else ""
    code, tls = (error.sqlstate, False) if error.sqlstate else _refusal(conninfo)
    wanted = getattr(error.pgconn, "needs_password", False)
    if code.startswith(("28", "3D")) or wanted:
        return ConfigurationError(
            f"PostgreSQL refused the login{said}",
            where=where,
            todo="fix user, password or database in the DSN (CORETELECOMS_WAREHOUSE_DSN, "
            "CORETELECOMS_WEB_FORMS_DSN) or the platform block",
        )
    if code == _POOLER:
        # a full pool may pass, a wrong password does not: only a person can tell them apart. So a
        # task tries again, for half a minute, and then says all of them.
        return DatabaseUnavailableError(
            f"The server, or a pooler before it, took no connection{said}",
            where=where,
            todo="if it is a pooler (PgBouncer), check user, password and database, which it has "
            "to know as PostgreSQL does, and its limits (max_client_conn, default_pool_size, "
            "query_wait_timeout), then run again: nothing is loaded twice",
        )
    if code:
        return _translated(code, said, where)
    if tls:
        return ConfigurationError(
            f"No TLS connection to PostgreSQL{said}",
            where=where,
            todo="fix sslmode, sslrootcert (the file of the authority that signed the server's "
            "certificate), sslcert or sslkey in the DSN, or the host's name: it has to be the "
            "certificate's",
        )
    return DatabaseUnavailableError(
        f"No connection to PostgreSQL{said}",
        where=where,
        todo="check that the server is up, then run again: nothing is loaded twice",
    )


def translated(
    error: psycopg.Error, where: str, conninfo: str, held_by: list[str]
) -> CoreTelecomsError:
    """The same error as one of ours; says which constraint or table, never which value."""
    code, diag = error.sqlstate or "", error.diag
    said = f": {diag.message_primary}" if names_alone(diag) and diag.message_primary else ""
    if code == "55P03" and held_by:
        return lock_not_free(held_by[-1], where)
    if code == "42501":
        return ConfigurationError(
            f"A privilege is missing{said}",
            where=where,
            todo="; ".join(missing_grants(conninfo)) or "grant what the message names",
        )
    about = [
        f"{kind} {name}"
        for kind, name in (("table", diag.table_name), ("constraint", diag.constraint_name))
        if name and not said
    ]
    return _translated(code, said or "".join(f", {name}" for name in about), where)


def names_alone(diag: Any) -> bool:
    """Whether a driver's diagnostics have a message that quotes no value of a row.

    What a trigger or function raises (PL/pgSQL's RAISE) says whatever its author wrote.
    """
    raised = diag.source_function == "exec_stmt_raise"
    return bool(_NAMING.match(diag.sqlstate or "")) and not raised


def lock_not_free(held_by: str, where: str) -> CoreTelecomsError:
    """The error of a statement that another session kept waiting for too long."""
    return DatabaseUnavailableError(
        f"A lock was not free in time, because of {held_by}",
        where=where,
        todo="wait until that session is done, or end it (select pg_terminate_backend(pid)), "
        "then run again: the transaction was rolled back",
    )


def _translated(code: str, said: str, where: str) -> CoreTelecomsError:
    if code == "53100":
        return TerminalError(
            "PostgreSQL is out of disk space",
            where=where,
            todo="free space on the database's volume, then run again: what was loaded is intact",
        )
    if code == "53300":
        return DatabaseUnavailableError(
            f"PostgreSQL has no connection left{said}",
            where=where,
            todo="end sessions that nobody needs, or raise the limit of the role, the database or "
            "the server (max_connections), then run again: nothing is loaded twice",
        )
    if code == "54000":
        return TerminalError(
            "PostgreSQL rejected a key that is too long for an index (2,700 bytes)",
            where=where,
            todo="look for it in the source: an id of that length is a damaged row",
        )
    if code in ("22021", "22P05"):
        return TerminalError(
            "The database holds a value that can't be written in UTF-8" + _in_brackets(code),
            where=where,
            todo="correct the value where it is; a database in SQL_ASCII takes bytes of any "
            "encoding, so better have one in UTF8",
        )
    if code == "25006":
        return TerminalError(
            f"The database only reads{said}",
            where=where,
            todo="connect to the primary server, not to a standby; or take "
            "default_transaction_read_only off the role, the database or the server",
        )
    if code == _POOLER:
        return DatabaseUnavailableError(
            f"The server, or a pooler before it, broke off{said}",
            where=where,
            todo="if it is a pooler (PgBouncer), check its limits (default_pool_size, "
            "query_wait_timeout, query_timeout, idle_transaction_timeout), then run again: the "
            "transaction was rolled back",
        )
    if not code or _PASSING.match(code):
        return DatabaseUnavailableError(
            f"PostgreSQL broke off{said or ': the connection was cut'}" + _in_brackets(code),
            where=where,
            todo="run again: the transaction was rolled back",
        )
    return TerminalError(
        f"PostgreSQL rejected a statement{_in_brackets(code)}{said}",
        where=where,
        todo="look whether somebody has changed what it names; the statement is in the database's "
        "log",
    )


def _in_brackets(code: str) -> str:
    with suppress(KeyError):
        return f" ({psycopg.errors.lookup(code).__name__}, {code})"
    return f" ({code})" if code else ""


def _said(text: str, conninfo: str) -> str:
    """What libpq said last, on one line, without what stands before it and without the password."""
    lines = [line for line in text.splitlines() if line and not line.startswith("\t")]
    last = lines[-1].strip() if lines else ""
    password = psycopg.conninfo.conninfo_to_dict(conninfo).get("password")
    last = last.removeprefix("connection failed: ")
    return last.replace(str(password), "…") if password else last


def _refusal(conninfo: str) -> tuple[str, bool]:
    """The SQLSTATE with which a server refuses a connection, "" when it gives none; and whether it
    is there, but the two of them can't agree on TLS.

    psycopg doesn't know it; libpq says it if asked to say codes alone.
    """
    with suppress(Exception):
        set_verbosity = ctypes.CDLL(sys.modules[pq.PGconn.__module__].__file__).PQsetErrorVerbosity
        set_verbosity.argtypes = [ctypes.c_void_p, ctypes.c_int]
        connection = pq.PGconn.connect_start(conninfo.encode())
        set_verbosity(connection.pgconn_ptr, _CODES_ALONE)  # type: ignore[attr-defined]
        reached = _wait(connection)
        codes = re.findall(r"\s([0-9A-Z]{5})$", connection.get_error_message(), re.MULTILINE)
        place = (connection.hostaddr.decode(), int(connection.port))
        connection.finish()
        if codes:
            return codes[-1], False
        return "", reached == pq.ConnStatus.SSL_STARTUP and _answers(place)
    return "", False


_CODES_ALONE = 3  # PQERRORS_SQLSTATE
_WAIT_SECONDS = 10.0
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def _wait(connection: Any) -> pq.ConnStatus:
    """Until the connection is made or has failed: how far it came."""
    while True:
        reached = pq.ConnStatus(connection.status)
        state = connection.connect_poll()
        if state == pq.PollingStatus.READING:
            ready = select.select([connection.socket], [], [], _WAIT_SECONDS)
        elif state == pq.PollingStatus.WRITING:
            ready = select.select([], [connection.socket], [], _WAIT_SECONDS)
        else:
            return reached
        if not any(ready):
            return reached


def _answers(place: tuple[str, int]) -> bool:
    """Whether a server says yes or no to TLS; one that is about to stop, or a proxy without a
    server behind it, closes the connection instead.
    """
    with socket.create_connection(place, _WAIT_SECONDS) as connection:
        connection.sendall(_SSL_REQUEST)
        return bool(connection.recv(1))


def missing_grants(conninfo: str) -> list[str]:
    """The statements that give this login what a run needs of its database and doesn't have."""
    with suppress(psycopg.Error), psycopg.connect(conninfo) as connection:
        return [statement for (statement,) in connection.execute(_GRANTS, [list(OURS)] * 3)]
    return []


_GRANTS = """
    SELECT format('GRANT TEMPORARY ON DATABASE %%I TO %%I', current_database(), current_user)
    WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
    UNION ALL
    SELECT format('GRANT CREATE ON DATABASE %%I TO %%I', current_database(), current_user)
    WHERE NOT has_database_privilege(current_database(), 'CREATE')
        AND EXISTS (SELECT FROM unnest(%s::text[]) AS name WHERE to_regnamespace(name) IS NULL)
    UNION ALL
    SELECT format('GRANT USAGE, CREATE ON SCHEMA %%I TO %%I', nspname, current_user)
    FROM pg_namespace
    WHERE nspname = ANY (%s)
        AND NOT (has_schema_privilege(oid, 'USAGE') AND has_schema_privilege(oid, 'CREATE'))
    UNION ALL
    (
        SELECT format('ALTER TABLE %%I.%%I OWNER TO %%I', nspname, relname, current_user)
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = ANY (%s) AND relkind IN ('r', 'p', 'v', 'm')
            AND NOT relispartition AND NOT pg_has_role(relowner, 'USAGE')
        ORDER BY nspname, relname
        LIMIT 5
    )
"""
