#!/usr/bin/env bash
# import polars: what a process starts afterwards no longer ignores Ctrl-C, though the process does.
#
# One would guess: where SIGINT is ignored (a job in the background of a script, a supervisor), it is
# ignored by the programs that such a process starts, too: that is what exec keeps. And
# signal.getsignal says so.
# What is so: the import puts a handler of its own in the place of the ignored signal. Python still says
# SIG_IGN and the process itself goes on, but a handler isn't kept by exec: its children die of SIGINT.
# For a pipeline: worker processes of a job in the background end at a Ctrl-C that was meant for
# something else. Start them in a session of their own (start_new_session=True).
#
# Seen (Python 3.11, 2026-11-29):
#   polars 2.1.0
#   before  Python: 1  its child after SIGINT: 0
#   after   Python: 1  its child after SIGINT: -2
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check 'polars==2.1.0'
cd "$dir"

venv/bin/python - <<'PY'
import signal
import subprocess
import sys

signal.signal(signal.SIGINT, signal.SIG_IGN)


def look(when: str) -> int:
    child = subprocess.run(["sh", "-c", "kill -INT $$"]).returncode
    ignored = int(signal.getsignal(signal.SIGINT))
    print(f"{when:<7} Python: {ignored}  its child after SIGINT: {child}")
    return child


before = look("before")
import polars

print("polars", polars.__version__)
after = look("after")
signal.raise_signal(signal.SIGINT)  # the process itself goes on
sys.exit((before, after) != (0, -signal.SIGINT))
PY
