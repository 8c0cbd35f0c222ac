#!/usr/bin/env bash
# DuckDB chooses day/month or month/day for each file, by the other rows in it.
#
# One would guess: an ambiguous date such as 05/11/2025 stays text, or is read in one way every day.
# What is so: the sniffer takes the first order that every row of the sample fits, day first. One row
# with a day above 12 in second place turns all the others round, without a warning.
# For a pipeline: the same cell means 5 November in one day's file and 11 May in the next one. Read
# dates as text (all_varchar) or give dateformat.
#
# Seen (Python 3.11, 2026-11-28):
#   duckdb 2.0.1
#   quiet.csv  05/11/2025 is DATE 2025-11-05
#   busy.csv   05/11/2025 is DATE 2025-05-11
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check 'duckdb==2.0.1'
cd "$dir"
printf 'id,opened\n1,05/11/2025\n2,06/11/2025\n' >quiet.csv
printf 'id,opened\n1,05/11/2025\n2,11/21/2025\n' >busy.csv

venv/bin/python - <<'PY'
import duckdb

print("duckdb", duckdb.__version__)


def first(source: str) -> tuple[str, str]:
    rows = duckdb.sql(f"select typeof(opened), opened::text from read_csv({source}) where id = 1")
    return rows.fetchall()[0]


seen = {}
for name in ("quiet.csv", "busy.csv"):
    kind, value = seen[name] = first(f"'{name}'")
    print(f"{name:<10} 05/11/2025 is {kind} {value}")
raise SystemExit(seen != {"quiet.csv": ("DATE", "2025-11-05"), "busy.csv": ("DATE", "2025-05-11")})
PY
