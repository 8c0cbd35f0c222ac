"""A Prefect server as `make server` starts it, a worker and the command line, as processes."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
# for forms in the UI, which nobody opens here.
QUICK = {
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
}
PATIENCE_SECONDS = 500.0  # on a machine that has much else to do


class Server:
    """A `prefect server`, its environment, and what else runs against it."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/api"
        ours = {name: v for name, v in os.environ.items() if not name.startswith("PREFECT_")}
        self.environment = {
            **ours,
            **QUICK,
            **variables,
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": self.url,
            "CORETELECOMS_HOME": str(folder / "home"),
            # a worker keeps a folder in there that is open to the user alone who made it.
            "TMPDIR": str(folder),
        }
        self.prefect_database.parent.mkdir()

    @property
    def prefect_database(self) -> Path:
        """Where it keeps its state."""
        return self.folder / "prefect" / "prefect.db"

    def start(self, name: str, *command: str, cwd: Path | None = None) -> "subprocess.Popen[str]":
        """A process that goes on, its output in a file named after it."""
        with (self.folder / f"{name}.log").open("w") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=cwd or ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def run(self, *command: str) -> str:
        """What a command prints; it has to succeed."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, (
            f"{' '.join(command)} ended in {done.returncode}:\n{done.stdout}"
        )
        return done.stdout

    def prefect(self, *command: str) -> str:
        """What a `prefect` command prints; it has to succeed. It runs in this process: to import
        Prefect takes longer than most of them.
        """
        from prefect.settings import PREFECT_API_URL, temporary_settings
        from prefect.testing.cli import invoke_and_assert

        with temporary_settings({PREFECT_API_URL: self.url}):
            return str(invoke_and_assert(list(command)).output)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=5).is_success
        except httpx.TransportError:
            return False


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """The server until the end of the block."""
    process = server.start(
        "server", "blocks.server", "--host", "127.0.0.1", "--port", str(server.port)
    )
    with ended(process):
        wait_for(
            lambda: server.answers() or process.poll() is not None,
            "the server",
            server.folder / "server.log",
        )
        assert process.poll() is None, (server.folder / "server.log").read_text()[-3000:]
        yield server


@contextmanager
def ended(process: "subprocess.Popen[str]") -> Iterator[None]:
    """A process that gets SIGTERM at the end of the block, and is killed if it goes on."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(there: Callable[[], object], what: str, log: Path) -> None:
    """Ask until something is there."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not there():
        assert time.monotonic() < give_up, f"{what} did not come:\n{log.read_text()[-3000:]}"
        time.sleep(0.5)  # what is asked needs the processor
