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
        rows = connection.execute(_HOLDERS, [process]).fetchall()
    sessions = [
        f"session {pid} of {role or 'another role'}" + (f" ({application})" if application else "")
        for pid, role, application in rows
    ]
    return ", ".join(sessions)
