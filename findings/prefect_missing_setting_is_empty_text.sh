#!/usr/bin/env bash
# Prefect: a variable that prefect.yaml names and that isn't there becomes empty text.
#
# One would guess: `prefect deploy` fails, or the flow's own default holds.
# What is so: {{ prefect.variables.x }} and {{ $X }} become "" when there is no such variable; "" is stored as
# the deployment's parameter and beats the default. The deploy succeeds without a warning.
# For a pipeline: after a deploy, look at the parameters it stored; validate "" away in the flow.
#
# Seen (Python 3.11, 2026-11-28):
#   prefect 3.9.1
#   exit code of deploy: 0 · stored: {'platform': '', 'lake': 'lake-'}
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check 'prefect==3.9.1'
cd "$dir"
export PREFECT_HOME="$dir/home" PREFECT_SERVER_ANALYTICS_ENABLED=false PREFECT_LOGGING_LEVEL=CRITICAL
unset PLATFORM_THAT_IS_NOT_SET
cat >prefect.yaml <<'YML'
name: demo
deployments:
- name: nightly
  entrypoint: daily.py:daily
  work_pool: {name: pool}
  parameters:
    platform: "{{ prefect.variables.platform_that_is_not_there }}"
    lake: "lake-{{ $PLATFORM_THAT_IS_NOT_SET }}"
YML
cat >daily.py <<'PY'
from prefect import flow


@flow
def daily(platform: str = "local", lake: str = "lake-local") -> None:
    """Never started."""
PY
cat >demo.py <<'PY'
import os
import subprocess

import prefect
from prefect.client.orchestration import get_client
from prefect.testing.utilities import prefect_test_harness

print("prefect", prefect.__version__)
with prefect_test_harness(server_startup_timeout=180), get_client(sync_client=True) as client:
    environment = os.environ | {"PREFECT_API_URL": str(client.api_url)}
    for command in (["work-pool", "create", "pool", "--type", "process"], ["deploy", "--all"]):
        done = subprocess.run(
            ["venv/bin/prefect", "--no-prompt", *command],
            env=environment,
            capture_output=True,
            check=True,
        )
    stored = client.read_deployment_by_name("daily/nightly").parameters
print("exit code of deploy:", done.returncode, "· stored:", stored)
raise SystemExit(stored != {"platform": "", "lake": "lake-"})
PY
venv/bin/python demo.py
