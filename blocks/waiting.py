"""Who keeps a statement waiting: said after a few seconds, while it waits."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

PATIENCE_SECONDS = 5.0

# who hears of it in this context; a task's step does.
listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)

_HOLDERS = """
    SELECT pid, usename, application_name FROM pg_stat_activity
    WHERE pid = ANY (pg_blocking_pids(%s)) ORDER BY pid
"""


@contextmanager
def watched(
    connection: psycopg.Connection[Any], conninfo: str, held_by: list[str]
) -> Iterator[None]:
    """Look after the connection during the block: who keeps it waiting is added to `held_by`, and
    said to the context's listener.
    """
    over = threading.Event()

    def look() -> None:
        busy_since = None
        while not over.wait(PATIENCE_SECONDS / 5):
            if connection.pgconn.transaction_status != TransactionStatus.ACTIVE:
                busy_since = None
                continue
            busy_since = busy_since or time.monotonic()
            if time.monotonic() - busy_since < PATIENCE_SECONDS:
                continue
            busy_since = time.monotonic()  # the next look is as long from now
            with suppress(psycopg.Error):
                if said := _holders(connection.info.backend_pid, conninfo):
                    held_by.append(said)
                    if say := listener.get():
                        say(f"waiting for a lock of {said}")

    threading.Thread(target=copy_context().run, args=(look,), daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _holders(process: int, conninfo: str) -> str:
    with psycopg.connect(conninfo, application_name="coretelecoms waiting") as connection:
        return ", ".join(_named(*row) for row in connection.execute(_HOLDERS, [process]))


def _named(process: int, role: str | None, application: str | None) -> str:
    named = f"session {process} of {role or 'another role'}"
    return f"{named} ({application})" if application else named


@contextmanager
def watched_over(conninfo: str, application: str, limit: float) -> Iterator[list[str]]:
    """The same for all sessions of an application that opens its own. One that has waited for
    `limit` seconds is cancelled, and who it waited for is added to what the block is given.
    """
    over, too_long = threading.Event(), list[str]()

    def look() -> None:
        while not over.wait(PATIENCE_SECONDS):
            with (
                suppress(psycopg.Error),
                psycopg.connect(conninfo, application_name="coretelecoms waiting") as connection,
            ):
                given = {"application": application, "seconds": PATIENCE_SECONDS}
                for process, seconds, *holder in connection.execute(_WAITING, given).fetchall():
                    if say := listener.get():
                        say(f"waiting for a lock of {_named(*holder)}")
                    if seconds > limit:
                        too_long.append(_named(*holder))
                        connection.execute("SELECT pg_cancel_backend(%s)", [process])

    threading.Thread(target=copy_context().run, args=(look,), daemon=True).start()
    try:
        yield too_long
    finally:
        over.set()


_WAITING = """
    SELECT ours.pid, seconds, other.pid, other.usename, other.application_name
    FROM pg_stat_activity AS ours
    CROSS JOIN LATERAL (
        SELECT extract(epoch FROM clock_timestamp() - min(waitstart))::float8 AS seconds
        FROM pg_locks WHERE pg_locks.pid = ours.pid AND NOT granted
    ) AS waits
    JOIN pg_stat_activity AS other ON other.pid = ANY (pg_blocking_pids(ours.pid))
    WHERE ours.datname = current_database() AND ours.application_name = %(application)s
      AND other.application_name IS DISTINCT FROM %(application)s AND seconds > %(seconds)s
"""
