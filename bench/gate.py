"""What the graph itself costs: the daily flow with empty task bodies on a running Prefect server.

`python -m bench.gate [--runs 10]` prints seconds (median, minimum, maximum) of: the end of
determine_load_type to the start of the first complaint transform, and a whole run; on the server
that `make server` starts, and on one as Prefect starts it.
"""

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from bench.figures import Measured, show, write

RUN_DATE = date(2025, 11, 21)
SERVERS = {"make server": ("blocks.server",), "Prefect's default": ("prefect", "server", "start")}


@contextlib.contextmanager
def prefect_server(kind: str) -> Iterator[str]:
    """A Prefect server of its own while the block runs; gives its API's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    with tempfile.TemporaryDirectory() as home:
        own = {"PREFECT_HOME": home, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        server = subprocess.Popen(
            [sys.executable, "-m", *SERVERS[kind], "--port", str(port)],
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
    from tasks import gate, ingest, load, set_up, transform, warehouse
    from tasks.entities.references import Bronze, Loaded, Silver
    from tasks.gate import LoadType
    from tasks.loading import tables

    def land(entity: Any, run_date: date, *_: Any) -> Bronze:
        return Bronze(entity.name, run_date, "", "", "", 0)

    def refine(entity: Any, bronze: Bronze, *_: Any) -> Silver:
        if not entity.is_static:
            times.setdefault("transform", time.monotonic())
        return Silver(entity.name, bronze.run_date, "", "", "", "", "", 0, 0, 0, 0, 0, 0)

    def loaded(entity: Any, silver: Silver, *_: Any, **__: Any) -> Loaded:
        return Loaded(entity.name, silver.run_date, 0, 0, 0, 0, 0, 0, 0)

    def load_type(platform: str, refresh_static: bool) -> LoadType:
        times["load_type"] = time.monotonic()
        return LoadType.INITIAL if refresh_static else LoadType.INCREMENTAL

    def nothing(*_: Any, **__: Any) -> int:
        return 0

    ingest.land, ingest.samples.ensure = land, nothing  # type: ignore[assignment]
    transform.refine = refine  # type: ignore[assignment]
    load.load_day = load.load_static = loaded
    gate._load_type = load_type
    tables.create_all_tables = nothing  # type: ignore[assignment]
    tables.lost_days = lambda connection: []
    set_up.record = nothing  # type: ignore[assignment]
    tables.clear_staging = tables.cleanup_checkpoints = nothing
    warehouse._build = lambda *_: warehouse.Built(0, (), 0.0)


def wait_until_recorded() -> None:
    """Until the server has written down the run before: daily runs are further apart than these."""
    under_way = {"state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING"]}}}
    question = urllib.request.Request(
        f"{os.environ['PREFECT_API_URL']}/task_runs/count",
        json.dumps({"task_runs": under_way}).encode(),
        {"Content-Type": "application/json"},
    )
    while True:
        with urllib.request.urlopen(question) as answer:
            if answer.read() == b"0":
                return
        time.sleep(0.1)


def measure(runs: int, *, initial: bool, times: dict[str, float]) -> dict[str, list[float]]:
    """Seconds of `runs` runs: to the first complaint transform, and whole."""
    from flows.daily import daily

    gate, whole = "load type known to first complaint transform", "whole run"
    found: dict[str, list[float]] = {gate: [], whole: []}
    for _ in range(runs + 1):
        wait_until_recorded()
        times.clear()
        began = time.monotonic()
        run: Any = daily(RUN_DATE, refresh_static=initial, return_state=True)
        state = asyncio.run(run)
        ended = time.monotonic()
        if not state.is_completed():
            raise RuntimeError(f"the run failed: {state.message}")
        found[gate].append(times["transform"] - times["load_type"])
        found[whole].append(ended - began)
    return {name: seconds[1:] for name, seconds in found.items()}  # the first one warms up


def main() -> None:
    """Measure and print, or (in a process of its own) measure on one kind of server."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=10)
    options.add_argument("--on", choices=SERVERS, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.on:
        sys.stdout.write(f"\n{json.dumps(on_server(given.on, given.runs))}\n")
        return
    readings: dict[str, Measured] = {}
    for kind in SERVERS:
        # Prefect reads its settings once a process.
        command = [sys.executable, "-m", "bench.gate", "--runs", str(given.runs), "--on", kind]
        answer = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        for name, seconds in json.loads(answer.stdout.splitlines()[-1]).items():
            readings[f"{kind}: {name}"] = Measured(seconds, [0.0] * len(seconds))
    show("Empty task bodies", readings)
    write("gate", 0, readings)


def on_server(kind: str, runs: int) -> dict[str, list[float]]:
    """Seconds of all that is measured, on a server of that kind."""
    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    readings: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        api = stack.enter_context(prefect_server(kind))
        home = stack.enter_context(tempfile.TemporaryDirectory())
        Path(home).chmod(0o755)
        os.environ |= {"PREFECT_API_URL": api, "CORETELECOMS_HOME": home}
        times: dict[str, float] = {}
        empty_bodies(times)
        for path, initial in (("incremental", False), ("initial", True)):
            for part, seconds in measure(runs, initial=initial, times=times).items():
                readings[f"{path}, {part}"] = seconds
    return readings


if __name__ == "__main__":
    main()
