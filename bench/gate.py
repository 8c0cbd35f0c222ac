"""What the graph itself costs: the daily flow with empty task bodies on a running Prefect server.

`python -m bench.gate [--runs 10]` prints seconds (median, minimum, maximum) of: the end of
determine_load_type to the start of the first complaint transform, and a whole run.
"""

import argparse
import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from datetime import date
from typing import Any

from bench.figures import Measured, show, write

RUN_DATE = date(2025, 11, 21)


@contextlib.contextmanager
def prefect_server() -> Iterator[str]:
    """A Prefect server of its own while the block runs; gives its API's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    with tempfile.TemporaryDirectory() as home:
        own = {"PREFECT_HOME": home, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        server = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)],
            env=os.environ | own,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while True:
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{api}/health"):
                    break
                if server.poll() is not None:
                    raise RuntimeError("the Prefect server ended before it answered")
                time.sleep(0.1)
            yield api
        finally:
            server.terminate()
            server.wait()


def empty_bodies(times: dict[str, float]) -> None:
    """Replace what the tasks do by nothing; `times` gets when the measured ones ended or began."""
    from tasks import ingest, load, state, tables, transform, warehouse
    from tasks.references import Bronze, Loaded, Silver
    from tasks.state import LoadType

    def land(entity: Any, run_date: date, *_: Any) -> Bronze:
        return Bronze(entity.name, run_date, "", "", "", 0)

    def refine(entity: Any, bronze: Bronze, *_: Any) -> Silver:
        if not entity.is_static:
            times.setdefault("transform", time.monotonic())
        return Silver(entity.name, bronze.run_date, "", "", "", "", "", 0, 0, 0, 0, 0, 0)

    def loaded(entity: Any, silver: Silver, *_: Any) -> Loaded:
        return Loaded(entity.name, silver.run_date, 0, 0, 0, 0, 0, 0, 0)

    def load_type(platform: str, refresh_static: bool) -> LoadType:
        times["load_type"] = time.monotonic()
        return LoadType.INITIAL if refresh_static else LoadType.INCREMENTAL

    def nothing(*_: Any) -> int:
        return 0

    ingest.land, ingest.samples.ensure = land, nothing  # type: ignore[assignment]
    transform.refine = refine  # type: ignore[assignment]
    load.load_day = load.load_static = loaded  # type: ignore[assignment]
    state._load_type = load_type
    tables.create_all_tables = nothing  # type: ignore[assignment]
    tables.clear_staging = tables.cleanup_checkpoints = nothing
    warehouse._build = lambda _: warehouse.Built(0, (), 0.0)


def measure(runs: int, *, initial: bool, times: dict[str, float]) -> dict[str, list[float]]:
    """Seconds of `runs` runs: to the first complaint transform, and whole."""
    from flows.daily import daily

    gate, whole = "load type known to first complaint transform", "whole run"
    found: dict[str, list[float]] = {gate: [], whole: []}
    for _ in range(runs + 1):
        times.clear()
        began = time.monotonic()
        state = asyncio.run(daily(RUN_DATE, refresh_static=initial, return_state=True))
        ended = time.monotonic()
        if not state.is_completed():
            raise RuntimeError(f"the run failed: {state.message}")
        found[gate].append(times["transform"] - times["load_type"])
        found[whole].append(ended - began)
    return {name: seconds[1:] for name, seconds in found.items()}  # the first one warms up


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=10)
    runs = options.parse_args().runs
    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    with prefect_server() as api, tempfile.TemporaryDirectory() as home:
        os.environ |= {"PREFECT_API_URL": api, "CORETELECOMS_HOME": home}
        times: dict[str, float] = {}
        empty_bodies(times)
        readings: dict[str, Measured] = {}
        for path, initial in (("incremental", False), ("initial", True)):
            for part, seconds in measure(runs, initial=initial, times=times).items():
                readings[f"{path}, {part}"] = Measured(seconds, [0.0] * len(seconds))
    show("Empty task bodies", readings)
    write("gate", 0, readings)


if __name__ == "__main__":
    main()
