"""PostgreSQL and PgBouncer as Debian packages them: `make test-real` installs and runs them."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

WAYS_IN = ("--auth-local=trust", "--auth-host=scram-sha-256")  # who connects by TCP has a password
AS_POSTGRES = () if os.geteuid() else ("runuser", "-u", "postgres", "--")


def free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def run(*command: str | Path) -> None:
    subprocess.run([*AS_POSTGRES, *map(str, command)], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder of the user that runs the servers."""
    with TemporaryDirectory(prefix="coretelecoms-real-", ignore_cleanup_errors=True) as name:
        if AS_POSTGRES:
            shutil.chown(name, "postgres")
        yield Path(name)


@pytest.fixture(scope="session")
def debian(folder: Path) -> Iterator[str]:
    """The DSN of a superuser on Debian's newest PostgreSQL; it listens on TCP too."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    data, programs_there = folder / "data", programs[-1]
    port = free_port()
    run(programs_there / "initdb", "-D", data, "-U", "postgres", "-E", "UTF8", *WAYS_IN)
    options = f"-p {port} -c unix_socket_directories={folder} -c fsync=off"
    control = (programs_there / "pg_ctl", "-D", data, "-w")
    run(*control, "-l", folder / "log", "-o", options, "start")
    yield f"postgresql://postgres@/postgres?host={folder}&port={port}"
    run(*control, "-m", "fast", "stop")


@pytest.fixture
def pooled(debian: str, folder: Path) -> Callable[..., AbstractContextManager[str]]:
    """Starts PgBouncer in a pool mode before Debian's PostgreSQL; gives the DSN through it."""
    server = psycopg.conninfo.conninfo_to_dict(debian)

    @contextmanager
    def start(mode: str, size: int = 20) -> Iterator[str]:
        port = free_port()
        (folder / "users").write_text('"postgres" ""\n')
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={folder} port={server['port']} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = any\nauth_file = {folder}/users\npool_mode = {mode}\n"
            f"default_pool_size = {size}\nquery_wait_timeout = 1\n"
        )
        command = [*AS_POSTGRES, "/usr/sbin/pgbouncer", "-q", str(folder / "pgbouncer.ini")]
        with subprocess.Popen(command) as process:
            dsn = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            try:
                _wait_for(dsn)
                yield dsn
            finally:
                process.terminate()

    return start


def _wait_for(dsn: str) -> None:
    for _ in range(200):
        try:
            psycopg.connect(dsn, autocommit=True).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise TimeoutError(dsn)
