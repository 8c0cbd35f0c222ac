#!/usr/bin/env bash
# Prefect: a task that is given a set of texts is never found in the cache by another process.
#
# One would guess: the same set gives the same cache key, as the same dict does in any order.
# What is so: the key is a hash of the set's items as they come, and Python orders texts by a hash that
# differs in every process. Within one process the cache works, so a trial looks fine; a retry after a
# crash, or the next day's worker, does the work again.
# For a pipeline: give tasks tuples or sorted lists.
#
# Seen (Python 3.11, 2026-11-28):
#   prefect 3.9.1
#   keys in three processes (dict, list, set):
#   c06fed6d 0eea42dd 82440a64
#   c06fed6d 0eea42dd 6999ad16
#   c06fed6d 0eea42dd 959b358b
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check 'prefect==3.9.1'
cd "$dir"
export PREFECT_HOME="$dir/home" PREFECT_SERVER_ANALYTICS_ENABLED=false

cat >demo.py <<'PY'
from prefect.cache_policies import INPUTS


def key(value: object) -> str:
    return INPUTS.compute_key(None, {"channels": value}, {})[:8]


channels = ["call_logs", "sm_complaints", "web_complaints", "agents", "customers"]
print(key(dict.fromkeys(channels)), key(channels), key(set(channels)))
PY
venv/bin/python -c 'import prefect; print("prefect", prefect.__version__)'
for seed in 1 2 3; do
    PYTHONHASHSEED=$seed venv/bin/python demo.py
done >keys
echo "keys in three processes (dict, list, set):"
cat keys
[ "$(cut -d' ' -f1 keys | sort -u | wc -l)" = 1 ]
[ "$(cut -d' ' -f2 keys | sort -u | wc -l)" = 1 ]
[ "$(cut -d' ' -f3 keys | sort -u | wc -l)" -gt 1 ]
