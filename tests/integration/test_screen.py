"""The commands on a real terminal: what stands there after a failure, and after Ctrl-C."""

import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.settings import PREFECT_API_URL
from prefect.variables import Variable

from blocks.resolving import resolve
from tasks.gate import FIRST_RUN
from tasks.loading import locks
from tests import signals
from tests.integration.conftest import made_once
from tests.integration.daily_runs import FIRST, DailyRuns

ROOT = Path(__file__).parents[2]
DAY = str(FIRST)
COMMAND = [sys.executable, "-m", "flows.daily", "--run-date", DAY]


class Terminal:
    """A program on a terminal of 80 columns, and all that it wrote there."""

    def __init__(self, arguments: list[str]) -> None:
        self._master, slave = pty.openpty()
        os.set_blocking(self._master, False)
        environment = os.environ | {
            "PREFECT_API_URL": PREFECT_API_URL.value() or "",
            "COLUMNS": "80",
            "LINES": "40",
            "TERM": "xterm",
        }
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=signals.heard,
        )
        os.close(slave)
        self._written = b""

    def text(self) -> str:
        """What it wrote, without the terminal's codes."""
        text = self._written.decode(errors="replace").replace("\r\n", "\n")
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)

    def read(self) -> bool:
        """Take in what it wrote; False when it has ended and no more will come."""
        select.select([self._master], [], [], 0.2)
        try:
            self._written += (more := os.read(self._master, 65536))
        except BlockingIOError:
            return self.process.poll() is None
        except OSError:  # Linux's way to say that the other side has closed
            return False
        return bool(more)

    def until(self, text: str) -> None:
        end = time.monotonic() + 120
        while text not in self.text():
            assert self.read(), self.text()
            assert time.monotonic() < end, self.text()

    def ended(self) -> int:
        while self.read():
            pass
        return self.process.wait(timeout=60)


@contextmanager
def terminal(*arguments: str) -> Iterator[Terminal]:
    program = Terminal(list(arguments))
    try:
        yield program
    finally:
        if program.process.poll() is None:
            program.process.kill()


def break_customers(home: Path) -> None:
    folder = home / "sources" / "customers"
    folder.mkdir(parents=True)
    (folder / "customers_dataset.csv").write_text("customer_id,nom\n1,2\n")


def test_a_failure_on_a_terminal(local: Path) -> None:
    break_customers(local)
    with terminal() as program:
        assert program.ended() == 1
    picture, _, after = program.text().rpartition("cleanup_checkpoints")
    assert "✘ failed" in picture
    assert "gate stayed closed" in picture
    # the failure is what a short screen still shows.
    places, _, failure = after.partition("✘ ")
    assert "Prefect's UI" in places
    first, *rest = (line.strip() for line in failure.strip().split("\n"))
    assert first.startswith("ingest_customers failed: customers: missing name")
    assert any(line.startswith("What to do: ") for line in rest)
    assert "The gate stayed closed: no complaint was transformed" in failure
    assert len(rest) < 20
    assert "Traceback" not in program.text()


