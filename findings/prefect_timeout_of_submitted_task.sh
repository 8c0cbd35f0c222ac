#!/usr/bin/env bash
# Prefect: timeout_seconds of a submitted task is noticed when the task is done.
#
# One would guess: a task with timeout_seconds=1 is TimedOut after a second, called or submitted.
# What is so: called, it is interrupted (by a signal, in the main thread). Submitted, it runs in a thread
# that no signal reaches: a blocking call (a sleep, a query, a socket) goes on to its end. Only behind it is
# the task broken off and TimedOut: what the call did is done, and a retry does it a second time.
# For a pipeline: limits belong where the waiting is: statement_timeout, connect and read timeouts.
#
# Seen (Python 3.11, 2026-11-28):
#   prefect 3.9.1
#   called     TimedOut, only after all of the 5 s: False
#   submitted  TimedOut, only after all of the 5 s: True
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check 'prefect==3.9.1'
cd "$dir"
export PREFECT_HOME="$dir/home" PREFECT_SERVER_ANALYTICS_ENABLED=false PREFECT_LOGGING_LEVEL=CRITICAL

cat >demo.py <<'PY'
import time

import prefect
from prefect import flow, task
from prefect.testing.utilities import prefect_test_harness


@task(timeout_seconds=1)
def load() -> None:
    time.sleep(5)  # stands for a statement on the server


@flow
def demo() -> list[tuple[str, str, bool]]:
    seen = []
    for how in ("called", "submitted"):
        started = time.monotonic()
        if how == "called":
            state = load(return_state=True)
        else:
            state = load.submit(return_state=True)
        late = time.monotonic() - started > 4
        print(f"{how:<10} {state.name}, only after all of the 5 s: {late}")
        seen.append((how, state.name, late))
    return seen


print("prefect", prefect.__version__)
with prefect_test_harness(server_startup_timeout=180):
    seen = demo()
raise SystemExit(seen != [("called", "TimedOut", False), ("submitted", "TimedOut", True)])
PY
venv/bin/python demo.py
