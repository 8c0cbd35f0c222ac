#!/usr/bin/env bash
# Prefect: an idempotency key belongs to the flow, so another deployment gets the first one's run.
#
# One would guess: run_deployment("daily/test", idempotency_key="2025-11-21") makes a run of that deployment.
# What is so: where any deployment of the same flow has used the key, its run comes back, of the other
# deployment and with the other parameters. Nothing new runs, and no error says so.
# For a pipeline: the deployment's name belongs in the key.
#
# Seen (Python 3.11, 2026-11-28):
#   prefect 3.9.1
#   asked for daily/production: its own run True, parameters {'platform': 'production'}
#   asked for daily/test: its own run False, parameters {'platform': 'production'}
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check 'prefect==3.9.1'
cd "$dir"
export PREFECT_HOME="$dir/home" PREFECT_SERVER_ANALYTICS_ENABLED=false PREFECT_LOGGING_LEVEL=CRITICAL

cat >demo.py <<'PY'
import prefect
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment
from prefect.testing.utilities import prefect_test_harness


@flow
def daily(platform: str) -> None:
    """Never started: no worker is there."""


print("prefect", prefect.__version__)
seen = []
with prefect_test_harness(server_startup_timeout=180), get_client(sync_client=True) as client:
    flow_id = client.create_flow(daily)
    for name in ("production", "test"):
        deployment = client.create_deployment(flow_id, name, entrypoint="demo.py:daily")
        run = run_deployment(
            f"daily/{name}", parameters={"platform": name}, idempotency_key="2025-11-21", timeout=0
        )
        seen.append((run.deployment_id == deployment, run.parameters["platform"]))
        print(f"asked for daily/{name}: its own run {seen[-1][0]}, parameters {run.parameters}")
raise SystemExit(seen != [(True, "production"), (False, "production")])
PY
venv/bin/python demo.py
