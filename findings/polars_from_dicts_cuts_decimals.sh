#!/usr/bin/env bash
# polars.from_dicts cuts decimals, and forgets keys, that first appear after row 100.
#
# One would guess: the column becomes a float, or the call fails as pl.DataFrame({"x": [...]}) does.
# What is so: the first 100 rows decide. After whole numbers 1.9 becomes 1, after truth values 7 becomes
# False, and a key that no earlier row had is not there at all. pl.DataFrame(list_of_dicts) does the same,
# and read_ndjson forgets the key too. No error, no warning.
# For a pipeline: records from an API or from JSON need a schema, or infer_schema_length=None.
#
# Seen (Python 3.11, 2026-11-28):
#   polars 2.1.0
#   from_dicts          {'minutes': 1, 'solved': False}
#   DataFrame           {'minutes': 1, 'solved': False}
#   all rows looked at  {'minutes': 1.9, 'solved': 7, 'reason': 'late'}
#   read_ndjson         ['id']
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check 'polars==2.1.0'
cd "$dir"

venv/bin/python - <<'PY'
import io
import json

import polars as pl

print("polars", pl.__version__)
rows = [{"minutes": 1, "solved": True}] * 150 + [{"minutes": 1.9, "solved": 7, "reason": "late"}]
seen = {
    "from_dicts": pl.from_dicts(rows).row(-1, named=True),
    "DataFrame": pl.DataFrame(rows).row(-1, named=True),
    "all rows looked at": pl.from_dicts(rows, infer_schema_length=None).row(-1, named=True),
}
late = [{"id": number} for number in range(150)] + [{"id": 150, "reason": "late"}]
lines = "".join(json.dumps(row) + "\n" for row in late).encode()
seen["read_ndjson"] = pl.read_ndjson(io.BytesIO(lines)).columns
for name, value in seen.items():
    print(f"{name:<19}", value)
cut = {"minutes": 1, "solved": False}
raise SystemExit(
    seen["from_dicts"] != cut or seen["DataFrame"] != cut or seen["read_ndjson"] != ["id"]
)
PY
