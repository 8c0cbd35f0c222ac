"""The most memory that a whole daily run takes, dbt included: a day of samples, then a large one.

`python -m bench.memory [--rows 5000000]` runs `flows.daily` as people do, in a process of its own
on the embedded default; the second day's call logs are so many. It prints the peak resident memory
of both runs' process (PostgreSQL and Prefect's server are others), and writes it to docs/figures/.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from bench import generate
from bench.figures import Measured, show, write
from blocks import samples
from tasks.entities.contracts import AGENTS, CALL_LOGS, CUSTOMERS

FIRST = date(2025, 11, 20)
CALLERS, AGENTS_OF_THEM = 100_000, 1_000


def people(sources: Path) -> None:
    """Write the customers and agents of the samples and of the large day into one file each."""
    for entity, sampled, made, rows in (
        (CUSTOMERS, samples.customers_csv, generate.customers_file, CALLERS),
        (AGENTS, samples.agents_csv, generate.agents_file, AGENTS_OF_THEM),
    ):
        file = sources / entity.source_on(FIRST)
        made(file, rows)
        _, _, generated = file.read_bytes().partition(b"\n")
        known = sampled(FIRST)
        # both number their agents from the same one on
        keys = {line.partition(b",")[0] for line in known.splitlines()}
        new = [line for line in generated.splitlines() if line.partition(b",")[0] not in keys]
        file.write_bytes(known + b"\n".join([*new, b""]))


def run(run_date: date, home: Path) -> tuple[float, float]:
    """Seconds and peak MiB of a daily run that must end well."""
    began = time.perf_counter()
    with (home / "bench.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.daily", "--run-date", str(run_date)],
            stdout=log,
            stderr=log,
            env=os.environ
            | {
                "CORETELECOMS_HOME": str(home),
                "PREFECT_HOME": str(home / "prefect"),
                "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
                "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
            },
        )
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _peak_mib(process.pid))
            time.sleep(0.2)
    if process.returncode:
        raise RuntimeError(f"the run of {run_date} failed:\n{(home / 'bench.log').read_text()}")
    return time.perf_counter() - began, peak


def _peak_mib(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    peaks = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(next(peaks, "0")) / 1024  # none: it is ending


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=5_000_000)
    given = options.parse_args()
    measured = {"a day of samples": Measured(), f"{given.rows:,} call logs": Measured()}
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        home.chmod(0o755)
        people(home / "sources")
        second = FIRST + timedelta(days=1)
        day = home / "sources" / CALL_LOGS.source_on(second)
        generate.call_logs(day, given.rows, second, CALLERS, AGENTS_OF_THEM, 0.001)
        for name, run_date in zip(measured, (FIRST, second), strict=True):
            measured[name].add(*run(run_date, home))
    show("A whole daily run", measured)
    write(f"memory-{given.rows}", given.rows, measured)


if __name__ == "__main__":
    main()
