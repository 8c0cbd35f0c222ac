"""Advisory locks of PostgreSQL: who works on what, across processes and machines.

A lock belongs to a session, so it ends with its process, however that process ends.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import blake2b
from itertools import chain

import psycopg
from psycopg import errors as pg
from psycopg import sql

from blocks.database import LOCK_SECONDS, Connection, address, connect
from blocks.errors import CoreTelecomsError, DatabaseUnavailableError, RunDateBusyError

GRACE_MS = 3_000  # for the session of a killed client to end
WAIT_SECONDS = 4 * 3_600  # for another run to end that this one comes after


def key(*parts: object) -> int:
    """The lock's number: the same for the same parts everywhere, within PostgreSQL's bigint.

    >>> key("call_logs", "2025-11-21") == key("call_logs", "2025-11-21") != key("agents")
    True
    """
    name = "\x1f".join(("coretelecoms", *map(str, parts)))
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True)


@contextmanager
def held(dsn: str, *parts: object, wait: bool = True) -> Iterator[None]:
    """Hold the lock named by `parts` during the block, on a connection of its own.

    Raises RunDateBusyError when it isn't free and `wait` is false.
    """
    with at_work(dsn, *parts, wait=wait):
        yield


@contextmanager
def at_work(dsn: str, *parts: object, wait: bool = False) -> Iterator[Connection]:
    """An autocommit connection that holds the lock named by `parts` until it closes.

    Work done on this very connection ends with the lock: the session of a killed client can't go
    on working after another one took the lock over. Raises RunDateBusyError.
    """
    what = " ".join(map(str, parts))
    with connect(dsn, autocommit=True, purpose=what) as connection:
        _set(connection, _SESSION)
        # a server's platform may lack one of them: then its own defaults hold.
        with suppress(pg.InvalidParameterValue, pg.UndefinedObject):
            _set(connection, _LOST_CLIENTS)
        _take(connection, key(*parts), what, address(dsn), wait)
        try:
            yield connection
        finally:
            # a session that closes lets go a moment later; who comes next need not wait for that.
            with suppress(psycopg.Error):
                connection.execute("SELECT pg_advisory_unlock(%s)", [key(*parts)])


@contextmanager
def free(connection: Connection, *parts: object) -> Iterator[bool]:
    """Hold the lock named by `parts` during the block if nobody else does; whether it is so."""
    taken = connection.execute("SELECT pg_try_advisory_lock(%s)", [key(*parts)]).fetchone()
    try:
        yield taken == (True,)
    finally:
        if taken == (True,):
            connection.execute("SELECT pg_advisory_unlock(%s)", [key(*parts)])


class Lock:
    """A lock that is taken once, if at all, and kept until it is released."""

    def __init__(self, dsn: Callable[[], str], *parts: object, wait: bool = False) -> None:
        self._dsn, self._parts, self._wait = dsn, parts, wait
        self._held: ExitStack | None = None

    def take(self) -> bool:
        """Take it; False when it is taken already. Raises RunDateBusyError as `held` does."""
        if self._held:
            return False
        held_now = ExitStack()
        held_now.enter_context(held(self._dsn(), *self._parts, wait=self._wait))
        self._held = held_now
        return True

    def release(self) -> None:
        """Let it go, if it is taken."""
        if self._held:
            with suppress(CoreTelecomsError):  # the connection is gone, and its lock with it
                self._held.close()
            self._held = None


# whatever the server's defaults are: the formats that COPY writes.
_SESSION = {"datestyle": "ISO, YMD", "jit": "off"}
# look for the client within a statement, and give up on a dead network.
_LOST_CLIENTS = {
    "client_connection_check_interval": "250",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60000",
}


def _set(connection: Connection, settings: dict[str, str]) -> None:
    calls = sql.SQL(", ").join([sql.SQL("set_config(%s, %s, false)")] * len(settings))
    connection.execute(sql.SQL("SELECT {}").format(calls), list(chain(*settings.items())))


def _take(connection: Connection, number: int, what: str, where: str, wait: bool) -> None:
    _set(connection, {"lock_timeout": f"{WAIT_SECONDS}s" if wait else f"{GRACE_MS}ms"})
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", [number])
    except pg.LockNotAvailable:
        raise RunDateBusyError(
            f"Another run is at work on {what}{_holder(connection, number)}",
            where=where,
            todo="wait for it to end, then run again; nothing was changed by this one",
        ) from None
    _set(connection, {"lock_timeout": f"{LOCK_SECONDS}s"})


def prove_held(connection: Connection, *parts: object) -> None:
    """Raise DatabaseUnavailableError unless the connection's own session holds the lock.

    A pooler that hands its sessions to others holds nothing for anybody.
    """
    row = connection.execute(
        """
        SELECT EXISTS (
            SELECT FROM pg_locks
            WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pid = pg_backend_pid()
              AND (classid::bigint << 32 | objid::bigint) = %s
        )
        """,
        [key(*parts)],
    ).fetchone()
    if row != (True,):
        what = " ".join(map(str, parts))
        raise DatabaseUnavailableError(
            f"The lock on {what} is no longer held by this load",
            where=address(connection.info.dsn),
            todo="connect to PostgreSQL directly, not through a pooler in transaction mode; "
            "then run the date again",
        )


def _holder(connection: Connection, number: int) -> str:
    """Who holds the lock, as far as the server lets us know."""
    with suppress(psycopg.Error):
        row = connection.execute(
            """
            SELECT pid, application_name, backend_start::timestamp(0)
            FROM pg_locks JOIN pg_stat_activity USING (pid)
            WHERE locktype = 'advisory' AND granted AND objsubid = 1
              AND pg_locks.database = (
                  SELECT oid FROM pg_database WHERE datname = current_database()
              )
              AND (classid::bigint << 32 | objid::bigint) = %s
            """,
            [number],
        ).fetchone()
        if row:
            pid, name, since = row
            return f" (server process {pid}, {name or 'name unknown'}, connected since {since})"
    return ""
