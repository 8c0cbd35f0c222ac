#!/usr/bin/env bash
# DuckDB reads a column that holds nothing but F (or T) as a truth value.
#
# One would guess: a column of letters, say a gender, is text in every file.
# What is so: a CSV column whose values are all among t, f, yes, no, … is BOOLEAN (in 1.5.6, too). On a
# day when every row says F the value is false; with one M in the file it is 'F' again.
# For a pipeline: the type of a small column depends on who called that day. Read CSV as text and cast.
#
# Seen (Python 3.11, 2026-11-28):
#   duckdb 2.0.1
#   monday.csv BOOLEAN false
#   tuesday.csv VARCHAR F
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check 'duckdb==2.0.1'
cd "$dir"
printf 'id,gender\n1,F\n2,F\n' >monday.csv
printf 'id,gender\n1,F\n2,M\n' >tuesday.csv

venv/bin/python - <<'PY'
import duckdb

print("duckdb", duckdb.__version__)
seen = {}
for name in ("monday.csv", "tuesday.csv"):
    seen[name] = duckdb.sql(f"select typeof(gender), gender::text from '{name}'").fetchall()[0]
    print(name, *seen[name])
raise SystemExit(seen != {"monday.csv": ("BOOLEAN", "false"), "tuesday.csv": ("VARCHAR", "F")})
PY
