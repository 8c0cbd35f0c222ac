#!/usr/bin/env bash
# polars.read_excel leaves out what doesn't fit the types of the first rows, whole rows included.
#
# One would guess: a text after 2,000 numbers makes the column text, or is an error as in read_csv.
# What is so: types come from the first 100 rows. A later value that doesn't fit becomes null; a row of
# which nothing fits then counts as blank and is dropped. No error, no warning.
# For a pipeline: count what the sheet holds by another reader, or read it with infer_schema_length=0
# (all of it as text).
#
# Seen (Python 3.11, 2026-11-28):
#   polars 2.1.0 · fastexcel 0.21.0
#   rows in the sheet 2002, read 2001 {'id': Int64, 'agent': Int64}
#   last row (2000, None)
#   as text 2002 ('2000', 'A-17') ('C-2001', 'A-18')
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check \
    'polars==2.1.0' 'fastexcel==0.21.0' 'openpyxl==3.1.5'
cd "$dir"

venv/bin/python - <<'PY'
from importlib.metadata import version

import openpyxl
import polars as pl

print("polars", version("polars"), "· fastexcel", version("fastexcel"))
book = openpyxl.Workbook()
book.active.append(["id", "agent"])
for number in range(2000):
    book.active.append([number, number])
book.active.append([2000, "A-17"])
book.active.append(["C-2001", "A-18"])
book.save("calls.xlsx")

frame = pl.read_excel("calls.xlsx")
text = pl.read_excel("calls.xlsx", infer_schema_length=0)
print("rows in the sheet 2002, read", frame.height, dict(frame.schema))
print("last row", frame.row(-1))
print("as text", text.height, text.row(-2), text.row(-1))
seen = frame.height, frame.row(-1), text.height, text.row(-1)
raise SystemExit(seen != (2001, (2000, None), 2002, ("C-2001", "A-18")))
PY
