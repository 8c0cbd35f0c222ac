#!/usr/bin/env bash
# Prefect: a server that a flow starts for itself removes no old runs, whatever the vacuum's settings say.
#
# One would guess: with `flow_runs` in PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED, runs older than the retention
# period go, whichever server runs on the database.
# What is so: a temporary server (no PREFECT_API_URL) vacuums events alone. Its flow runs, with their logs and
# artifacts, stay in prefect.db. The same settings and the same file under `prefect server start`: the run goes.
# For a pipeline: where a scheduler starts flows without a server, prefect.db grows; start a server now and then.
#
# Seen (Python 3.11, 2026-11-29; a run that ended in 2025, 2 hours of retention, a vacuum every 2 seconds):
#   prefect 3.9.1
#   temporary server, 20 s     runs: 1
#   prefect server start       runs: 0
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check 'prefect==3.9.1'
cd "$dir"
export PREFECT_HOME="$dir/home" PREFECT_SERVER_ANALYTICS_ENABLED=false PREFECT_LOGGING_LEVEL=CRITICAL
export PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS=180
export PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED=events,flow_runs
export PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD=7200
export PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS=2
unset PREFECT_API_URL PREFECT_PROFILE

cat >runs.py <<'PY'
"""Make a run that has ended, or count runs: until there are none, at most so many seconds."""

import sys
import time

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.states import Completed


@flow
def daily() -> None:
    """Never started."""


with get_client(sync_client=True) as client:
    if sys.argv[1] == "make":
        client.create_flow_run(daily, state=Completed())
    else:
        end = time.monotonic() + int(sys.argv[1])
        while (left := len(client.read_flow_runs())) and time.monotonic() < end:
            time.sleep(1)
        print(left)
PY
cat >demo.py <<'PY'
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request

import prefect

print("prefect", prefect.__version__)


def runs(what: str, **settings: str) -> str:
    command = [sys.executable, "runs.py", what]
    done = subprocess.run(command, env=os.environ | settings, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def answers(url: str) -> bool:
    try:
        return urllib.request.urlopen(f"{url}/health").status == 200
    except OSError:
        return False


runs("make")
with sqlite3.connect("home/prefect.db") as connection:  # no server is running
    connection.execute("update flow_run set end_time = '2025-01-01 00:00:00.000000'")
connection.close()
temporary = runs("20")
print(f"{'temporary server, 20 s':<26} runs: {temporary}", flush=True)

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
server = subprocess.Popen(["venv/bin/prefect", "server", "start", "--port", str(port)], stdout=subprocess.DEVNULL)
try:
    url = f"http://127.0.0.1:{port}/api"
    while server.poll() is None and not answers(url):
        time.sleep(1)
    lasting = runs("60", PREFECT_API_URL=url)
finally:
    server.terminate()
    server.wait()
print(f"{'prefect server start':<26} runs: {lasting}")
raise SystemExit((temporary, lasting) != ("1", "0"))
PY
venv/bin/python demo.py
