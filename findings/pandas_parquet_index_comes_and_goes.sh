#!/usr/bin/env bash
# Which rows pandas dropped decides whether its Parquet file has one column more.
#
# One would guess: to_parquet writes the frame's columns, or always the index of a filtered frame.
# What is so: since pandas 3 an index that steps evenly stays a RangeIndex, which is kept in the file's
# metadata alone. Where the rows that are left don't step evenly the index becomes a real column,
# __index_level_0__, for every other reader.
# For a pipeline: the same job writes files of two schemas, by its data. Writers pass index=False;
# readers leave that name out.
#
# Seen (Python 3.11, 2026-11-28):
#   pandas 3.1.1 · pyarrow 26.0.1
#   rows dropped []      ['id']
#   rows dropped [4]     ['id']
#   rows dropped [1, 3]  ['id']
#   rows dropped [1]     ['id', '__index_level_0__']
#   rows dropped [2]     ['id', '__index_level_0__']
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check 'pandas==3.1.1' 'pyarrow==26.0.1'
cd "$dir"

venv/bin/python - <<'PY'
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

print("pandas", pd.__version__, "· pyarrow", pa.__version__)
seen = {}
for bad in ([], [4], [1, 3], [1], [2]):
    day = pd.DataFrame({"id": [0, 1, 2, 3, 4]})
    day[~day["id"].isin(bad)].to_parquet("day.parquet")
    seen[str(bad)] = pq.read_schema("day.parquet").names
    print(f"rows dropped {bad!s:<7}", seen[str(bad)])
two = ["id", "__index_level_0__"]
raise SystemExit(
    seen != {"[]": ["id"], "[4]": ["id"], "[1, 3]": ["id"], "[1]": two, "[2]": two}
)
PY
