"""Whether a database is reached through a pooler that hands sessions from one client to another.

A run holds advisory locks and settings in its sessions. PgBouncer in transaction mode gives a
session to whoever comes next, and the locks exclude nobody.
"""

from functools import partial

from psycopg import errors as pg

from blocks.database import Connection, address, connect
from blocks.errors import ConfigurationError


def refuse_pooler(dsn: str) -> None:
    """Raise ConfigurationError when sessions are shared: asked of the server, not guessed.

    Two connections are open at once, one of them within a transaction. Each has a server process
    of its own, and keeps it, unless there is such a pooler between.
    """
    shared = ConfigurationError(
        "The database is behind a connection pooler that shares sessions between clients",
        where=address(dsn),
        todo="connect to PostgreSQL itself, or to a pool in session mode "
        "(PgBouncer: pool_mode = session)",
    )
    probe = partial(connect, dsn, purpose="probe", as_it_is=True)
    with probe(autocommit=True) as one, probe() as other:
        try:
            before, theirs, after = _process(one), _process(other), _process(one)
        except pg.ProtocolViolation:  # a pooler in statement mode allows no transaction at all
            raise shared from None
    if theirs in (before, after) or before != after:
        raise shared


def _process(connection: Connection) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row
    return int(row[0])
