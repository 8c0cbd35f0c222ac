#!/usr/bin/env bash
# dlt merges headers that normalise to one name, and splits one header by its letters' case.
#
# One would guess: two columns that get the same name are an error, and "customer ID" and
# "customeR iD" get the same one.
# What is so: "Call ID", "call_id" and "CALL-ID" all become call_id, and of each row only the last value
# is kept, without a word. "customeR iD" becomes custome_r_i_d, a second column next to customer_id.
# For a pipeline: rename odd headers before dlt sees them, and refuse two that come out alike.
#
# Seen (Python 3.11, 2026-11-28):
#   dlt 1.31.0
#   merged ['call_id'] [(3,)]
#   split ['customer_id', 'custome_r_i_d'] [(1, None), (None, 2)]
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check 'dlt[duckdb]==1.31.0' 'duckdb==2.0.1'
cd "$dir"
export RUNTIME__DLTHUB_TELEMETRY=false RUNTIME__LOG_LEVEL=CRITICAL

venv/bin/python - <<'PY'
import dlt
import duckdb

print("dlt", dlt.__version__)
pipeline = dlt.pipeline(
    "odd", destination=dlt.destinations.duckdb("odd.db"), dataset_name="d", pipelines_dir="state"
)
pipeline.run([{"Call ID": 1, "call_id": 2, "CALL-ID": 3}], table_name="merged")
pipeline.run([{"customer ID": 1}, {"customeR iD": 2}], table_name="split")
seen = {}
with duckdb.connect("odd.db") as connection:
    for table in ("merged", "split"):
        rows = connection.sql(f"select * exclude (_dlt_load_id, _dlt_id) from d.{table}")
        seen[table] = rows.columns, rows.fetchall()
        print(table, *seen[table])
raise SystemExit(
    seen
    != {
        "merged": (["call_id"], [(3,)]),
        "split": (["customer_id", "custome_r_i_d"], [(1, None), (None, 2)]),
    }
)
PY
