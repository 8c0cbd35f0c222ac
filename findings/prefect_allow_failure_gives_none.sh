#!/usr/bin/env bash
# Prefect: allow_failure gives the exception of the task that failed, but None of one that it held back.
#
# One would guess: a task that asks for allow_failure(x) can see whether x gave a value.
# What is so: if x itself failed, it gets the exception. If x never ran, because a task before it failed, x is
# NotReady and it gets None: the same as from a task that ended well and returns nothing.
# For a pipeline: whoever reports on failures looks at states, not at what allow_failure gives.
#
# Seen (Python 3.11, 2026-11-29):
#   prefect 3.9.1
#   Failed     ValueError('no file')
#   NotReady   None
#   Completed  None
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check 'prefect==3.9.1'
cd "$dir"
export PREFECT_HOME="$dir/home" PREFECT_SERVER_ANALYTICS_ENABLED=false PREFECT_LOGGING_LEVEL=CRITICAL

cat >demo.py <<'PY'
import prefect
from prefect import allow_failure, flow, task
from prefect.testing.utilities import prefect_test_harness


@task
def load() -> None:
    raise ValueError("no file")


@task
def clean(rows: object) -> None:
    """Gives nothing."""


@task
def given(upstream: object) -> str:
    return repr(upstream)


@flow
def demo() -> list[tuple[str, str]]:
    failed = load.submit()
    upstreams = (failed, clean.submit(failed), clean.submit(1))
    seen = []
    for upstream in upstreams:
        what = given.submit(allow_failure(upstream)).result()
        upstream.wait()
        print(f"{upstream.state.name:<10} {what}")
        seen.append((upstream.state.name, what))
    return seen


print("prefect", prefect.__version__)
with prefect_test_harness(server_startup_timeout=180):
    seen = demo()
raise SystemExit(seen != [("Failed", "ValueError('no file')"), ("NotReady", "None"), ("Completed", "None")])
PY
venv/bin/python demo.py
