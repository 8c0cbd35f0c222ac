"""What grows while days go by: memory, open files, connections, Prefect's database, planning time.

`python -m bench.soak [--days 365] [--runs 365] [--every 5] [--folder DIR]` loads so many days of
sample data in one backfill, then so many in a daily run each, all on one Prefect server. It prints
a line every few days, and writes all of them to DIR/soak.json, which DIR keeps with the logs.
Linux.
`--partitions 400` measures planning alone, with so many empty days of each channel.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg

from bench.figures import machine
from blocks import embedded
from tasks.entities.contracts import COMPLAINTS
from tasks.loading.tables import create_all_tables

MIB = 2**20
PLANNED = {
    "one_day_ms": "SELECT count(*) FROM conformed.call_logs WHERE run_date = %s",
    "all_days_ms": "SELECT count(*) FROM conformed.call_logs WHERE call_id = 'none'",
}


@dataclass
class Reading:
    """How things are after so many days. Memory is resident, in MiB; a run's is the most that its
    processes had at a time since the reading before.
    """

    part: str
    days: int
    minutes: float
    run_mib: float
    run_files: int
    server_mib: float
    server_files: int
    connections: int
    prefect_database_mib: float
    one_day_ms: float
    all_days_ms: float


class Soak:
    """One home, one PostgreSQL, one Prefect server, and what is read from them."""

    def __init__(self, folder: Path, every: int) -> None:
        self.folder, self.every = folder, every
        self.readings: list[Reading] = []
        self.began = time.monotonic()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.api = f"http://127.0.0.1:{port}/api"
        self.environment = os.environ | {
            "CORETELECOMS_HOME": str(folder / "home"),
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": self.api,
        }
        self.started: list[subprocess.Popen[bytes]] = []
        (folder / "home").mkdir(exist_ok=True)
        self.dsn = embedded.start(folder / "home")
        self.prefect = self.start("server", "blocks.server", "--port", str(port))
        while not self.answers():
            time.sleep(1)
        self.first = datetime.now(UTC).date() - timedelta(days=1000)

    def answers(self) -> bool:
        """Whether Prefect's server takes requests yet."""
        try:
            return httpx.get(f"{self.api}/health").is_success
        except httpx.HTTPError:
            return False

    def start(self, log: str, module: str, *options: str) -> "subprocess.Popen[bytes]":
        """A module as a process of its own, its output added to a log."""
        with (self.folder / f"{log}.log").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *options],
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.started.append(process)
        return process

    def one_backfill(self, days: int) -> None:
        """Load so many days in one backfill."""
        last = self.first + timedelta(days=days - 1)
        span = ("--from", str(self.first), "--to", str(last), "--plain")
        process = self.start("one-backfill", "flows.backfill", *span)
        seen, peak = 0, Peak()
        while process.poll() is None:
            peak.look(process.pid)
            time.sleep(1)
            days_in = self.loaded()
            if days_in > seen and days_in % self.every == 0:
                self.read("one backfill", days_in, peak)
                peak = Peak()
            seen = days_in
        if process.returncode:
            raise RuntimeError(f"it ended with {process.returncode}: {self.folder}")

    def single_runs(self, runs: int) -> None:
        """Load so many days, each in a run of its own."""
        peak = Peak()
        for number in range(1, runs + 1):
            day = self.first + timedelta(days=self.loaded())
            process = self.start("single-runs", "flows.daily", "--run-date", str(day), "--plain")
            while process.poll() is None:
                peak.look(process.pid)
                time.sleep(0.5)
            if process.returncode:
                raise RuntimeError(f"{day} ended with {process.returncode}: {self.folder}")
            if number % self.every == 0 or number == 1:
                self.read("single runs", number, peak)
                peak = Peak()

    def loaded(self) -> int:
        """Days that have a dbt build behind them."""
        with psycopg.connect(self.dsn) as connection:
            there = connection.execute("SELECT to_regclass('analytics.built_run_dates')").fetchone()
            if not there or there[0] is None:
                return 0
            query = "SELECT count(DISTINCT run_date) FROM analytics.built_run_dates"
            found = connection.execute(query).fetchone()
        return int(found[0]) if found else 0

    def read(self, part: str, days: int, peak: "Peak") -> None:
        """Add a reading, print it, keep all of them."""
        server_size, server_files = of_process(self.prefect.pid)
        database = sum(f.stat().st_size for f in (self.folder / "prefect").glob("prefect.db*"))
        with psycopg.connect(self.dsn, application_name="soak") as connection:
            others = connection.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND application_name <> 'soak'"
            ).fetchone()
            times = {n: planned(connection, query, self.first) for n, query in PLANNED.items()}
        reading = Reading(
            part=part,
            days=days,
            minutes=round((time.monotonic() - self.began) / 60, 1),
            run_mib=peak.mib,
            run_files=peak.files,
            server_mib=server_size,
            server_files=server_files,
            connections=others[0] if others else 0,
            prefect_database_mib=round(database / MIB, 1),
            **times,
        )
        if not self.readings:
            self.say(asdict(reading))
        self.say(asdict(reading).values())
        self.readings.append(reading)
        content = {"machine": machine(), "readings": [asdict(each) for each in self.readings]}
        (self.folder / "soak.json").write_text(json.dumps(content, indent=1) + "\n")

    @staticmethod
    def say(cells: Iterable[object]) -> None:
        """Print a line of the table."""
        sys.stdout.write(" | ".join(map(str, cells)) + "\n")
        sys.stdout.flush()

    def close(self) -> None:
        """End what is still at work, and Prefect's server; PostgreSQL ends with this process."""
        for process in reversed(self.started):
            process.terminate()
            process.wait()


