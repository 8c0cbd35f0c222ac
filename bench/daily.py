"""A daily run as people wait for it: cold processes on the embedded default, dbt included.

`python -m bench.daily [--repeats 3] [--days 30]` prints seconds (median, minimum, maximum) of a
bare one-task Prefect flow (its server as Prefect starts it, and as blocks/server.py does), of three
daily runs and `--help`, and of a backfill one day after the other and two at a time, and
writes them to docs/figures/.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from bench.figures import Measured, show, write
from blocks.server import TEMPORARY

FIRST = date(2025, 11, 1)
BARE = """
import asyncio
from prefect import flow, task

@task
def one():
    return 1

@flow
async def bare():
    return one.submit().result()

asyncio.run(bare())
"""


def seconds(*arguments: str, home: Path, **variables: str) -> float:
    """Wall-clock seconds of a Python process that must end well."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env=os.environ
        | {
            "CORETELECOMS_HOME": str(home),
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
        }
        | variables,
    )
    if done.returncode:
        raise RuntimeError(f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - began


def backfill(days: int, parallel: int, folder: Path) -> float:
    """Seconds of a backfill of so many days on a new home, its Prefect database made before."""
    home = folder / f"backfill-{parallel}"
    home.mkdir()
    seconds("-c", BARE, home=home)
    last = FIRST + timedelta(days=days - 1)
    span = ("--from", str(FIRST), "--to", str(last), "--parallel", str(parallel))
    return seconds("-m", "flows.backfill", *span, home=home)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--days", type=int, default=30, help="of the backfill; 0: none")
    given = options.parse_args()
    bare, spared = "bare one-task flow", "bare one-task flow, our server's settings"
    runs = ("first run", "second run", "third run")
    names = (bare, spared, *runs, "--help")
    measured = {name: Measured() for name in names}
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)
        for turn in range(given.repeats):
            home = Path(temporary) / str(turn)
            home.mkdir()
            seconds("-c", BARE, home=home)  # makes Prefect's database, which all below find made
            measured[bare].add(seconds("-c", BARE, home=home))
            measured[spared].add(seconds("-c", BARE, home=home, **TEMPORARY))
            for day, name in enumerate(runs):
                run_date = str(FIRST + timedelta(days=day))
                took = seconds("-m", "flows.daily", "--run-date", run_date, home=home)
                measured[name].add(took)
            measured["--help"].add(seconds("-m", "flows.daily", "--help", home=home))
        write("daily", 0, measured)  # the rest takes minutes
        if given.days:
            for parallel in (1, 2):
                name = f"backfill of {given.days} days, {parallel} at a time"
                measured[name] = Measured()
                measured[name].add(backfill(given.days, parallel, Path(temporary)))
    show("Cold processes, embedded default", measured)
    write("daily", 0, measured)


if __name__ == "__main__":
    main()
