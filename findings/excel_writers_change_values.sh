#!/usr/bin/env bash
# pandas' Excel writers put other values into the file than they were given, and don't say so.
#
# One would guess: only Excel itself is limited to 15 digits, and text stays text: what Python wrote,
# Python reads back.
# What is so: openpyxl and XlsxWriter both write numbers with 16 significant digits, so the file holds
# another id. Text that begins with "=" is written as a formula that nobody has computed: it reads as
# nothing (openpyxl) or as 0 (XlsxWriter).
# For a pipeline: ids go into a sheet as text; an id of 17 digits that ends in 0, and a 0 where a sentence
# should be, are not what the writer's owner had.
#
# Seen (Python 3.11, 2026-11-28):
#   pandas 3.1.1 · openpyxl 3.1.5 · xlsxwriter 3.3.1
#   written     12345678901234567 =5G down
#   openpyxl    12345678901234570 nan
#   xlsxwriter  12345678901234570 0
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check \
    'pandas==3.1.1' 'openpyxl==3.1.5' 'xlsxwriter==3.3.1'
cd "$dir"

venv/bin/python - <<'PY'
from importlib.metadata import version

import pandas as pd

print(*(f"{name} {version(name)}" for name in ("pandas", "openpyxl", "xlsxwriter")), sep=" · ")
complaint = 12345678901234567
frame = pd.DataFrame({"id": [complaint], "said": ["=5G down"]})
print(f"{'written':<11}", *frame.iloc[0])
seen = {}
for engine in ("openpyxl", "xlsxwriter"):
    frame.to_excel("complaints.xlsx", engine=engine, index=False)
    row = pd.read_excel("complaints.xlsx", engine="openpyxl").iloc[0]
    seen[engine] = int(row["id"]), str(row["said"])
    print(f"{engine:<11}", *seen[engine])
raise SystemExit(
    seen != {"openpyxl": (12345678901234570, "nan"), "xlsxwriter": (12345678901234570, "0")}
)
PY