class Peak:
    """The most that a process and those it started had at a time."""

    def __init__(self) -> None:
        self.mib, self.files = 0.0, 0

    def look(self, process: int) -> None:
        """How much it is now."""
        found = [of_process(each) for each in (process, *started_by(process))]
        self.mib = max(self.mib, round(sum(mib for mib, _ in found), 1))
        self.files = max(self.files, sum(files for _, files in found))


def started_by(process: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(stat.parent.name))
    found = parents.get(process, [])
    return found + [each for child in found for each in started_by(child)]


def of_process(process: int) -> tuple[float, int]:
    """A process's resident memory (MiB) and open files; zeros once it has ended."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        files = len(list(Path(f"/proc/{process}/fd").iterdir()))
    except (OSError, IndexError):
        return 0.0, 0
    return round(pages * os.sysconf("SC_PAGE_SIZE") / MIB, 1), files


def planned(connection: psycopg.Connection[Any], query: str, day: date) -> float:
    """Milliseconds to plan a query, in a session that has planned it before."""
    took = 0.0
    for _ in range(2):
        plan = connection.execute(
            f"EXPLAIN (SUMMARY, FORMAT json) {query}".encode(), [day] if "%s" in query else None
        ).fetchone()
        took = plan[0][0]["Planning Time"] if plan else 0.0
    return round(took, 2)


def planning(folder: Path, partitions: int) -> dict[str, float]:
    """Milliseconds to plan with so many days in each channel."""
    first = date(2024, 1, 1)
    with embedded.server(folder / "postgres") as server, psycopg.connect(server.get_uri()) as there:
        create_all_tables(there)
        for entity in COMPLAINTS:
            for n in range(partitions):
                day = first + timedelta(days=n)
                name = f"{entity.name}_{day:%Y%m%d}"
                there.execute(
                    f"CREATE TABLE conformed.{name} PARTITION OF conformed.{entity.name} "
                    f"FOR VALUES IN ('{day}')".encode()
                )
            there.commit()  # a transaction has room for only so many locks
        return {name: planned(there, query, first) for name, query in PLANNED.items()}


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--days", type=int, default=365, help="in one backfill; 0: none")
    options.add_argument("--runs", type=int, default=365, help="in a run each; 0: none")
    options.add_argument("--every", type=int, default=5, help="days between two lines")
    options.add_argument("--folder", type=Path, help="default: a new one in the temporary folder")
    options.add_argument("--partitions", type=int, help="planning alone, with so many days")
    given = options.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    if given.partitions:
        Soak.say(f"{k}: {v}" for k, v in planning(folder.resolve(), given.partitions).items())
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with closing(Soak(folder.resolve(), given.every)) as soak:
        if given.days:
            soak.one_backfill(given.days)
        if given.runs:
            soak.single_runs(given.runs)


if __name__ == "__main__":
    main()