def test_a_failure_in_plain_lines(daily_runs: DailyRuns) -> None:
    Variable.unset(FIRST_RUN)
    with daily_runs.before.copied() as place:
        break_customers(place.home)
        child = daily_runs.start(place, FIRST)
        assert child.wait() == 1
    lines = child.said.split("\n")
    assert lines[0].startswith(f"starting   daily {DAY} · sample data, with Prefect at http://")
    assert any(re.match(r"done       ingest_call_logs  \d+ rows  \d", line) for line in lines)
    assert any(re.match(r"failed     ingest_customers  .*missing name", line) for line in lines)
    assert "held back  open_static_data_gate" in lines
    said = next(n for n, line in enumerate(lines) if line.startswith("✘ "))
    assert lines[said].startswith("✘ ingest_customers failed: ")
    places = [n for n, line in enumerate(lines) if re.match("SQL prompt|Prefect's UI", line)]
    assert len(places) == 2
    # notes; and the file of what libraries wrote, if they did.
    between = [line for line in lines[places[-1] + 1 : said] if line]
    assert all(line.startswith(("! ", "What libraries wrote is in ")) for line in between)
    steps = [line for line in lines[: places[0]] if line]
    assert not [line for line in steps if not re.match(r"[a-z]+( back)? +\S", line)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal(local: Path, number: signal.Signals) -> None:
    """It ends the run at once, says so on the terminal and to Prefect, and nothing else."""
    # the run waits for another first run (G11), which never ends.
    with locks.held(resolve().warehouse_dsn, "first run"), terminal("--plain") as program:
        program.until("done       ingest_web_complaints")
        began = time.monotonic()
        os.killpg(program.process.pid, number)
        assert program.ended() == 128 + number
        assert time.monotonic() - began < 10  # seconds, after which SIGKILL often comes
    last = program.text().strip().split("\n")[-1]
    assert last.endswith("Interrupted. What was loaded is whole; run it again to go on.")
    assert "Traceback" not in program.text()
    with get_client(sync_client=True) as client:
        by_name = FlowRunFilter(name=FlowRunFilterName(any_=[f"daily-{DAY}"]))
        states = [run.state_name for run in client.read_flow_runs(flow_run_filter=by_name)]
    assert "Cancelled" in states


# a task's thread that asks Prefect on and on, and once more after its server has stopped.
ASKING = """
import atexit, os, signal, threading
from prefect import flow
from prefect.client.orchestration import get_client
from blocks import temporary_server
from flows.terminal import interrupt
from tasks.reporting.progress import board

temporary_server.start()
temporary_server.wait()
print(os.environ["PREFECT_API_URL"], flush=True)
with get_client(sync_client=True) as client:
    board.belongs_to(str(client.create_flow_run(flow(lambda: None, name="at work")).id))
answered, stopped, asked_again = threading.Event(), threading.Event(), threading.Event()

def end():  # registered first, so run last
    stopped.set()
    asked_again.wait()

def ask():
    while not asked_again.is_set():
        last = stopped.is_set()
        try:
            with get_client(sync_client=True) as client:
                client.hello()
            answered.set()
        except Exception:
            pass
        if last:
            asked_again.set()

atexit.register(end)
threading.Thread(target=ask, daemon=True).start()
answered.wait()
with interrupt.handled(lambda: None):
    os.killpg(0, signal.SIGINT)  # as a terminal does
"""


# a run that is killed; its server goes on alone.
KILLED = """
import os, signal
from blocks import temporary_server

temporary_server.start()
temporary_server.wait()
print(os.environ["PREFECT_API_URL"], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


# two at once where no server has been: each would make the same database.
TWO = """
import socket, urllib.request
from blocks import server, temporary_server

server.configure(server.TEMPORARY)
server.keep_to_one_connection()
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
processes = [temporary_server.serve(listening) for listening in sockets]
ports = [listening.getsockname()[1] for listening in sockets]
for listening in sockets:
    listening.close()
for port in ports:
    print(urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health").status, flush=True)
"""


@contextmanager
def on_its_own_server(program: str, home: Path) -> Iterator["subprocess.Popen[str]"]:
    environment = os.environ | {"PREFECT_HOME": str(home)}
    environment.pop("PREFECT_API_URL", None)  # there, it would start none
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
        preexec_fn=signals.heard,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


def test_ctrl_c_leaves_no_server(
    prefect_server: None, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The run's own one hears how the run ended, and stops; its threads, which go on meanwhile,
    start no other.
    """
    database = tmp_path / "prefect.db"
    with (
        made_once(database, tmp_path_factory),
        on_its_own_server(ASKING, tmp_path) as program,
    ):
        assert program.stdout
        url = program.stdout.readline().strip()
        assert program.wait() == 130
        assert program.stdout.read() == ""  # until all that it started has ended
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
    with closing(sqlite3.connect(database)) as prefect:
        assert prefect.execute("SELECT state_name FROM flow_run").fetchall() == [("Cancelled",)]


def test_a_killed_run_leaves_no_server(
    prefect_server: None, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with (
        made_once(tmp_path / "prefect.db", tmp_path_factory),
        on_its_own_server(KILLED, tmp_path) as program,
    ):
        assert program.stdout
        url = program.stdout.readline().strip()
        assert program.wait() == -signal.SIGKILL
        assert program.stdout.read() == ""  # until its server has ended, too
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_two_first_runs_at_once(prefect_server: None, tmp_path: Path) -> None:
    with on_its_own_server(TWO, tmp_path) as program:
        assert program.stdout
        assert program.stdout.read().split() == ["200", "200"]


def test_no_prefect_there(local: Path) -> None:
    url = "http://127.0.0.1:9/api"
    done = subprocess.run(
        COMMAND,
        cwd=ROOT,
        env=os.environ | {"PREFECT_API_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    first, *rest = done.stdout.strip().split("\n")[1:]
    assert first == "✘ Prefect's API does not answer."
    assert rest[0] == f"  Where: PREFECT_API_URL={url}."
    assert rest[1].startswith("  What to do: start it")
    assert done.stderr == ""
